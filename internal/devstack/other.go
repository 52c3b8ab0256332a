//go:build !unix

package devstack

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// Elsewhere the servers can't be tied to our life, so none is started: give
// DATABASE_URL, REDIS_URL and SMTP_URL there. The rest of the program builds.

var errElsewhere = errors.New("private servers need Linux, macOS or another Unix: set DATABASE_URL and REDIS_URL")

type owner struct{ name string }

func serverOwner() (*owner, error)                             { return nil, errElsewhere }
func (*owner) give(string) error                               { return errElsewhere }
func (*owner) blockedAt(string) (string, error)                { return "", nil }
func asOwner(*owner) *syscall.SysProcAttr                      { return nil }
func roomFor(string, *owner, func(string)) (string, error)     { return "", errElsewhere }
func ownFolder(string) error                                   { return errElsewhere }
func scratch(string, *owner) (string, *os.File, error)         { return "", nil, errElsewhere }
func waitOrClear(context.Context, string, time.Duration) error { return errElsewhere }

type heldError struct{ pid string }

func (e heldError) Error() string { return "held by pid " + e.pid }

func lockFile(string) (*os.File, error) { return nil, errElsewhere }

type command struct {
	path      string
	args      []string
	dir       string
	out       *os.File
	owner     *owner
	stop, die syscall.Signal
}

type child struct {
	done     chan struct{}
	err      error
	stopping atomic.Bool
}

func spawn(command) (*child, error)     { return nil, errElsewhere }
func (*child) Stop(time.Duration) error { return errElsewhere }
func (*child) Kill()                    {}
func cleanEnv() []string                { return os.Environ() }
