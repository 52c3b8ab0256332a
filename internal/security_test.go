package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const securityPage = "../docs/security.md"

var (
	testName = regexp.MustCompile("`((?:Test|Fuzz)[A-Z][A-Za-z0-9_]*)(?:/([^`]+))?`")
	cells    = regexp.MustCompile(`^\| (.+) \| (.*) \| (.+) \|$`)
)

// TestSecurityPageNamesTestsThatExist keeps docs/security.md from rotting: each
// test that it names is there, and each requirement names one or a dash. A part
// after a slash is a case, which has to be a string of that test's package.
func TestSecurityPageNamesTestsThatExist(t *testing.T) {
	page, err := os.ReadFile(securityPage)
	if err != nil {
		t.Fatal(err)
	}
	where := testsByFolder(t)
	named := testName.FindAllStringSubmatch(string(page), -1)
	if len(named) < 100 {
		t.Fatalf("only %d tests are named", len(named))
	}
	for _, n := range named {
		folder, ok := where[n[1]]
		if !ok {
			t.Errorf("%s names %s, which is nowhere", securityPage, n[1])
		} else if n[2] != "" && !folder.strings[n[2]] {
			t.Errorf("%s names the case %q of %s, which has none", securityPage, n[2], n[1])
		}
	}
	for _, wrong := range unproved(string(page)) {
		t.Error(wrong)
	}
}

// TestUnprovedRequirementsAreSeen proves that the reader of tables finds what it is there to find.
func TestUnprovedRequirementsAreSeen(t *testing.T) {
	const head = "## Requirements\n\n| requirement | here | shown by |\n|---|---|---|\n"
	for row, bad := range map[string]int{
		"| 6.1.1 x | y | `TestX` |":   0,
		"| 6.1.1 x | y | — |":         0,
		"| 6.1.1 x | y | we looked |": 1,
		"| 6.1.1 x | y |":             1,
	} {
		if got := unproved(head + row + "\n\n## Deviations\n| a | b | c |\n"); len(got) != bad {
			t.Errorf("%q: %q", row, got)
		}
	}
}

// unproved returns the rows under Requirements without a test or a dash.
func unproved(page string) (wrong []string) {
	_, rows, _ := strings.Cut(page, "\n## Requirements\n")
	if rest, ok := strings.CutPrefix(page, "## Requirements\n"); ok {
		rows = rest
	}
	rows, _, _ = strings.Cut(rows, "\n## ")
	for line := range strings.Lines(rows) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") || strings.HasSuffix(line, "| shown by |") {
			continue
		}
		c := cells.FindStringSubmatch(line)
		if c == nil || c[3] != "—" && !testName.MatchString(c[3]) {
			wrong = append(wrong, "nothing shows: "+line)
		}
	}
	return wrong
}

type testFolder struct{ strings map[string]bool }

// testsByFolder reads every test file: names of tests, and the strings beside them.
func testsByFolder(t *testing.T) map[string]*testFolder {
	t.Helper()
	folders, tests := map[string]*testFolder{}, map[string]*testFolder{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			if d != nil && d.IsDir() && path != ".." && strings.HasPrefix(d.Name(), ".") {
				return filepath.SkipDir
			}
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil // somebody else's failing build
		}
		dir := filepath.Dir(path)
		if folders[dir] == nil {
			folders[dir] = &testFolder{map[string]bool{}}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv == nil {
					tests[n.Name.Name] = folders[dir]
				}
			case *ast.BasicLit:
				if s, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
					folders[dir].strings[s] = true
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests
}

// floors are the versions below which a hole is known that the program reaches.
var floors = []struct{ module, least, why string }{
	{"github.com/quic-go/quic-go", "v0.65.0", "GO-2026-5676, through gin"},
}

// TestFloors needs no network, unlike govulncheck: what was raised once for a
// hole stays raised.
func TestFloors(t *testing.T) {
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range floors {
		m := regexp.MustCompile(`(?m)^\s+` + regexp.QuoteMeta(f.module) + ` v(\S+)`).FindSubmatch(mod)
		if m == nil {
			t.Errorf("%s is in go.mod no more: take its floor away", f.module)
		} else if slices.Compare(numbers(t, string(m[1])), numbers(t, f.least[1:])) < 0 {
			t.Errorf("%s v%s is below %s: %s", f.module, m[1], f.least, f.why)
		}
	}
}

func numbers(t *testing.T, v string) (n []int) {
	t.Helper()
	v, _, _ = strings.Cut(v, "-")
	for part := range strings.SplitSeq(v, ".") {
		i, err := strconv.Atoi(part)
		if err != nil {
			t.Fatalf("version %q: %v", v, err)
		}
		n = append(n, i)
	}
	return n
}
