// Command mutate asks whether the tests would notice: it changes the service
// in one small way at a time (a mutant) and runs the tests that reach the
// place. A mutant that no test fails on is a survivor: a missing test, or a
// change that changes nothing.
//
//	go run ./mutate -out /tmp/mutants -each 90 -seed 7
//
// All mutants are in one build (schemata): each changed place asks which
// mutant is on, so that a test binary is built once and told by its
// environment. Each test is run once alone to learn which places it reaches;
// then a mutant meets the tests that reach it, the quickest first, until one
// fails. What was found is kept in the folder and not run again.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

var (
	repo    = flag.String("repo", "../..", "the service's `folder`; nothing in it is changed")
	rooms   = flag.String("rooms", "factor,guard,signin,session,seal", "packages to change")
	testers = flag.String("tests", "seal,guard,session,factor,rotation,account,admin,forwardauth,api,web", "packages whose tests are run")
	out     = flag.String("out", "", "`folder` for binaries and results; a second run goes on from there")
	each    = flag.Int("each", 0, "how many mutants of a room, by chance; 0: all")
	seed    = flag.Uint64("seed", 1, "of the sample")
	only    = flag.String("only", "", "mutants with this in their line's text, such as emailcode.go:41, again")
	workers = flag.Int("workers", 2, "how many at once")
	longest = flag.Duration("longest", 15*time.Second, "tests that take more CPU alone are left out; of those that take a fifth, their subtests are run too")
	most    = flag.Int("most", 0, "how many tests a mutant meets, the quickest; 0: all that reach it")
	build   = flag.Bool("build", true, "build anew; false: take the binaries that are there")
	aim     = flag.Float64("aim", 0, "percent that must be caught in every room")
)

func main() {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	if *out == "" {
		return fmt.Errorf("name a folder with -out")
	}
	var err error
	if *repo, err = filepath.Abs(*repo); err != nil {
		return err
	}
	if *out, err = filepath.Abs(*out); err != nil {
		return err
	}
	if err := os.MkdirAll(*out, 0o755); err != nil {
		return err
	}
	all, overlay, err := mutants(strings.Split(*rooms, ","))
	if err != nil {
		return err
	}
	perRoom := map[string]int{}
	for _, m := range all {
		perRoom[m.Room]++
	}
	fmt.Println("mutants:", len(all), perRoom)
	bins, err := binaries(ctx, overlay)
	if err != nil {
		return err
	}
	url, stop, err := postgres(ctx, bins)
	if err != nil {
		return err
	}
	defer stop()
	l := &lab{ctx: ctx, bins: bins, url: url}
	if err := l.learn(len(all)); err != nil {
		return err
	}
	if err := l.judge(sample(all)); err != nil {
		return err
	}
	return l.report(all)
}

// sample takes as many mutants of every room by chance, or those that were
// asked for.
func sample(all []mutant) []mutant {
	if *only != "" {
		return slices.DeleteFunc(slices.Clone(all), func(m mutant) bool { return !strings.Contains(m.String(), *only) })
	}
	chance := rand.New(rand.NewPCG(*seed, 0))
	chance.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var picked []mutant
	taken := map[string]int{}
	for _, m := range all {
		if *each == 0 || taken[m.Room] < *each {
			taken[m.Room]++
			picked = append(picked, m)
		}
	}
	fmt.Printf("sample: %d mutants, seed %d, %v\n", len(picked), *seed, taken)
	return picked
}
