package attack_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// line is one thing that went wrong elsewhere. Either it is tried here, or a
// test in the package it is about does so: in says which, "package TestName".
type line struct {
	name string // of the subtest
	went string // what went wrong, and where
	try  func(*scene)
	in   string
}

// groups are all lines. The test of a group is TestAttack and its name.
var groups = []struct {
	name  string
	lines []line
}{
	{"Replay", replay},
	{"Counting", counting},
	{"MissingStep", missingStep},
	{"Sessions", sessions},
	{"Identity", identity},
}

func attack(t *testing.T, lines []line) {
	h := open(t)
	for _, l := range lines {
		if l.try != nil {
			t.Run(l.name, func(t *testing.T) {
				t.Parallel()
				l.try(h.scene(t))
			})
		}
	}
}

// TestLinesAreTriedOnceAndNamed holds the tables together: each line is tried
// in one place, and that place exists.
func TestLinesAreTriedOnceAndNamed(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, g := range groups {
		for _, l := range g.lines {
			at := g.name + "/" + l.name
			if l.went == "" || names[l.name] {
				t.Errorf("%s: its name is taken, or it does not say what went wrong", at)
			}
			names[l.name] = true
			switch {
			case (l.try == nil) == (l.in == ""):
				t.Errorf("%s: tried here or in another package, one of both", at)
			case l.in != "" && !exists(t, l.in):
				t.Errorf("%s: there is no %s", at, l.in)
			}
		}
	}
}

// exists looks for "package TestName" in the sources.
func exists(t *testing.T, in string) bool {
	t.Helper()
	pkg, test, _ := strings.Cut(in, " ")
	test, _, _ = strings.Cut(test, "/")
	files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(pkg), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		source, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(source), "\nfunc "+test+"(t *testing.T)") {
			return strings.Contains(test, "Attack")
		}
	}
	return false
}
