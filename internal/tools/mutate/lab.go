package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// binary is the test binary of one package.
type binary struct {
	Package string
	Path    string
	Hash    string
}

// binaries builds every test binary once, with all mutants inside.
func binaries(ctx context.Context, overlay map[string][]byte) ([]binary, error) {
	replace := map[string]string{}
	dir := filepath.Join(*out, "overlay")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for name, text := range overlay {
		at := filepath.Join(dir, strings.ReplaceAll(strings.TrimPrefix(name, *repo+"/"), "/", "__"))
		if err := os.WriteFile(at, text, 0o644); err != nil {
			return nil, err
		}
		replace[name] = at
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return nil, err
	}
	listed := filepath.Join(*out, "overlay.json")
	if err := os.WriteFile(listed, list, 0o644); err != nil {
		return nil, err
	}
	var bins []binary
	for _, p := range append([]string{"mutant"}, strings.Split(*testers, ",")...) {
		b := binary{Package: p, Path: filepath.Join(*out, strings.ReplaceAll(p, "/", "__")+".test")}
		if *build {
			fmt.Println("building", b.Package)
			cmd := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-overlay", listed, "-o", b.Path, "./internal/"+p)
			cmd.Dir = *repo
			if text, err := cmd.CombinedOutput(); err != nil {
				return nil, fmt.Errorf("build tests of %s: %w\n%s", p, err, text)
			}
		}
		text, err := os.ReadFile(b.Path)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(text)
		b.Hash = hex.EncodeToString(sum[:6])
		bins = append(bins, b)
	}
	return bins, nil
}

// postgres starts the server that all test binaries share.
func postgres(ctx context.Context, bins []binary) (url string, stop func(), err error) {
	cmd := exec.CommandContext(ctx, bins[0].Path, "-test.run", "^TestServe$", "-test.timeout", "0")
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	said, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), "URL "); ok {
			go io.Copy(io.Discard, said)                       //nolint:errcheck // ends with the process
			return url, func() { in.Close(); cmd.Wait() }, nil //nolint:errcheck // nothing hangs on it
		}
	}
	return "", nil, errors.Join(errors.New("start of Postgres failed"), cmd.Wait())
}

// test is one test, and which mutants' places it reaches.
type test struct {
	Name    string
	Seconds float64 // of CPU, without Postgres
	Passes  bool
	Reaches []int
	bin     binary
}

type lab struct {
	ctx  context.Context
	bins []binary
	url  string

	reaching map[int][]*test // the quickest first
	mu       sync.Mutex
	judged   map[string]verdict
}

// start runs tests of one binary with one mutant on; 0 is none.
func (l *lab) start(b binary, names []string, limit time.Duration, mutant int, env ...string) (text []byte, cpu time.Duration, err error) {
	ctx, cancel := context.WithTimeout(l.ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.Path, "-test.failfast", "-test.timeout", "0", "-test.v", "-test.run", pattern(names))
	cmd.Dir = filepath.Join(*repo, "internal", b.Package)
	cmd.Env = append(os.Environ(), "TEST_DATABASE_URL="+l.url, "MUTANT="+strconv.Itoa(mutant))
	cmd.Env = append(cmd.Env, env...)
	cmd.WaitDelay = 5 * time.Second
	text, err = cmd.CombinedOutput()
	if l.ctx.Err() != nil {
		return nil, 0, l.ctx.Err()
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if cmd.ProcessState != nil {
		cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	return text, cpu, err
}

// pattern matches these tests, or parts of tests, and what belongs to them.
func pattern(names []string) string {
	all := make([]string, len(names))
	for i, name := range names {
		parts := strings.Split(name, "/")
		for j := range parts {
			parts[j] = "^" + regexp.QuoteMeta(parts[j]) + "$"
		}
		all[i] = strings.Join(parts, "/")
	}
	return strings.Join(all, "|")
}

// learn runs every test alone, once, with nothing changed.
func (l *lab) learn(mutants int) error {
	l.reaching = map[int][]*test{}
	for _, b := range l.bins[1:] {
		tests, err := l.learnBinary(b)
		if err != nil {
			return err
		}
		var left []string
		for _, t := range tests {
			t.bin = b
			if !t.Passes || t.Seconds > longest.Seconds() {
				left = append(left, t.Name)
				continue
			}
			for _, id := range t.Reaches {
				l.reaching[id] = append(l.reaching[id], t)
			}
		}
		fmt.Printf("%s: %d tests, left out as long or failing: %v\n", b.Package, len(tests), left)
	}
	for _, tests := range l.reaching {
		slices.SortFunc(tests, func(a, b *test) int { return int(1e6*a.Seconds) - int(1e6*b.Seconds) })
	}
	fmt.Printf("%d of %d mutants are reached by a test\n", len(l.reaching), mutants)
	return nil
}

func (l *lab) learnBinary(b binary) ([]*test, error) {
	kept := filepath.Join(*out, fmt.Sprintf("tests-%s-%s.json", b.Package, b.Hash))
	var tests []*test
	if text, err := os.ReadFile(kept); err == nil {
		return tests, json.Unmarshal(text, &tests)
	}
	listed, err := exec.CommandContext(l.ctx, b.Path, "-test.list", "^(Test|Fuzz)").Output()
	if err != nil {
		return nil, fmt.Errorf("list tests of %s: %w", b.Package, err)
	}
	tests, parts := l.runAlone(b, strings.Fields(string(listed)))
	alone, _ := l.runAlone(b, parts)
	tests = append(tests, alone...)
	if l.ctx.Err() != nil {
		return nil, l.ctx.Err()
	}
	text, err := json.Marshal(tests)
	if err != nil {
		return nil, err
	}
	return tests, os.WriteFile(kept, text, 0o644)
}

// runAlone runs each of these tests by itself. parts are the subtests of those
// that take long, so that a table is not run whole for one of its rows.
func (l *lab) runAlone(b binary, names []string) (tests []*test, parts []string) {
	var (
		wg   sync.WaitGroup
		next = make(chan *test)
	)
	for i := range *workers {
		wg.Go(func() {
			hits := filepath.Join(*out, fmt.Sprintf("hits-%d", i))
			for t := range next {
				said, cpu, err := l.start(b, []string{t.Name}, 100**longest, 0, "MUTANT_HITS="+hits)
				t.Seconds, t.Passes = cpu.Seconds(), err == nil
				text, _ := os.ReadFile(hits)
				for _, line := range strings.Fields(string(text)) {
					if id, err := strconv.Atoi(line); err == nil && id > 0 {
						t.Reaches = append(t.Reaches, id)
					}
				}
				if cpu > *longest/5 && !strings.Contains(t.Name, "/") {
					l.mu.Lock()
					for _, one := range subtest.FindAllSubmatch(said, -1) {
						parts = append(parts, string(one[1]))
					}
					l.mu.Unlock()
				}
			}
		})
	}
	for _, name := range names {
		t := &test{Name: name}
		tests = append(tests, t)
		next <- t
	}
	close(next)
	wg.Wait()
	return tests, parts
}

var subtest = regexp.MustCompile(`(?m)^    --- PASS: (\S+)`)
