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
			ok, err := report(strings.NewReader(c.in), &out, c.strict)
			if err != nil || ok != c.ok || !strings.Contains(out.String(), c.says) {
				t.Errorf("ok %v, err %v, said:\n%s", ok, err, out.String())
			}
		})
	}
}
