package text

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func loaded(t *testing.T) *Catalogue {
	t.Helper()
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWords(t *testing.T) {
	t.Parallel()
	c := loaded(t)
	for _, tc := range []struct {
		id   string
		args map[string]any
		want string
	}{
		{"title.wrong_code", nil, "That code is not right"},
		{"fault.wrong_code.left", map[string]any{"Count": 3}, "That is not the code. You have 3 tries left."},
		{"fault.wrong_code.left", map[string]any{"Count": 1}, "That is not the code. You have one try left."},
		{"fault.too_many_attempts", map[string]any{"Wait": Wait(598 * time.Second)}, "Too many attempts. You can try again in 9:58."},
		{"fault.too_many_attempts", nil, "[fault.too_many_attempts]"}, // a value was forgotten
		{"no.such.words", nil, "[no.such.words]"},
		{"fault.unknown_host", map[string]any{"Host": "<b>{{.X}}", "BaseURL": "u"}, "This request came for <b>{{.X}}, but BASE_URL is u. If <b>{{.X}} is the right name, set BASE_URL to it; if a proxy stands in front, have it pass the Host header on unchanged."},
	} {
		if got := c.T(tc.id, tc.args); got != tc.want {
			t.Errorf("%s %v: %q", tc.id, tc.args, got)
		}
	}
}

func TestWaitsCountDownLikeAClock(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0:00", time.Millisecond: "0:01", 45 * time.Second: "0:45", 598 * time.Second: "9:58",
		time.Hour - time.Millisecond: "1:00:00", 23*time.Hour + 5*time.Minute: "23:05:00", -time.Second: "0:00",
	} {
		if got := Wait(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

func TestABrokenCatalogueStopsTheStart(t *testing.T) {
	t.Parallel()
	_, err := load(fstest.MapFS{
		"en.toml":      {Data: []byte("\"a.b\" = \"{{.X\"\n\"a.c\" = \"\"\n\"a.d\" = \"fine\"\n")},
		"more.en.toml": {Data: []byte("\"a.d\" = \"again\"\n")},
		"bad.en.toml":  {Data: []byte("= nothing")},
	})
	if err == nil {
		t.Fatal("loaded")
	}
	for _, part := range []string{"a.b", "a.c", `"a.d" is in`, "bad.en.toml"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v lacks %q", err, part)
		}
	}
}

// used finds ids as they stand in code and templates: a quoted word with dots
// whose first part is one that the catalogue uses. That needs no list of the
// functions that take ids, so a new one can't be forgotten.
var used = regexp.MustCompile("[\"`]([a-z][a-z0-9_]*(?:\\.[a-z0-9_]+)+)[\"`]")

var notWords = []string{".html", ".txt", ".css", ".js", ".toml", ".sql", ".json", ".go", ".yaml", ".svg", ".png", ".ico"}

// TestEveryIDIsUsedAndEveryUseHasWords reads the whole tree.
func TestEveryIDIsUsedAndEveryUseHasWords(t *testing.T) {
	t.Parallel()
	c := loaded(t)
	spaces := map[string]bool{}
	for _, id := range c.IDs() {
		space, _, _ := strings.Cut(id, ".")
		spaces[space] = true
	}
	uses := usesIn(t, "../..", spaces)
	// A code's own words are found by its name.
	for _, code := range codes(t) {
		uses["title."+code], uses["fault."+code] = "its code", "its code"
	}
	for id, where := range uses {
		if !c.Has(id) {
			t.Errorf("%s (%s) has no words in internal/text/*.toml", id, where)
		}
	}
	for _, id := range c.IDs() {
		if uses[id] == "" {
			t.Errorf("%s is used nowhere: take its words out", id)
		}
	}
}

func usesIn(t *testing.T, root string, spaces map[string]bool) map[string]string {
	t.Helper()
	uses := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules") {
				return fs.SkipDir
			}
			return nil
		}
		isGo := strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
		if !isGo && !strings.HasSuffix(name, ".html") && !strings.HasSuffix(name, ".txt") {
			return nil
		}
		file, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for i, line := range strings.Split(string(file), "\n") {
			if isGo && strings.HasPrefix(strings.TrimSpace(line), "//") {
				continue
			}
			for _, m := range used.FindAllStringSubmatch(line, -1) {
				space, _, _ := strings.Cut(m[1], ".")
				file := slices.ContainsFunc(notWords, func(end string) bool { return strings.HasSuffix(m[1], end) })
				if spaces[space] && !file {
					uses[m[1]] = fmt.Sprintf("%s:%d", path, i+1)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return uses
}

// codes reads the codes of problems where they are defined.
func codes(t *testing.T) []string {
	t.Helper()
	file, err := os.ReadFile("../fault/fault.go")
	if err != nil {
		t.Fatal(err)
	}
	found := []string{"internal"} // edge's own, for what is no fault
	for _, m := range regexp.MustCompile(`\bCode\s*=\s*"([a-z_]+)"`).FindAllStringSubmatch(string(file), -1) {
		found = append(found, m[1])
	}
	if len(found) < 20 {
		t.Fatalf("found only %v", found)
	}
	return found
}
