//go:build unix

package devstack

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// heldError says whose lock it is.
type heldError struct{ pid string }

func (e heldError) Error() string { return "held by pid " + e.pid }

// lockFile takes a lock that the kernel drops when this process ends, however
// it ends, and writes our pid into it for whoever comes second.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close() //nolint:errcheck // nothing was written
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		pid, _ := io.ReadAll(io.LimitReader(f, 20))
		return nil, heldError{strings.TrimSpace(string(pid))}
	}
	if err := f.Truncate(0); err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
		if err != nil {
			f.Close() //nolint:errcheck // the write failed already
			return nil, fmt.Errorf("write lock: %w", err)
		}
	}
	return f, nil
}
