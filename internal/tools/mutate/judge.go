package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// verdict is what the tests said of one mutant.
type verdict struct {
	mutant
	Verdict string  `json:"verdict"` // caught, slow (a test ran out of time), survived, unreached
	By      string  `json:"by,omitempty"`
	Tests   int     `json:"tests"`
	Seconds float64 `json:"seconds"`
	Against string  `json:"against"` // which tests: a survivor meets others again
}

var failed = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// judge runs mutants that were not judged yet and appends each verdict to
// verdicts.jsonl at once.
func (l *lab) judge(picked []mutant) error {
	var against []string
	for _, b := range l.bins[1:] {
		against = append(against, b.Hash)
	}
	name := filepath.Join(*out, "verdicts.jsonl")
	if err := l.read(name); err != nil {
		return err
	}
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // each line was checked
	var todo []mutant
	for _, m := range picked {
		before, known := l.judged[m.String()]
		if !known || *only != "" || before.Against != strings.Join(against, " ") && (before.Verdict == "survived" || before.Verdict == "unreached") {
			todo = append(todo, m)
		}
	}
	if err := l.control(todo); err != nil {
		return err
	}
	fmt.Printf("%d mutants to judge\n", len(todo))
	var (
		wg    sync.WaitGroup
		next  = make(chan mutant)
		first error
		done  int
		from  = time.Now()
	)
	for range *workers {
		wg.Go(func() {
			for m := range next {
				v, err := l.try(m, m.ID, *most)
				v.Against = strings.Join(against, " ")
				l.mu.Lock()
				if err == nil {
					line, _ := json.Marshal(v)
					_, err = file.Write(append(line, '\n'))
					l.judged[m.String()] = v
					if done++; done%20 == 0 {
						fmt.Printf("%d of %d after %s\n", done, len(todo), time.Since(from).Round(time.Second))
					}
				}
				first = errors.Join(first, err)
				l.mu.Unlock()
			}
		})
	}
	for _, m := range todo {
		if l.ctx.Err() != nil {
			break
		}
		next <- m
	}
	close(next)
	wg.Wait()
	return first
}

func (l *lab) read(name string) error {
	l.judged = map[string]verdict{}
	file, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // only read
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var v verdict
		if json.Unmarshal(lines.Bytes(), &v) == nil { // a line cut short is judged again
			l.judged[v.String()] = v
		}
	}
	return nil
}

// control runs the tests of a few mutants with none on: whatever fails here
// fails by itself, and would pass for catching.
func (l *lab) control(todo []mutant) error {
	wrong := 0
	n := min(len(todo), 10)
	for _, m := range todo[:n] {
		v, err := l.try(m, -1, 12)
		if err != nil {
			return err
		}
		if v.Verdict == "caught" || v.Verdict == "slow" {
			wrong++
			fmt.Println("fails by itself:", v.By)
		}
	}
	fmt.Printf("control: of %d runs with nothing changed %d failed\n", n, wrong)
	return nil
}

// try meets the mutant with the tests that reach its place, few at first.
func (l *lab) try(m mutant, on, most int) (verdict, error) {
	v := verdict{mutant: m, Verdict: "survived"}
	tests := l.reaching[m.ID]
	if len(tests) == 0 {
		v.Verdict = "unreached"
		return v, nil
	}
	if most > 0 {
		tests = tests[:min(len(tests), most)]
	}
	from := time.Now()
	for size := 2; len(tests) > 0; size *= 4 {
		n := min(size, len(tests))
		for _, b := range l.bins[1:] {
			var names []string
			limit := 45 * time.Second
			for _, t := range tests[:n] {
				if t.bin == b {
					names = append(names, t.Name)
					limit += time.Duration(40 * t.Seconds * float64(time.Second))
				}
			}
			if len(names) == 0 {
				continue
			}
			text, _, err := l.start(b, names, limit, on)
			if l.ctx.Err() != nil {
				return v, l.ctx.Err()
			}
			v.Tests += len(names)
			if err == nil {
				continue
			}
			v.Verdict, v.By = "caught", b.Package+": no test's name"
			if strings.Contains(err.Error(), "deadline") {
				v.Verdict = "slow"
			}
			if by := failed.FindSubmatch(text); by != nil {
				v.By = b.Package + " " + string(by[1])
			}
			v.Seconds = time.Since(from).Seconds()
			return v, nil
		}
		tests = tests[n:]
	}
	v.Seconds = time.Since(from).Seconds()
	return v, nil
}

// report counts by room and names the survivors.
func (l *lab) report(all []mutant) error {
	exists := map[string]bool{}
	for _, m := range all {
		exists[m.String()] = true
	}
	type count struct{ judged, caught, slow, unreached int }
	counts := map[string]*count{}
	var left []verdict
	for text, v := range l.judged {
		if !exists[text] {
			continue // of other sources
		}
		c := counts[v.Room]
		if c == nil {
			c = &count{}
			counts[v.Room] = c
		}
		c.judged++
		switch v.Verdict {
		case "caught":
			c.caught++
		case "slow":
			c.caught++
			c.slow++
		case "unreached":
			c.unreached++
			left = append(left, v)
		default:
			left = append(left, v)
		}
	}
	slices.SortFunc(left, func(a, b verdict) int { return strings.Compare(a.String(), b.String()) })
	for _, v := range left {
		fmt.Println(v.Verdict, v)
	}
	var low []string
	for _, room := range strings.Split(*rooms, ",") {
		c := counts[room]
		if c == nil {
			continue
		}
		percent := 100 * float64(c.caught) / float64(c.judged)
		fmt.Printf("%-8s %4d judged, %4d caught (%.1f %%; %d by running out of time), %d of the survivors reached by no test\n",
			room, c.judged, c.caught, percent, c.slow, c.unreached)
		if percent < *aim {
			low = append(low, room)
		}
	}
	if len(low) > 0 {
		return fmt.Errorf("below %v %%: %v", *aim, low)
	}
	return nil
}
