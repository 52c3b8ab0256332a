package devstack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func testPostgres(t *testing.T) *Postgres {
	t.Helper()
	p, err := StartPostgres(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func TestPostgresAsksForItsPassword(t *testing.T) {
	t.Parallel()
	p := testPostgres(t)
	u, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(superuser, "guess")
	if err := open(t, u.String()).Ping(); sqlState(err) != "28P01" {
		t.Errorf("a wrong password gave %v", err)
	}
}

func TestPostgresWaitsForItsPort(t *testing.T) {
	t.Parallel()
	p := testPostgres(t)
	if err := p.Halt(); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)))
	if err != nil {
		t.Skipf("somebody else was quicker: %v", err)
	}
	time.AfterFunc(300*time.Millisecond, func() { l.Close() }) //nolint:errcheck // the port is free either way
	if err := p.Start(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestPostgresFailureShowsTheLog(t *testing.T) {
	t.Parallel()
	p := testPostgres(t)
	if err := p.Halt(); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(p.data(), "postgresql.conf")
	if err := os.WriteFile(conf, []byte("nonsense = 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	err := p.Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("the reason is not in: %v", err)
	}
}

func TestDataOfAMissingVersionIsNamed(t *testing.T) {
	t.Parallel()
	dir := openTemp(t)
	if err := os.MkdirAll(filepath.Join(dir, "postgres"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "postgres", "PG_VERSION"), []byte("9\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := startPostgres(t.Context(), postgresConfig{dir: dir, say: func(string) {}})
	if err == nil || !strings.Contains(err.Error(), "made by Postgres 9") {
		t.Errorf("got %v", err)
	}
}

func TestStalePidFile(t *testing.T) {
	t.Parallel()
	running := testPostgres(t)
	stranger := exec.Command("sleep", "60")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer stranger.Wait()         //nolint:errcheck // it was killed
	defer stranger.Process.Kill() //nolint:errcheck // a sleep
	zombie := exec.Command("true")
	if err := zombie.Start(); err != nil {
		t.Fatal(err)
	}
	defer zombie.Wait() //nolint:errcheck // reaped at the end, so that it is one until then
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // a port

	busy, free := l.Addr().(*net.TCPAddr).Port, 1
	for _, c := range []struct {
		name      string
		pid, port int
		says      string // in the error; empty: the file is removed
	}{
		{"another program", stranger.Process.Pid, free, ""},
		{"a zombie", zombie.Process.Pid, free, ""},
		{"another program, and somebody on the port", stranger.Process.Pid, busy, "already running (pid "},
		{"a Postgres that stays", running.child.cmd.Process.Pid, running.port, "already running (pid "},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "postmaster.pid")
			text := fmt.Sprintf("%d\n/data\n1790000000\n%d\n\n127.0.0.1\n", c.pid, c.port)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			err := waitOrClear(t.Context(), path, 100*time.Millisecond)
			_, stat := os.Stat(path)
			if c.says == "" {
				if err != nil || !errors.Is(stat, os.ErrNotExist) {
					t.Errorf("got %v and %v", err, stat)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.says) || stat != nil {
				t.Errorf("got %v and %v", err, stat)
			}
		})
	}
}

// The lock of one more start is not ours to test here: this is Postgres' own.
func TestSecondServerOnTheSameDataIsRefused(t *testing.T) {
	t.Parallel()
	p := testPostgres(t)
	second := &Postgres{c: p.c, bin: p.bin, Major: p.Major, password: p.password}
	port, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	log, err := second.launch(t.Context(), port)
	if err == nil || !strings.Contains(log, "lock file") {
		t.Errorf("got %v, %q", err, log)
	}
	if err := open(t, p.URL).Ping(); err != nil {
		t.Errorf("the first one suffered: %v", err)
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := Start(ctx, Options{Ephemeral: true}); err == nil {
		s.Stop() //nolint:errcheck // it should not be there
		t.Error("it started all the same")
	} else if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestBinariesByPGBINDIR(t *testing.T) {
	b, err := findBinaries(t.Context(), 0, nil, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PG_BINDIR", b.dir)
	if got, err := findBinaries(t.Context(), 0, nil, nil); err != nil || got != b {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := findBinaries(t.Context(), b.major+1, nil, nil); err == nil {
		t.Error("took binaries of another version than the data's")
	}
	t.Setenv("PG_BINDIR", t.TempDir())
	if _, err := findBinaries(t.Context(), 0, nil, nil); err == nil || !strings.Contains(err.Error(), "PG_BINDIR: no initdb") {
		t.Errorf("got %v", err)
	}
}

func TestHintNamesThePackage(t *testing.T) {
	t.Parallel()
	for release, want := range map[string]string{
		"NAME=x\nID=debian\n":                          "apt-get install postgresql",
		"ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n":    "apt-get install postgresql",
		"ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"": "dnf install postgresql-server",
		"ID=alpine\n":  "apk add postgresql",
		"ID=arch\n":    "pacman -S postgresql",
		"ID=unheard\n": "your system's package",
	} {
		if got := hintFor(release); !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", release, got, want)
		}
	}
}
