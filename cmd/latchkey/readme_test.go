package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"latchkey/internal/pg/pgtest"
)

// shellBlocks are the blocks of the README that people copy.
func shellBlocks(t *testing.T) []string {
	t.Helper()
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(readme, []byte("\n")); n > 200 {
		t.Errorf("the README has %d lines, at most 200 are read", n)
	}
	var out []string
	for _, m := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllSubmatch(readme, -1) {
		out = append(out, string(m[1]))
	}
	return out
}

// TestEveryShellBlockOfTheREADMEWorks runs them as they stand, in a clone; what
// differs is the port, and that the database of `production` is the test's.
func TestEveryShellBlockOfTheREADMEWorks(t *testing.T) {
	t.Parallel()
	blocks := shellBlocks(t)
	if len(blocks) != 4 {
		t.Fatalf("the README has %d shell blocks, this test knows how to run 4", len(blocks))
	}
	t.Run("dev and the API", func(t *testing.T) { runDev(t, blocks[0], blocks[2]) })
	t.Run("tests", func(t *testing.T) {
		// It is what is running now; CI runs the same.
		ci, err := os.ReadFile(filepath.Join("..", "..", ".ci", "run"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.TrimSpace(blocks[1]) != "go test ./..." || !regexp.MustCompile(`go test [^\n]*\./\.\.\.`).Match(ci) {
			t.Errorf("README says %q, and .ci/run doesn't run that", blocks[1])
		}
	})
	t.Run("production", func(t *testing.T) { runProduction(t, blocks[3]) })
}

func runDev(t *testing.T, dev, call string) {
	// Not t.TempDir, which the user that Postgres runs as may not enter.
	dir, err := os.MkdirTemp("", "latchkey-readme-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // a clone of public code
		t.Fatal(err)
	}
	clone := filepath.Join(dir, "latchkey")
	if out, err := exec.Command("git", "clone", "-q", filepath.Join("..", ".."), clone).CombinedOutput(); err != nil {
		t.Fatalf("git clone: %v\n%s", err, out)
	}
	cmd := exec.Command("sh", "-c", "exec "+dev)
	cmd.Dir = clone
	cmd.Env = append(os.Environ(), "LISTEN=127.0.0.1:0")
	// A terminal's Ctrl-C reaches go run and latchkey alike.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p := start(t, cmd)
	var said strings.Builder
	for !strings.Contains(said.String(), "Ctrl-C stops it") {
		line, err := p.out.ReadString('\n')
		if err != nil {
			t.Fatalf("dev ended: %v\n%s\n%s", err, said.String(), p.errs)
		}
		said.WriteString(line)
	}
	for _, want := range []string{"/dev/mailbox", "admin@example.com", "user@example.com", "latchkey-demo"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("dev doesn't say %q:\n%s", want, said.String())
		}
	}
	url := regexp.MustCompile(`http://localhost:\d+`).FindString(said.String())
	out, err := exec.Command("sh", "-c", strings.ReplaceAll(call, "http://localhost:8080", url)).Output()
	var answer struct {
		Status  string
		Session string `json:"session_token"`
	}
	if err != nil || json.Unmarshal(out, &answer) != nil || answer.Status != "complete" || answer.Session == "" {
		t.Errorf("the call answered %s (%v)", out, err)
	}
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
	select {
	case <-p.done:
	case <-time.After(20 * time.Second * slack):
		t.Error("Ctrl-C did not stop it")
	}
}

func runProduction(t *testing.T, block string) {
	dir := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\n" + beLatchkey + "=1 exec '" + exe + "' \"$@\"\n"
	if err := os.WriteFile(filepath.Join(dir, "latchkey"), []byte(script), 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-e", "-c", block)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + dir, "DATABASE_URL=" + pgtest.URL(t)}
	cmd.Stdin = strings.NewReader("a rather long phrase of mine 42\n")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "you@example.com") {
		t.Errorf("%v\n%s", err, out)
	}
}
