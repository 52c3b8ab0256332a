// Command testreport reads `go test -json` and tells it in few lines: a line
// per package, everything of what failed, and what was skipped. It fails when
// a test failed, and in CI also when one was skipped: a test that did not run
// has shown nothing.
//
// With -again N, up to three failed tests are run N times more, alone: if each
// of these passes, they are named as unsteady and it does not fail. A data
// race, a panic or a test that hung is never given that.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// event is one line of test2json.
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build output
	Test        string
	Output      string
	Elapsed     float64
	FailedBuild string
}

func main() {
	again := flag.Int("again", 0, "how often failed tests are run again")
	flag.Parse()
	ok, err := report(os.Stdin, os.Stdout, os.Getenv("CI") == "true", func(pkg, tests string) bool {
		return *again > 0 && rerun(os.Stdout, *again, pkg, tests)
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

func report(in io.Reader, out io.Writer, strict bool, again again) (ok bool, err error) {
	r := &reporter{out: out, said: map[string][]string{}}
	lines := bufio.NewReader(in)
	for {
		line, readErr := lines.ReadString('\n')
		var e event
		switch {
		case strings.TrimSpace(line) == "":
		case json.Unmarshal([]byte(line), &e) != nil:
			fmt.Fprint(out, line) // go itself speaks plainly, of a bad flag say
		default:
			r.take(e)
		}
		if readErr == io.EOF {
			break
		}
		if readErr != nil {
			return false, readErr
		}
	}
	return r.sum(strict, again), nil
}

type reporter struct {
	out              io.Writer
	said             map[string][]string // package and test → output
	passed, packages int
	failed, skipped  []string
	unsteady         unsteady
	slow             []event
}

func (r *reporter) take(e event) {
	key := e.Package + " " + e.Test
	name := strings.TrimSpace(strings.TrimPrefix(key, "latchkey/"))
	switch e.Action {
	case "output":
		r.said[key] = append(r.said[key], e.Output)
		r.unsteady.hear(e.Output)
		return
	case "build-output":
		r.said[e.ImportPath+" build"] = append(r.said[e.ImportPath+" build"], e.Output)
		return
	case "pass":
		if e.Test == "" {
			r.packages++
			fmt.Fprintf(r.out, "ok   %6.1f s  %s\n", e.Elapsed, name)
		} else {
			r.passed++
			r.slow = append(r.slow, e)
		}
	case "fail":
		r.failed = append(r.failed, name)
		r.unsteady.take(e)
		fmt.Fprintf(r.out, "FAIL %6.1f s  %s\n", e.Elapsed, name)
		for _, line := range append(r.said[e.FailedBuild+" build"], r.said[key]...) {
			fmt.Fprint(r.out, "     ", line)
		}
	case "skip":
		if e.Test == "" {
			break // a package without tests
		}
		r.skipped = append(r.skipped, name+": "+reason(r.said[key]))
	default:
		return
	}
	delete(r.said, key)
}

// reason is what a skipped test said, without the framing of go test.
func reason(output []string) string {
	for _, line := range output {
		if l := strings.TrimSpace(line); l != "" && !strings.HasPrefix(l, "===") && !strings.HasPrefix(l, "---") {
			return l
		}
	}
	return "it did not say why"
}

func (r *reporter) sum(strict bool, again again) bool {
	slices.SortFunc(r.slow, func(a, b event) int {
		if a.Elapsed > b.Elapsed {
			return -1
		}
		return 1
	})
	fmt.Fprintln(r.out, "\nslowest:")
	for _, e := range r.slow[:min(5, len(r.slow))] {
		fmt.Fprintf(r.out, "     %6.1f s  %s %s\n", e.Elapsed, strings.TrimPrefix(e.Package, "latchkey/"), e.Test)
	}
	fmt.Fprintf(r.out, "%d tests passed in %d packages, %d skipped, %d failed\n", r.passed, r.packages, len(r.skipped), len(r.failed))
	for _, s := range r.skipped {
		fmt.Fprintln(r.out, "skipped:", s)
	}
	for _, f := range r.failed {
		fmt.Fprintln(r.out, "failed:", f)
	}
	if r.passed == 0 {
		fmt.Fprintln(r.out, "no test ran")
		return false
	}
	return (len(r.failed) == 0 || r.unsteady.pass(r.out, again)) && (len(r.skipped) == 0 || !strict)
}
