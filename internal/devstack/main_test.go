package devstack

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"latchkey/internal/pg"
)

// The test binary is also the process that these tests start and kill: the
// variable names the part it plays.
const part = "DEVSTACK_TEST_PART"

func TestMain(m *testing.M) {
	switch os.Getenv(part) {
	case "stack":
		playStack()
	case "go run":
		playGoRun()
	case "program":
		WatchParent(context.Background(), func() {
			fmt.Println("gone")
			os.Exit(0)
		})
		fmt.Println("watching")
		select {}
	default:
		os.Exit(m.Run())
	}
}

// report is what a started stack tells its test.
type report struct {
	Database, Redis string
	Said            []string
	Err             string
}

// playStack starts a stack and holds it until its input ends.
func playStack() {
	watched = watched || os.Getenv("DEVSTACK_TEST_WATCHED") != ""
	var r report
	s, err := Start(context.Background(), Options{
		StateDir: os.Getenv("DEVSTACK_TEST_STATE"), Ephemeral: os.Getenv("DEVSTACK_TEST_STATE") == "",
		Say: func(line string) { r.Said = append(r.Said, line) },
	})
	if err != nil {
		r.Err = err.Error()
	} else {
		r.Database, r.Redis = s.DatabaseURL, s.RedisURL
	}
	json.NewEncoder(os.Stdout).Encode(r) //nolint:errcheck // the test sees nothing then
	if err != nil {
		os.Exit(1)
	}
	io.Copy(io.Discard, os.Stdin) //nolint:errcheck // its end is the message
	if err := s.Stop(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// playGoRun starts a program and waits for it, as `go run` does.
func playGoRun() {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), part+"=program")
	cmd.Stdout = os.Stdout
	if err := cmd.Run(); err != nil {
		os.Exit(1)
	}
}

// process is a stack in another process.
type process struct {
	report
	cmd   *exec.Cmd
	stdin io.Closer
}

// startStack runs this binary as a stack; as nil keeps our own user.
func startStack(t *testing.T, as *owner, env ...string) process {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if as != nil {
		binary = copyFor(t, binary)
	}
	cmd := exec.Command(binary)
	cmd.Dir = "/"
	cmd.Env = append(append(os.Environ(), part+"=stack"), env...)
	cmd.SysProcAttr = asOwner(as)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill() //nolint:errcheck // it has mostly ended
		cmd.Wait()         //nolint:errcheck // reaped
	})
	p := process{cmd: cmd, stdin: stdin}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		t.Fatalf("the stack said nothing: %v", err)
	}
	if err := json.Unmarshal(line, &p.report); err != nil {
		t.Fatalf("the stack said %q", line)
	}
	return p
}

func (p process) kill() {
	p.cmd.Process.Kill() //nolint:errcheck // seen by what follows
	p.cmd.Wait()         //nolint:errcheck // reaped
}

// stop asks for a clean end.
func (p process) stop(t *testing.T) {
	t.Helper()
	p.stdin.Close() //nolint:errcheck // the end of input is the message
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("the stack did not stop cleanly: %v", err)
	}
}

// copyFor puts the test binary where any user can run it.
func copyFor(t *testing.T, binary string) string {
	t.Helper()
	dir := openTemp(t)
	raw, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "stack")
	if err := os.WriteFile(path, raw, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// openTemp is a temporary folder that every user can enter, which those of
// the testing package are not.
func openTemp(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "devstack-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) }) //nolint:errcheck // a temporary folder
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func open(t *testing.T, address string) *pg.DB {
	t.Helper()
	db, err := pg.Open(address, pg.Options{MaxConns: 2, StatementTimeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() }) //nolint:errcheck // nothing is buffered
	return db
}

// gone waits until nothing listens where a server was.
func gone(t *testing.T, address string) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.DialTimeout("tcp", u.Host, time.Second)
		if err != nil {
			return
		}
		c.Close() //nolint:errcheck // it only asked
		if time.Now().After(deadline) {
			t.Fatalf("something still listens on %s", u.Host)
		}
	}
}

// using lists processes that have a word in their arguments.
func using(t *testing.T, word string) []string {
	t.Helper()
	out, err := exec.Command("ps", "-eo", "pid=,args=").Output()
	if err != nil {
		t.Skip("no ps on this machine")
	}
	var found []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, word) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

func mustBeRoot(t *testing.T) *owner {
	t.Helper()
	o, err := serverOwner()
	if err != nil {
		t.Fatal(err)
	}
	if o == nil {
		t.Skip("only root becomes another user")
	}
	return o
}
