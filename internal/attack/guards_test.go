package attack_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// redGuards is a regular expression of the patches to build and run, "all" for
// every one. Without it patches are only looked at: each line has one, and
// each still applies.
const redGuards = "RED_GUARDS"

// patch is a variant of the program that must not pass. It begins with what it
// takes away and with the tests that must go red:
//
//	Case: TestAttackReplay/TrailingStep
//	Case: internal/factor TestAttackSomething
//	Guard: last_step only grows
type patch struct {
	file, guard string
	cases       []string
}

func patches(t *testing.T, folder string) []patch {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*.patch"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no patches in testdata/%s (%v)", folder, err)
	}
	var all []patch
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		p := patch{file: f}
		head, _, _ := strings.Cut(string(text), "\n---")
		for line := range strings.Lines(head) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			switch name {
			case "Case":
				p.cases = append(p.cases, value)
			case "Guard", "Bug":
				p.guard = value
			}
		}
		if p.guard == "" || len(p.cases) == 0 {
			t.Errorf("%s names no guard or no case", f)
		}
		all = append(all, p)
	}
	return all
}

// name is the file's, and what comes before a dot in it a line's.
func (p patch) name() string { return strings.TrimSuffix(filepath.Base(p.file), ".patch") }

// TestGuards: every line has a guard that can be taken away, and without it
// the line goes red. Where guards stand one behind the other, the patch takes
// all of them.
func TestGuards(t *testing.T) {
	all := patches(t, "guards")
	for _, g := range groups {
		for _, l := range g.lines {
			want := l.in
			if l.try != nil {
				want = "TestAttack" + g.name + "/" + l.name
			}
			if !slices.ContainsFunc(all, func(p patch) bool { return slices.Contains(p.cases, want) }) {
				t.Errorf("no patch takes the guard of %s away", want)
			}
		}
	}
	removed(t, all)
}

// TestSeededBugs plants bugs that people make, and has the suite find them.
func TestSeededBugs(t *testing.T) { removed(t, patches(t, "seeded")) }

func removed(t *testing.T, all []patch) {
	want := os.Getenv(redGuards)
	if want == "all" {
		want = ""
	}
	chosen := regexp.MustCompile(want)
	var table []string
	for _, p := range all {
		t.Run(p.name(), func(t *testing.T) {
			overlay := p.overlay(t)
			if _, asked := os.LookupEnv(redGuards); !asked || !chosen.MatchString(p.file) {
				return
			}
			for _, c := range p.cases {
				began := time.Now()
				why, red := goesRed(t, c, overlay)
				word := "red"
				if !red {
					word = "GREEN"
					t.Errorf("%s does not go red without its guard:\n%s", c, why)
				}
				table = append(table, fmt.Sprintf("%-55s · %s · %s (%.0f s)", c, p.guard, word, time.Since(began).Seconds()))
				if red {
					t.Logf("%s: %s", c, why)
				}
			}
		})
	}
	if len(table) > 0 {
		t.Logf("case · guard · verdict\n%s", strings.Join(table, "\n"))
	}
}

var touched = regexp.MustCompile(`(?m)^\+\+\+ b/(\S+)$`)

// overlay applies the patch to copies of our sources and gives the file that
// tells the go command to take those.
func (p patch) overlay(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(p.file)
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	replace := map[string]string{}
	for _, f := range touched.FindAllStringSubmatch(string(text), -1) {
		source, err := os.ReadFile(filepath.Join(root, f[1]))
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, f[1])
		if err = os.MkdirAll(filepath.Dir(to), 0o755); err == nil {
			err = os.WriteFile(to, source, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(root, f[1])] = to
	}
	file, err := filepath.Abs(p.file)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("git", "apply", "--unidiff-zero", file)
	// Not as a part of a repository, which would have it skip files outside.
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("it no longer applies: %v\n%s", err, out)
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, list, 0o600); err != nil {
		t.Fatal(err)
	}
	return overlay
}

var reason = regexp.MustCompile(`(?m)^\s+\w+_test\.go:\d+: .*$`)

// goesRed runs one case against the variant and gives what it says. A variant
// that does not build, or does not start, is not red.
func goesRed(t *testing.T, c, overlay string) (why string, red bool) {
	t.Helper()
	pkg, test, elsewhere := strings.Cut(c, " ")
	if !elsewhere {
		test = c
	}
	pattern := "^" + strings.ReplaceAll(test, "/", "$/^") + "$"
	var cmd *exec.Cmd
	if elsewhere {
		cmd = exec.Command("go", "test", "-v", "-count=1", "-overlay", overlay, "-run", pattern, "./"+pkg)
		cmd.Dir = filepath.Join("..", "..")
	} else {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		// The tests stay as they are: only the program is another.
		cmd = exec.Command(self, "-test.v", "-test.run", pattern, "-test.timeout", "5m")
		cmd.Env = append(os.Environ(), overlayFile+"="+overlay)
	}
	said, _ := cmd.CombinedOutput()
	if !strings.Contains(string(said), "--- FAIL: "+test+" ") {
		return string(said), false
	}
	return strings.TrimSpace(reason.FindString(string(said))), true
}
