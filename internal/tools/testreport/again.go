package main

import (
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

// again runs tests of a package anew; tests is a pattern for -run.
type again func(pkg, tests string) (passed bool)

// most is how many failed tests may be unsteady: where more fail, it is the
// change.
const most = 3

// unsteady collects the failures that may have been chance.
type unsteady struct {
	failed map[string][]string // package → its tests that failed
	tests  int
	sure   bool // something that chance does not excuse
}

var inexcusable = regexp.MustCompile(`DATA RACE|race detected|^panic: |^fatal error: |signal: killed`)

func (u *unsteady) hear(output string) { u.sure = u.sure || inexcusable.MatchString(output) }

// take is told of each failed test, and after its tests of each failed package.
func (u *unsteady) take(e event) {
	switch {
	case e.Test == "":
		u.sure = u.sure || len(u.failed[e.Package]) == 0 // not built, or failed outside of any test
	case !strings.Contains(e.Test, "/"):
		if u.failed == nil {
			u.failed = map[string][]string{}
		}
		u.failed[e.Package] = append(u.failed[e.Package], e.Test)
		u.tests++
	}
}

// pass reports whether every failed test passes when it is run again.
func (u *unsteady) pass(out io.Writer, again again) bool {
	if u.sure || u.tests > most {
		return false
	}
	for pkg, tests := range u.failed {
		slices.Sort(tests)
		if !again(pkg, "^("+strings.Join(tests, "|")+")$") {
			return false
		}
		fmt.Fprintf(out, "UNSTEADY: %s %s failed once and then passed: mend it\n", strings.TrimPrefix(pkg, "latchkey/"), strings.Join(tests, ", "))
	}
	return true
}

func rerun(out io.Writer, times int, pkg, tests string) bool {
	fmt.Fprintf(out, "again, %d times: %s %s\n", times, pkg, tests)
	// #nosec G204 -- names of our own tests
	said, err := exec.Command("go", "test", "-race", "-timeout", "15m", fmt.Sprintf("-count=%d", times), "-run", tests, pkg).CombinedOutput()
	if err != nil {
		fmt.Fprintf(out, "%s%v\n", said, err)
	}
	return err == nil
}
