package main

import (
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	const pass = `{"Action":"pass","Package":"latchkey/a","Test":"TestA"}` + "\n" + `{"Action":"pass","Package":"latchkey/a","Elapsed":1.5}` + "\n"
	const skip = `{"Action":"output","Package":"latchkey/a","Test":"TestB","Output":"=== RUN   TestB\n"}` + "\n" +
		`{"Action":"output","Package":"latchkey/a","Test":"TestB","Output":"    b_test.go:1: no browser\n"}` + "\n" +
		`{"Action":"skip","Package":"latchkey/a","Test":"TestB"}` + "\n"
	const fail = `{"Action":"output","Package":"latchkey/a","Test":"TestC","Output":"    c_test.go:1: boom\n"}` + "\n" +
		`{"Action":"fail","Package":"latchkey/a","Test":"TestC"}` + "\n"
	const build = `{"ImportPath":"latchkey/b","Action":"build-output","Output":"b.go:1: undefined: x\n"}` + "\n" +
		`{"Action":"fail","Package":"latchkey/b","FailedBuild":"latchkey/b"}` + "\n"
	for _, c := range []struct {
		name, in, says string
		strict, ok     bool
	}{
		{"pass", pass, "1 tests passed in 1 packages", true, true},
		{"skip in CI", pass + skip, "skipped: a TestB: b_test.go:1: no browser", true, false},
		{"skip at home", pass + skip, "1 skipped", false, true},
		{"fail", pass + fail, "boom", false, false},
		{"broken build", pass + build, "undefined: x", true, false},
		{"nothing", "", "no test ran", false, false},
		{"plain words", "flag provided but not defined\n", "flag provided", false, false},
		{"package without tests", pass + `{"Action":"skip","Package":"latchkey/c"}` + "\n", "0 skipped", true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			ok, err := report(strings.NewReader(c.in), &out, c.strict, func(string, string) bool { return false })
			if err != nil || ok != c.ok || !strings.Contains(out.String(), c.says) {
				t.Errorf("ok %v, err %v, said:\n%s", ok, err, out.String())
			}
		})
	}
}

// What fails by chance is let pass after it was run again, and named; nothing
// else is.
func TestFailedTestsAreRunAgain(t *testing.T) {
	said := func(test, words string) string {
		return `{"Action":"output","Package":"latchkey/a","Test":"` + test + `","Output":"` + words + `\n"}` + "\n"
	}
	failed := func(tests ...string) string {
		var s strings.Builder
		for _, test := range tests {
			s.WriteString(`{"Action":"fail","Package":"latchkey/a","Test":"` + test + `"}` + "\n")
		}
		return s.String() + `{"Action":"fail","Package":"latchkey/a"}` + "\n"
	}
	const pass = `{"Action":"pass","Package":"latchkey/b","Test":"TestB"}` + "\n"
	const skip = `{"Action":"skip","Package":"latchkey/b","Test":"TestS"}` + "\n"
	for _, c := range []struct {
		name, in string
		tests    string // run again
		passes   bool   // then
		ok       bool
	}{
		{"by chance", pass + failed("TestA/x", "TestA"), "latchkey/a ^(TestA)$", true, true},
		{"always", pass + failed("TestA/x", "TestA"), "latchkey/a ^(TestA)$", false, false},
		{"two", pass + failed("TestC", "TestA"), "latchkey/a ^(TestA|TestC)$", true, true},
		{"too many", pass + failed("TestA", "TestB", "TestC", "TestD"), "", true, false},
		{"a race", pass + said("TestA", "WARNING: DATA RACE") + failed("TestA"), "", true, false},
		{"a panic", pass + said("TestA", "panic: nil map") + failed("TestA"), "", true, false},
		{"outside of a test", pass + failed(), "", true, false},
		{"and one skipped", pass + skip + failed("TestA"), "latchkey/a ^(TestA)$", true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			var ran []string
			ok, err := report(strings.NewReader(c.in), &out, true, func(pkg, tests string) bool {
				ran = append(ran, pkg+" "+tests)
				return c.passes
			})
			if err != nil || ok != c.ok || strings.Join(ran, ";") != c.tests {
				t.Errorf("ok %v, err %v, ran %q", ok, err, ran)
			}
			if unsteady := strings.Contains(out.String(), "UNSTEADY: a Test"); unsteady != (c.tests != "" && c.passes) {
				t.Errorf("said:\n%s", out.String())
			}
		})
	}
}
