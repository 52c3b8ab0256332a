//go:build unix

package devstack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func asOwner(o *owner) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: o.credential()}
}

// waitOrClear deals with a postmaster.pid that a new server took for a
// running one. A server that is on its way out is waited for; a file whose
// process is no Postgres, or a zombie that nobody reaps (containers without
// an init), is removed; a server that stays is not ours to end.
func waitOrClear(ctx context.Context, path string, patience time.Duration) error {
	deadline := time.Now().Add(patience)
	for {
		raw, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		lines := strings.Split(string(raw), "\n")
		pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
		if err != nil || !runsPostgres(pid) {
			if len(lines) > 3 && listens(strings.TrimSpace(lines[3])) {
				return fmt.Errorf("already running (pid %d): something listens on port %s, which %s names", pid, lines[3], path)
			}
			return os.Remove(path)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("already running (pid %d): a Postgres server uses %s", pid, filepath.Dir(path))
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
}

// runsPostgres reports whether a live process is a Postgres server.
func runsPostgres(pid int) bool {
	out, err := exec.Command("ps", "-o", "stat=,comm=", "-p", strconv.Itoa(pid)).Output()
	if raw, rerr := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); rerr == nil {
		// "pid (comm) state …"; minimal containers have no ps.
		s := string(raw)
		i, j := strings.IndexByte(s, '('), strings.LastIndexByte(s, ')')
		if i < 0 || j < i || j+2 >= len(s) {
			return false
		}
		return s[i+1:j] == "postgres" && s[j+2] != 'Z'
	}
	fields := strings.Fields(string(out))
	return err == nil && len(fields) > 1 && !strings.HasPrefix(fields[0], "Z") && strings.Contains(fields[1], "postgres")
}

func listens(port string) bool {
	c, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", port), time.Second)
	if err != nil {
		return false
	}
	c.Close() //nolint:errcheck // it only asked
	return true
}
