package devstack

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"latchkey/internal/pg"
)

// superuser is the one role of a private cluster.
const superuser = "latchkey"

// stopWithin is what a server may take to end: it writes down what it has, and
// disks that others use too can be slow.
const stopWithin = 30 * time.Second

// Postgres is a running private server.
type Postgres struct {
	URL   string // of the database that was asked for
	Major int

	c        postgresConfig
	bin      binaries
	port     int
	password string
	child    *child
	cleanup  func() error
}

type postgresConfig struct {
	dir       string // the room; data, log and password lie in it
	owner     *owner
	throwAway bool   // no fsync, and gone at once when we die
	database  string // made when it is not there
	say       func(string)
}

// StartPostgres starts a throw-away cluster of its own, for a test binary or
// for a test that means to break it. Stop removes it.
func StartPostgres(ctx context.Context, say func(string)) (*Postgres, error) {
	owner, err := serverOwner()
	if err != nil {
		return nil, err
	}
	dir, lock, err := scratch("latchkey-test-", owner)
	if err != nil {
		return nil, err
	}
	remove := func() error { return errors.Join(os.RemoveAll(dir), lock.Close()) }
	if say == nil {
		say = func(string) {}
	}
	p, err := startPostgres(ctx, postgresConfig{dir: dir, owner: owner, throwAway: true, database: "postgres", say: say})
	if err != nil {
		return nil, errors.Join(err, remove())
	}
	p.cleanup = remove
	return p, nil
}

func startPostgres(ctx context.Context, c postgresConfig) (*Postgres, error) {
	p := &Postgres{c: c}
	made, err := p.init(ctx)
	if err != nil {
		return nil, fmt.Errorf("prepare Postgres: %w", err)
	}
	if err := p.Start(ctx); err != nil {
		return nil, err
	}
	if err := p.makeDatabase(ctx); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	how := "its data from the last run"
	if made {
		how = "new data"
	}
	c.say(fmt.Sprintf("Postgres %d from %s, with %s in %s, on port %d", p.Major, p.bin.dir, how, p.data(), p.port))
	return p, nil
}

// Start starts the server again on its data, after Stop or Crash on the same
// port, and returns once it answers.
func (p *Postgres) Start(ctx context.Context) error {
	deadline := time.Now().Add(20 * time.Second)
	for cleared := false; ; {
		port := p.port
		if port == 0 {
			free, err := FreePort()
			if err != nil {
				return err
			}
			port = free
		}
		log, err := p.launch(ctx, port)
		if err == nil {
			p.port = port
			return nil
		}
		switch {
		case ctx.Err() != nil || time.Now().After(deadline):
			return err
		case strings.Contains(log, "could not bind") || strings.Contains(log, "could not create any TCP/IP sockets"),
			strings.Contains(log, "pre-existing shared memory block"):
			// Someone took the port, or what a crash has left is still leaving.
			if err := pause(ctx, 50*time.Millisecond); err != nil {
				return err
			}
		case strings.Contains(log, "lock file") && !cleared:
			cleared = true
			if err := waitOrClear(ctx, filepath.Join(p.data(), "postmaster.pid"), 10*time.Second); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

// launch makes one try and gives what the server wrote about it.
func (p *Postgres) launch(ctx context.Context, port int) (string, error) {
	// Truncated, so that a failure shows this start only.
	out, err := os.Create(p.logFile())
	if err != nil {
		return "", fmt.Errorf("open Postgres log: %w", err)
	}
	defer out.Close() //nolint:errcheck // the child has its own
	args := []string{
		"-D", p.data(), "-h", "127.0.0.1", "-p", strconv.Itoa(port),
		"-k", "", // no socket: its path may be too long, its folder closed
		"-c", "jit=off", "-c", "timezone=UTC", "-c", "log_timezone=UTC",
	}
	die := syscall.SIGINT
	if p.c.throwAway {
		die = syscall.SIGQUIT
		args = append(args, "-F", "-c", "synchronous_commit=off", "-c", "full_page_writes=off",
			"-c", "max_connections=400", "-c", "shared_buffers=64MB", "-c", "wal_level=minimal", "-c", "max_wal_senders=0")
	} else {
		args = append(args, "-c", "max_connections=200", "-c", "shared_buffers=64MB")
	}
	p.child, err = spawn(command{
		path: p.bin.path("postgres"), args: args, dir: p.data(), out: out, owner: p.c.owner,
		stop: syscall.SIGINT, die: die,
	})
	if err != nil {
		return "", err
	}
	p.URL = p.url(port, p.c.database)
	err = p.answers(ctx, p.url(port, "postgres"))
	if err == nil {
		return "", nil
	}
	p.child.Kill()
	log, _ := os.ReadFile(p.logFile())
	return string(log), fmt.Errorf("start Postgres: %w: %s", err, lastLines(string(log), 6))
}

func (p *Postgres) url(port int, database string) string {
	// Every key is given: the driver fills gaps from PG* in the environment.
	q := url.Values{"sslmode": {"disable"}, "hostaddr": {"127.0.0.1"}, "connect_timeout": {"5"}}
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, p.password),
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), Path: database, RawQuery: q.Encode(),
	}
	return u.String()
}

// answers waits until a connection works. While the server recovers it says
// so (57P03), which may take its time after a crash.
func (p *Postgres) answers(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	db, err := pg.Open(url, pg.Options{MaxConns: 1, Name: "latchkey devstack"})
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // a single idle connection
	for {
		err := db.PingContext(ctx)
		if err == nil {
			return nil
		}
		if s := sqlState(err); s != "" && s != "57P03" {
			return err
		}
		select {
		case <-p.child.done:
			return fmt.Errorf("it ended: %v", p.child.err)
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (p *Postgres) makeDatabase(ctx context.Context) error {
	if p.c.database == "postgres" {
		return nil
	}
	db, err := pg.Open(p.url(p.port, "postgres"), pg.Options{MaxConns: 1, StatementTimeout: time.Minute, Name: "latchkey devstack"})
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // a single idle connection
	if _, err := db.ExecContext(ctx, `CREATE DATABASE `+p.c.database); err != nil && sqlState(err) != "42P04" {
		return fmt.Errorf("create database: %w", err)
	}
	return nil
}

// Stop ends the server cleanly. A throw-away cluster of its own is removed.
func (p *Postgres) Stop() error {
	var err error
	if p.child != nil {
		if err = p.child.Stop(stopWithin); err != nil {
			err = fmt.Errorf("stop Postgres: %w", err)
		}
	}
	if p.cleanup != nil {
		err = errors.Join(err, p.cleanup())
		p.cleanup = nil
	}
	return err
}

// Halt ends the server cleanly and keeps its data for Start.
func (p *Postgres) Halt() error { return p.child.Stop(stopWithin) }

// Crash ends the server as a power cut would and keeps its data for Start.
func (p *Postgres) Crash() { p.child.Kill() }

func sqlState(err error) string {
	var s interface{ SQLState() string }
	if errors.As(err, &s) {
		return s.SQLState()
	}
	return ""
}

// Ports for servers lie below those that systems hand out by themselves, so
// that nobody is given one while its server is down.
const firstPort, lastPort = 20_000, 29_999

// FreePort gives a port that was free a moment ago; whoever binds it has to
// be ready to try another.
func FreePort() (int, error) {
	for tries := 0; ; tries++ {
		n, err := rand.Int(rand.Reader, big.NewInt(lastPort-firstPort+1))
		if err != nil {
			return 0, fmt.Errorf("find a free port: %w", err)
		}
		port := firstPort + int(n.Int64())
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, l.Close()
		}
		if tries == 100 {
			return 0, fmt.Errorf("find a free port: %w", err)
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
