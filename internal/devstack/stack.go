// Package devstack starts what Latchkey leans on, for `latchkey dev` and for
// tests: a private Postgres, a Redis and a mail server with a mailbox to read.
//
// Everything listens on loopback only, and nothing outlives the process that
// started it, however that process ends. What is given as a URL is taken as
// it is and never started, stopped or changed.
package devstack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Options say what to start. The zero value starts all three parts, and keeps
// their state in no lasting place only when Ephemeral is set.
type Options struct {
	DatabaseURL string // taken as given when set
	RedisURL    string // taken as given when set
	SMTPURL     string // taken as given when set; the stack then has no mailbox

	// StateDir keeps Postgres and Redis between runs; ".latchkey" when empty.
	StateDir string
	// Ephemeral keeps nothing: state lies in a temporary folder, unsynced,
	// and is removed by Stop.
	Ephemeral bool
	// DemandRealRedis refuses the in-process stand-in.
	DemandRealRedis bool

	// Say is told of each step in a line for people; it may be nil.
	Say func(string)
}

// Stack is what is running.
type Stack struct {
	DatabaseURL string
	RedisURL    string
	SMTPURL     string
	Mailbox     *Mailbox // nil when SMTPURL was given

	died  chan error
	stops []func() error // in order of starting
}

// Start starts what the options do not give, and returns once all of it
// answers. ctx bounds the starting only: the stack runs until Stop.
func Start(ctx context.Context, o Options) (_ *Stack, err error) {
	say := o.Say
	if say == nil {
		say = func(string) {}
	}
	s := &Stack{
		DatabaseURL: o.DatabaseURL, RedisURL: o.RedisURL, SMTPURL: o.SMTPURL,
		died: make(chan error, 2),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()

	var state *state
	if o.DatabaseURL == "" || o.RedisURL == "" {
		if state, err = openState(o, say); err != nil {
			return nil, err
		}
		s.stops = append(s.stops, state.close)
	}
	if o.DatabaseURL == "" {
		p, err := startPostgres(ctx, postgresConfig{
			dir: state.room, owner: state.owner, throwAway: o.Ephemeral, database: "latchkey", say: say,
		})
		if err != nil {
			return nil, err
		}
		s.stops = append(s.stops, p.Stop)
		s.DatabaseURL = p.URL
		s.watch("Postgres", p.child)
	}
	if o.RedisURL == "" {
		r, err := startRedis(ctx, redisConfig{
			dir: state.room, owner: state.owner, keep: !o.Ephemeral, demandReal: o.DemandRealRedis, say: say,
		})
		if err != nil {
			return nil, err
		}
		s.stops = append(s.stops, r.Stop)
		s.RedisURL = r.URL
		s.watch("Redis", r.child)
	}
	if o.SMTPURL == "" {
		m, err := NewMailbox()
		if err != nil {
			return nil, err
		}
		s.stops = append(s.stops, m.Close)
		s.Mailbox, s.SMTPURL = m, m.URL()
	}
	return s, nil
}

// Stop ends everything in the reverse order, cleanly. It may be called twice.
func (s *Stack) Stop() error {
	var errs []error
	for i := len(s.stops) - 1; i >= 0; i-- {
		errs = append(errs, s.stops[i]())
	}
	s.stops = nil
	return errors.Join(errs...)
}

// Died yields an error for each server that ended without being told to.
func (s *Stack) Died() <-chan error { return s.died }

func (s *Stack) watch(name string, c *child) {
	if c == nil { // in process
		return
	}
	go func() {
		<-c.done
		if !c.stopping.Load() {
			s.died <- fmt.Errorf("%s ended by itself: %v", name, c.err)
		}
	}()
}

// state is the folder of one stack, held by a lock so that two runs never
// start servers on the same files.
type state struct {
	room  string // where the servers' folders are
	owner *owner // whom the servers run as; nil is us
	lock  *os.File
	temp  string // removed at the end
}

func openState(o Options, say func(string)) (*state, error) {
	owner, err := serverOwner()
	if err != nil {
		return nil, err
	}
	if o.Ephemeral {
		dir, lock, err := scratch("latchkey-dev-", owner)
		if err != nil {
			return nil, err
		}
		return &state{room: dir, owner: owner, lock: lock, temp: dir}, nil
	}
	if o.StateDir == "" {
		o.StateDir = ".latchkey"
	}
	dir, err := filepath.Abs(o.StateDir)
	if err != nil {
		return nil, fmt.Errorf("find state folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make state folder: %w", err)
	}
	lock, err := lockFile(filepath.Join(dir, "lock"))
	if err != nil {
		var held heldError
		if errors.As(err, &held) {
			return nil, fmt.Errorf("already running (pid %s) with the state in %s", held.pid, dir)
		}
		return nil, err
	}
	room, err := roomFor(dir, owner, say)
	if err != nil {
		lock.Close() //nolint:errcheck // closing releases it
		return nil, err
	}
	return &state{room: room, owner: owner, lock: lock}, nil
}

func (s *state) close() error {
	defer s.lock.Close() //nolint:errcheck // closing releases it
	if s.temp == "" {
		return nil
	}
	return os.RemoveAll(s.temp)
}
