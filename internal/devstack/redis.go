package devstack

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// Redis is a running private server, or its stand-in inside this process.
type Redis struct {
	URL  string
	Real bool // a server process, not the stand-in

	c        redisConfig
	path     string
	port     int
	password string
	child    *child
	mini     *miniredis.Miniredis
	tick     chan struct{} // closed to stop the stand-in's clock
	cleanup  func() error
}

type redisConfig struct {
	dir        string
	owner      *owner
	keep       bool // append-only file in dir
	demandReal bool
	say        func(string)
	find       func() string // findRedis when nil
}

// StartRedis starts a server that keeps nothing. Without redis-server or
// valkey-server on the machine it is the in-process stand-in, unless a real
// one is demanded.
func StartRedis(ctx context.Context, demandReal bool) (*Redis, error) {
	owner, err := serverOwner()
	if err != nil {
		return nil, err
	}
	dir, lock, err := scratch("latchkey-test-", owner)
	if err != nil {
		return nil, err
	}
	remove := func() error { return errors.Join(os.RemoveAll(dir), lock.Close()) }
	r, err := startRedis(ctx, redisConfig{dir: dir, owner: owner, demandReal: demandReal, say: func(string) {}})
	if err != nil {
		return nil, errors.Join(err, remove())
	}
	r.cleanup = remove
	return r, nil
}

func startRedis(ctx context.Context, c redisConfig) (*Redis, error) {
	// A password for the same reason as Postgres has one: CONFIG SET writes files.
	if c.find == nil {
		c.find = findRedis
	}
	r := &Redis{c: c, path: c.find(), password: rand.Text()}
	r.Real = r.path != ""
	if !r.Real && c.demandReal {
		return nil, errors.New("a real Redis is demanded, and neither redis-server nor valkey-server is on this machine")
	}
	if err := r.Start(ctx); err != nil {
		return nil, err
	}
	if r.Real {
		c.say(fmt.Sprintf("Redis from %s, on port %d", r.path, r.port))
	} else {
		c.say("Redis: no redis-server or valkey-server found; an in-process one stands in and keeps nothing")
	}
	return r, nil
}

func findRedis() string {
	for _, name := range []string{"redis-server", "valkey-server"} {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
		for _, dir := range []string{"/usr/bin", "/usr/local/bin", "/opt/homebrew/bin", "/opt/local/bin"} {
			p := filepath.Join(dir, name)
			if info, err := os.Stat(p); err == nil && info.Mode()&0o111 != 0 {
				return p
			}
		}
	}
	return ""
}

// Start starts the server again, after Halt or Crash on the same port.
func (r *Redis) Start(ctx context.Context) error {
	if !r.Real {
		return r.startMini()
	}
	var err error
	for range 6 {
		port := r.port
		if port == 0 {
			if port, err = FreePort(); err != nil {
				return err
			}
		}
		if err = r.launch(ctx, port); err == nil {
			r.port = port
			r.URL = redisURL(r.password, port)
			return nil
		}
		if ctx.Err() != nil || !strings.Contains(err.Error(), "bind") {
			return err
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return err
}

func (r *Redis) launch(ctx context.Context, port int) error {
	data := filepath.Join(r.c.dir, "redis")
	if err := os.Mkdir(data, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("make Redis folder: %w", err)
	}
	// By file and not by argument: everybody can read arguments.
	conf := filepath.Join(data, "redis.conf")
	settings := fmt.Sprintf("bind 127.0.0.1\nport %d\nrequirepass %s\nsave \"\"\ndir %q\nappendonly %s\ndaemonize no\n",
		port, r.password, data, yesNo(r.c.keep))
	if err := os.WriteFile(conf, []byte(settings), 0o600); err != nil {
		return fmt.Errorf("write Redis settings: %w", err)
	}
	if err := errors.Join(r.c.owner.give(data), r.c.owner.give(conf)); err != nil {
		return fmt.Errorf("give Redis its folder: %w", err)
	}
	logName := filepath.Join(r.c.dir, "redis.log")
	out, err := os.Create(logName)
	if err != nil {
		return fmt.Errorf("open Redis log: %w", err)
	}
	defer out.Close() //nolint:errcheck // the child has its own
	r.child, err = spawn(command{
		path: r.path, args: []string{conf}, dir: data, out: out, owner: r.c.owner,
		stop: syscall.SIGTERM, die: syscall.SIGTERM,
	})
	if err != nil {
		return err
	}
	if err := r.answers(ctx, port); err != nil {
		r.child.Kill()
		log, _ := os.ReadFile(logName)
		return fmt.Errorf("start Redis: %w: %s", err, lastLines(string(log), 5))
	}
	return nil
}

// answers waits for a PONG; while the server reads its file it says LOADING.
func (r *Redis) answers(ctx context.Context, port int) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		if err := ping(port, r.password); err == nil {
			return nil
		}
		select {
		case <-r.child.done:
			return fmt.Errorf("it ended: %v", r.child.err)
		case <-ctx.Done():
			return errors.New("it does not answer")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func ping(port int, password string) error {
	c, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), time.Second)
	if err != nil {
		return err
	}
	defer c.Close()                            //nolint:errcheck // one question
	c.SetDeadline(time.Now().Add(time.Second)) //nolint:errcheck // then it fails below
	if _, err := io.WriteString(c, resp("AUTH", password)+resp("PING")); err != nil {
		return err
	}
	answers := bufio.NewReader(c)
	for _, want := range []string{"+OK\r\n", "+PONG\r\n"} {
		got, err := answers.ReadString('\n')
		if err != nil {
			return err
		}
		if got != want {
			return errors.New(strings.TrimSpace(got))
		}
	}
	return nil
}

// resp writes a command as the protocol wants it.
func resp(words ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
	}
	return b.String()
}

func (r *Redis) startMini() error {
	r.mini = miniredis.NewMiniRedis()
	r.mini.RequireAuth(r.password)
	if err := r.mini.StartAddr(net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port))); err != nil {
		return fmt.Errorf("start in-process Redis: %w", err)
	}
	port, err := strconv.Atoi(r.mini.Port())
	if err != nil {
		return err
	}
	r.port, r.URL = port, redisURL(r.password, port)
	r.tick = make(chan struct{})
	go advance(r.mini, r.tick)
	return nil
}

// advance moves the stand-in's clock, which stands still by itself, so that
// leases and locks expire as they would.
func advance(m *miniredis.Miniredis, stop <-chan struct{}) {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-stop:
			return
		case now := <-tick.C:
			m.FastForward(now.Sub(last))
			last = now
		}
	}
}

// Halt ends the server and keeps what it keeps for Start.
func (r *Redis) Halt() error {
	if r.mini != nil {
		close(r.tick)
		r.mini.Close()
		r.mini = nil
		return nil
	}
	if r.child == nil {
		return nil
	}
	err := r.child.Stop(stopWithin)
	r.child = nil
	if err != nil {
		return fmt.Errorf("stop Redis: %w", err)
	}
	return nil
}

// Crash ends the server as kill -9 does.
func (r *Redis) Crash() {
	if r.child != nil {
		r.child.Kill()
		r.child = nil
		return
	}
	r.Halt() //nolint:errcheck // the stand-in has no failure
}

// Stop ends the server and removes what StartRedis made.
func (r *Redis) Stop() error {
	err := r.Halt()
	if r.cleanup != nil {
		err = errors.Join(err, r.cleanup())
		r.cleanup = nil
	}
	return err
}

func redisURL(password string, port int) string {
	return fmt.Sprintf("redis://:%s@127.0.0.1:%d/0", password, port)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
