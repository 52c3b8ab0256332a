package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"latchkey/internal/api/apitest"
	"latchkey/internal/pg/pgtest"
)

// beLatchkey makes this test binary the program itself, so that tests can
// start, signal and kill real processes without a build of their own.
const beLatchkey = "LATCHKEY_TEST_BE_LATCHKEY"

func TestMain(m *testing.M) {
	if os.Getenv(beLatchkey) == "1" {
		main()
	}
	os.Exit(apitest.Exit(pgtest.Main(m)))
}

// slack is how many times longer than on a quiet machine anything may take
// before it counts as failed.
const slack = 6

// process is a running latchkey.
type process struct {
	*exec.Cmd
	out  *bufio.Reader
	errs *safeBuffer
	done chan struct{} // closed once it has ended
	code int           // then its exit code, -1 after a signal
}

// self is the command line that runs latchkey with nothing but these settings.
func self(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, args...)
	// HOME and PATH find a fetched Postgres; TMPDIR keeps to the test's folder.
	cmd.Env = append([]string{beLatchkey + "=1", "PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.Getenv("TMPDIR")}, env...)
	return cmd
}

func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{Cmd: cmd, errs: &safeBuffer{}, done: make(chan struct{})}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	cmd.Stderr = p.errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		// Not cmd.Wait, which would close the pipe under a reader.
		if state, err := cmd.Process.Wait(); err == nil {
			p.code = state.ExitCode()
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			t.Logf("%v said:\n%s", cmd.Args[1:], p.errs)
		}
	})
	return p
}

// ends waits until the process has ended, with this exit code.
func (p *process) ends(t *testing.T, code int, within time.Duration) {
	t.Helper()
	select {
	case <-p.done:
		if p.code != code {
			t.Errorf("ended with %d, want %d", p.code, code)
		}
	case <-time.After(within * slack):
		t.Fatalf("still running after %s", within)
	}
}

// firstLine is what the process prints first, which is when it is ready.
func (p *process) firstLine(t *testing.T) string {
	t.Helper()
	got := make(chan string, 1)
	go func() { line, _ := p.out.ReadString('\n'); got <- line }()
	select {
	case line := <-got:
		return line
	case <-time.After(30 * time.Second * slack):
		t.Fatal("nothing was printed")
		return ""
	}
}

// descendants are the processes that one has started, and theirs.
func descendants(t *testing.T, of int) []int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	children := map[int][]int{}
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// pid (name) state ppid …: the name may hold anything.
		after := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		parent, _ := strconv.Atoi(after[1])
		children[parent] = append(children[parent], pid)
	}
	var all []int
	for next := []int{of}; len(next) > 0; next = next[1:] {
		all = append(all, children[next[0]]...)
		next = append(next, children[next[0]]...)
	}
	return all
}

// allEnd fails if one of the processes is still there after a while.
func allEnd(t *testing.T, pids []int, within time.Duration) {
	t.Helper()
	for end := time.Now().Add(within * slack); ; time.Sleep(20 * time.Millisecond) {
		var left []string
		for _, pid := range pids {
			if alive(pid) {
				name, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
				left = append(left, strings.ReplaceAll(string(name), "\x00", " "))
			}
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("left behind: %q", left)
		}
	}
}

// alive: a zombie has ended; who reaps it is not our matter.
func alive(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	return !strings.HasPrefix(string(b[bytes.LastIndexByte(b, ')')+1:]), " Z")
}

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// safeBuffer is written by a process and read by a test.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
