package audit

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"unicode"
)

// FuzzCell: no cell begins like a formula or breaks its line, and a reader of
// CSV gets back what was written.
func FuzzCell(f *testing.F) {
	for _, s := range []string{"Firefox on Linux", "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r\n=1", "\x00", `a","b`, "", "'=1", "\xff", "\u202e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Cell(s)
		if got != "" && strings.ContainsRune("=+-@\t\r", rune(got[0])) || strings.ContainsFunc(got, func(r rune) bool { return r < 0x80 && unicode.IsControl(r) }) {
			t.Errorf("%q is written as %q", s, got)
		}
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		if err := w.Write([]string{"x", got, "y"}); err != nil {
			t.Fatal(err)
		}
		w.Flush()
		back, err := csv.NewReader(&b).ReadAll()
		if err != nil || len(back) != 1 || len(back[0]) != 3 || back[0][1] != got {
			t.Errorf("%q comes back as %q, %v", got, back, err)
		}
	})
}
