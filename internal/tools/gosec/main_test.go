package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFindingsAndNeedlessExceptionsFail(t *testing.T) {
	const weak = "package a\n\nimport \"crypto/md5\"\n\n"
	digest := weak + "var Digest = md5.New() // #nosec G401"
	for _, c := range []struct {
		name, source, says string
		pass               []exception
		bad                int
	}{
		{"finding", digest + " -- not secret", "a.go:3: G501", nil, 1},
		{"exception", digest + " -- not secret", "1 findings let pass by 1 exceptions, 0 others", []exception{{"G501", "a.go", "a test"}}, 0},
		{"needless exception", "package a", `exception G501 "a.go" is needed no more`, []exception{{"G501", "a.go", "a test"}}, 1},
		{"no reason given", digest, "invalid nosec directive", nil, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string]string{"go.mod": "module a\n\ngo 1.26\n", "a.go": c.source + "\n"} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var out strings.Builder
			bad, err := check(dir, c.pass, &out)
			if err != nil {
				bad = -1
				out.WriteString(err.Error())
			}
			if bad != c.bad || !strings.Contains(out.String(), c.says) {
				t.Errorf("%d bad, want %d; said:\n%s", bad, c.bad, out.String())
			}
		})
	}
}
