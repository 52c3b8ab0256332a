package account

import (
	"strings"
	"testing"
)

func TestNamesAreKeptInOneForm(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ typed, want string }{
		{" Ada Lovelace\u00a0\n", "Ada Lovelace"},
		{"Zoe\u0308", "Zoë"},
		{"李", "李"},
		{"ｱﾀﾞ", "ｱﾀﾞ"}, // NFC, not NFKC: it is theirs to write
		{"O'Neill-Ørsted, Jr.", "O'Neill-Ørsted, Jr."},
		{"श\u094dर\u200dी", "श\u094dर\u200dी"}, // a joiner belongs to the spelling
		{"👩\u200d🚀", "👩\u200d🚀"},
		{"<b>Ada</b>", "<b>Ada</b>"}, // escaped where it is shown
		{strings.Repeat("é", 100), strings.Repeat("é", 100)},
		{strings.Repeat("e\u0301", 100), strings.Repeat("é", 100)},
	} {
		got, f := CanonicalName(c.typed)
		if f != nil || got != c.want {
			t.Errorf("%q: got %q, %v; want %q", c.typed, got, f, c.want)
		}
	}
}

func TestNamesThatForgeOrHideAreRefused(t *testing.T) {
	t.Parallel()
	const (
		missing = "account.name.missing"
		invalid = "account.name.invalid"
		long    = "account.name.too_long"
	)
	for _, c := range []struct{ typed, want string }{
		{"", missing},
		{" \u3000\n", missing},
		{"\u200b\u200d", missing},
		{"\u3164", missing}, // Hangul filler: a letter by class
		{"Ada\r\nBcc: eve@example.org", invalid},
		{"Ada\x1b[31m", invalid},
		{"Ada\x00", invalid},
		{"Ada\u0085Eve", invalid},
		{"Ada\u2028Eve", invalid},
		{"Ada\u2029Eve", invalid},
		{"Ada\u202eevE", invalid},
		{"Ada\u2066Eve", invalid},
		{"Ada\u200f", invalid},
		{"Ada\u061c", invalid},
		{"Ada\xff", invalid},
		{strings.Repeat("é", 101), long},
		{strings.Repeat("e", 10<<20), long},
	} {
		got, f := CanonicalName(c.typed)
		if m := message(t, f, "name"); m != c.want || got != "" {
			t.Errorf("%.40q: got %q, %q; want %q", c.typed, got, m, c.want)
		}
	}
}
