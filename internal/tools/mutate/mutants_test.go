package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestStatementsAreChangedOneConditionAtATime(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	for _, c := range sqlChanges(`
		UPDATE codes SET used_at = $1 -- only once
		WHERE id = ANY($2) AND (tries < 5 OR $3) AND day BETWEEN $4 AND $5
		RETURNING id`) {
		got[c.says] = strings.Join(strings.Fields(c.text), " ")
	}
	for says, part := range map[string]string{
		"WHERE id = ANY($2) always":        "WHERE ((id = ANY($2)) OR TRUE) AND (tries",
		"AND (tries < 5 OR $3) always":     "AND (((tries < 5 OR $3)) OR TRUE) AND day",
		"OR $3 never":                      "tries < 5 OR (($3) AND FALSE))",
		"AND day BETWEEN $4 AND $5 always": "AND ((day BETWEEN $4 AND $5) OR TRUE) RETURNING id",
		"(tries < 5 OR: < → <=":            "tries <= 5",
	} {
		if !strings.Contains(got[says], part) {
			t.Errorf("%s: %q among %v", says, got[says], got)
		}
	}
	if len(got) != 5 {
		t.Errorf("%d changes: %v", len(got), got)
	}
}

// A program that says what it does, and what it must say with each mutant on.
const program = `package main

import "errors"

var limits = []int{3}

const most = 2

type count int

var errFew = errors.New("few")

func judge(n int, ok bool) (string, error) {
	if n > limits[0] && ok {
		return "many", nil
	}
	if n*most < 4 {
		return "", errFew
	}
	said := "some"
	said += "!"
	return said, nil
}

func main() {
	for n := 1; n < 6; n++ {
		said, err := judge(n, n != 5)
		print(said, " ", err != nil, "; ")
	}
}
`

func TestEachMutantDoesOneThingOtherwise(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module latchkey\n\ngo 1.26\n", "internal/x/main.go": program} {
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	*repo = dir
	all, overlay, err := mutants([]string{"x"})
	if err != nil {
		t.Fatal(err)
	}
	replace := map[string]string{}
	for name, text := range overlay {
		at := filepath.Join(dir, strconv.Itoa(len(replace))+".go.txt")
		if err := os.WriteFile(at, text, 0o644); err != nil {
			t.Fatal(err)
		}
		replace[name] = at
	}
	list, _ := json.Marshal(map[string]any{"Replace": replace})
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), list, 0o644); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-overlay", "overlay.json", "-o", "x", "./internal/x")
	build.Dir = dir
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, overlay[filepath.Join(dir, "internal/x/main.go")])
	}
	run := func(id int) string {
		cmd := exec.Command(filepath.Join(dir, "x"))
		cmd.Env = append(os.Environ(), "MUTANT="+strconv.Itoa(id))
		out, _ := cmd.CombinedOutput() // one mutant panics
		return string(out)
	}
	const plain = " true; some! false; some! false; many false; some! false; "
	if got := run(0); got != plain {
		t.Fatalf("with none on: %q", got)
	}
	want := map[string]string{
		"condition: n > limits[0] && ok → n > limits[0] || ok": "many false; many false; many false; many false; many false; ",
		"condition: n > limits[0] && ok → ok":                  "many false; many false; many false; many false; some! false; ",
		"condition: n > limits[0] → n >= limits[0]":            " true; some! false; many false; many false; some! false; ",
		"constant: 3 → one more":                               " true; some! false; some! false; some! false; some! false; ",
		"condition: n*most < 4 → n*most <= 4":                  " true;  true; some! false; many false; some! false; ",
		"arithmetic: n*most with the opposite of *":            " true;  true;  true; many false;  true; ",
		"error: return \"\", errFew → nil":                     " false; some! false; some! false; many false; some! false; ",
		"statement: said += \"!\" is left out":                 " true; some false; some false; many false; some false; ",
	}
	for _, m := range all {
		says := m.Kind + ": " + m.Change
		if w, listed := want[says]; listed {
			if got := run(m.ID); got != w {
				t.Errorf("%s: %q", says, got)
			}
			delete(want, says)
		}
	}
	if len(want) > 0 {
		t.Errorf("not among %d mutants: %v", len(all), want)
	}
}
