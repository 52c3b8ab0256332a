// Command gosec runs the rules of securego/gosec over the service, without
// the suggestions that its own command brings along and that take a minute to
// build, and with one list of what is let pass, each with its reason. Single
// places are let pass where they stand: // #nosec G115 -- why. An exception
// that nothing needs any more fails like a finding.
package main

import (
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/securego/gosec/v2"
	"github.com/securego/gosec/v2/analyzers"
	"github.com/securego/gosec/v2/issue"
	"github.com/securego/gosec/v2/rules"
)

// exceptions says where a rule does not count, and why.
var exceptions = []exception{
	{"G101", "", "tells secrets by names: here they are words of screens, codes of problems and made-up samples; the canary test looks for real ones"},
	{"G104", "", "an error that may be dropped has its reason beside it (nolint:errcheck); the rest is staticcheck's and vet's"},
	{"G304", "cmd/latchkey/", "paths that the operator gives: keyset, password file, state folder"},
	{"G304", "internal/config/", "the operator's _FILE settings, rules and logo"},
	{"G204", "internal/devstack/", "starts the servers of dev and of the tests, found on the machine; no request reaches it"},
	{"G304", "internal/devstack/", "files of its own state folder"},
	{"G301", "internal/devstack/", "folders that the database's user has to enter when started as root"},
	{"G302", "internal/devstack/", "the same, and a lock that others may read who holds it"},
	{"G301", "cmd/latchkey/dev_settings.go", "dev's state folder: as above; its keyset is written 0600"},
}

type exception struct{ rule, below, why string }

func (e exception) covers(rule, file string) bool {
	return e.rule == rule && strings.HasPrefix(file, e.below)
}

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	bad, err := check(root, exceptions, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if bad > 0 {
		os.Exit(1)
	}
}

// check writes what it finds below root beyond the exceptions, and returns how
// much that is.
func check(root string, exceptions []exception, w io.Writer) (int, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return 0, err
	}
	found, err := scan(root)
	if err != nil {
		return 0, err
	}
	bad, passed, used := 0, 0, make([]bool, len(exceptions))
	for _, i := range found {
		file, err := filepath.Rel(root, i.File)
		if err != nil {
			return 0, err
		}
		n := slices.IndexFunc(exceptions, func(e exception) bool { return e.covers(i.RuleID, filepath.ToSlash(file)) })
		if n >= 0 {
			used[n] = true
			passed++
			continue
		}
		bad++
		fmt.Fprintf(w, "%s:%s: %s: %s\n", file, i.Line, i.RuleID, i.What)
	}
	for n, e := range exceptions {
		if !used[n] {
			bad++
			fmt.Fprintf(w, "exception %s %q is needed no more\n", e.rule, e.below)
		}
	}
	fmt.Fprintf(w, "gosec: %d findings let pass by %d exceptions, %d others\n", passed, len(exceptions), bad)
	return bad, nil
}

// scan returns what gosec finds in the module at root, its tests left out.
func scan(root string) ([]*issue.Issue, error) {
	c := gosec.NewConfig()
	c.SetGlobal(gosec.NoSecRequireRules, "true")
	c.SetGlobal(gosec.NoSecRequireJustification, "true")
	a := gosec.NewAnalyzer(c, false, true, false, runtime.NumCPU(), log.New(io.Discard, "", 0))
	a.LoadRules(rules.Generate(false).RulesInfo())
	a.LoadAnalyzers(analyzers.Generate(false).AnalyzersInfo())

	packages, err := gosec.PackagePaths(root+"/...", []*regexp.Regexp{
		regexp.MustCompile("^" + regexp.QuoteMeta(filepath.ToSlash(root)) + `/(internal/tools|(.*/)?(testdata|\.[^/]*))(/|$)`),
	})
	if err != nil {
		return nil, err
	}
	if err := a.Process(nil, packages...); err != nil {
		return nil, err
	}
	found, stats, broken := a.Report()
	for file, errs := range broken {
		for _, e := range errs {
			return nil, fmt.Errorf("%s:%d: %s", file, e.Line, e.Err)
		}
	}
	if stats.NumFiles == 0 {
		return nil, fmt.Errorf("no Go file below %s", root)
	}
	return found, nil
}
