package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"latchkey/internal/pg/pgtest"
	"latchkey/internal/seal"
)

// production are the settings of a server on a database of the test's own.
func production(t *testing.T, databaseURL string) []string {
	t.Helper()
	keys, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "keyset.json")
	if err := os.WriteFile(file, keys, 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"BASE_URL=http://localhost:8080", "DATABASE_URL=" + databaseURL, "KEYSET_FILE=" + file,
		"LISTEN=127.0.0.1:0", "LOG_FORMAT=json"}
}

// servedAt waits for the log line that says where the server listens.
func servedAt(t *testing.T, p *process) string {
	t.Helper()
	var addr string
	for end := time.Now().Add(20 * time.Second * slack); addr == "" && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		for line := range strings.Lines(p.errs.String()) {
			var l struct{ Msg, Listen string }
			if json.Unmarshal([]byte(line), &l) == nil && l.Msg == "serving" {
				addr = "http://" + l.Listen
			}
		}
	}
	if addr == "" {
		t.Fatalf("it never served:\n%s", p.errs)
	}
	return addr
}

func TestServeDrainsOnSIGTERM(t *testing.T) {
	t.Parallel()
	p := start(t, self(t, production(t, pgtest.URL(t)), "serve"))
	addr := servedAt(t, p)
	for _, path := range []string{"/healthz", "/readyz"} {
		if code, body := get(t, addr+path); code != http.StatusOK {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	p.signal(t, syscall.SIGTERM)
	waitFor(t, func() bool { code, _ := get(t, addr+"/readyz"); return code == http.StatusServiceUnavailable })
	if code, _ := get(t, addr+"/healthz"); code != http.StatusOK {
		t.Errorf("while draining /healthz answers %d", code)
	}
	p.ends(t, 0, 20*time.Second)
}

func TestServeNamesEveryBadSettingAndEndsWithTwo(t *testing.T) {
	t.Parallel()
	cmd := self(t, []string{"BASE_URL=http://id.example.com", "LISTEN=8080", "KEYSET={}"}, "serve")
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != exitUsage {
		t.Errorf("code %d", code)
	}
	for _, want := range []string{"BASE_URL is http", "LISTEN is", "DATABASE_URL is not set", `KEYSET can't be used, keyset "tokens" is missing`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%s\ndoes not say %s", out, want)
		}
	}
}

func TestServeOnAnEmptyDatabaseSaysToMigrate(t *testing.T) {
	t.Parallel()
	cmd := self(t, production(t, pgtest.Server(t).URL), "serve")
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != exitFailed || !strings.Contains(string(out), "run latchkey migrate up") {
		t.Errorf("code %d, %s", code, out)
	}
}

func TestServeStartsBeforeItsDatabase(t *testing.T) {
	t.Parallel()
	p := start(t, self(t, production(t, "postgres://u:sesame@127.0.0.1:1/d?sslmode=disable"), "serve"))
	addr := servedAt(t, p)
	if code, body := get(t, addr+"/healthz"); code != http.StatusOK {
		t.Errorf("/healthz: %d %s", code, body)
	}
	if code, body := get(t, addr+"/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "database") {
		t.Errorf("/readyz: %d %s", code, body)
	}
	if strings.Contains(p.errs.String(), "sesame") {
		t.Errorf("the log holds the password: %s", p.errs)
	}
	p.signal(t, syscall.SIGTERM)
	p.ends(t, 0, 20*time.Second)
}

func TestMigrateBringsUpAndTells(t *testing.T) {
	noSettings(t)
	t.Setenv("DATABASE_URL", pgtest.Server(t).URL)
	if code, out, errs := call(t, "migrate", "status"); code != 0 || !strings.Contains(out, "pending") {
		t.Errorf("before: code %d, %s%s", code, out, errs)
	}
	if code, out, errs := call(t, "migrate", "up"); code != 0 || !strings.Contains(out, "Applied") {
		t.Errorf("up: code %d, %s%s", code, out, errs)
	}
	if code, out, errs := call(t, "migrate", "up"); code != 0 || !strings.Contains(out, "up to date") {
		t.Errorf("again: code %d, %s%s", code, out, errs)
	}
	code, out, errs := call(t, "migrate", "status", "--json")
	var list []migrationState
	if err := json.Unmarshal([]byte(out), &list); err != nil || code != 0 || len(list) == 0 || list[0].AppliedAt == nil {
		t.Errorf("after: code %d, err %v, %s%s", code, err, out, errs)
	}
}

func TestFirstAdminIsMadeOnTheHost(t *testing.T) {
	t.Parallel()
	env := production(t, pgtest.URL(t))
	cmd := self(t, env, "user", "create", "--email", "Ada@Example.com", "--name", "Ada", "--role", "admin", "--json")
	cmd.Stdin = strings.NewReader("correct horse battery staple 9\n")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	var made createdUser
	if err := json.Unmarshal(out.Bytes(), &made); err != nil || made.Email != "ada@example.com" || made.Role != "admin" || made.ID == "" {
		t.Errorf("made %s (%v)", out.String(), err)
	}
	for _, c := range []struct {
		name, stdin, says string
		code              int
		args              []string
	}{
		{"twice", "correct horse battery staple 9", "already", exitFailed, []string{"--email", "ada@example.com", "--name", "A"}},
		{"guessable", "password12345", "password:", exitUsage, []string{"--email", "b@example.com", "--name", "B"}},
		{"no password", "", "no password", exitUsage, []string{"--email", "b@example.com", "--name", "B"}},
		{"bad address", "correct horse battery staple 9", "email:", exitUsage, []string{"--email", "b", "--name", "B"}},
		{"bad role", "x", "role", exitUsage, []string{"--email", "b@example.com", "--name", "B", "--role", "king"}},
		{"no name", "x", "--name", exitUsage, []string{"--email", "b@example.com"}},
	} {
		cmd := self(t, env, append([]string{"user", "create"}, c.args...)...)
		cmd.Stdin = strings.NewReader(c.stdin)
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(string(out), c.says) {
			t.Errorf("%s: code %d, %s", c.name, code, out)
		}
	}
}

func TestTypedPasswordIsAskedTwice(t *testing.T) {
	t.Parallel()
	typed := func(words ...string) func() ([]byte, error) {
		return func() ([]byte, error) {
			w := words[0]
			words = words[1:]
			return []byte(w), nil
		}
	}
	var out bytes.Buffer
	if got, err := askPassword(&out, typed("a b", "a b")); err != nil || got != "a b" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := askPassword(&out, typed("a", "b")); err == nil {
		t.Error("two passwords that differ are taken")
	}
	if strings.Contains(out.String(), "a b") {
		t.Error("the password is shown")
	}
}
