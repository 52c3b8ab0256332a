//go:build unix

package devstack

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// child is a server process that ends when we do.
type child struct {
	cmd      *exec.Cmd
	watcher  io.Closer // our end of the pipe that keeps it alive, if it is watched so
	stop     syscall.Signal
	done     chan struct{} // closed when it has ended, err is set then
	err      error
	stopping atomic.Bool
	once     sync.Once
}

// command describes a child.
type command struct {
	path  string
	args  []string
	dir   string
	out   *os.File
	owner *owner
	stop  syscall.Signal // a clean end, asked for by Stop
	die   syscall.Signal // sent when we are gone
}

// watchScript runs a command until its standard input ends, which it does
// when we die. The loop matters: sh starts background jobs with SIGINT
// ignored, so a single early one would be lost.
const watchScript = `s=$1; shift; exec 3<&0
"$@" </dev/null 3<&- & p=$!
trap "" INT TERM HUP
(while read -r _; do :; done; while kill -s "$s" $p 2>/dev/null; do sleep 0.2; done) <&3 3<&- & w=$!
exec 3<&- </dev/null
wait $p; r=$?
kill -9 $w 2>/dev/null
exit $r`

// watched is for systems whose kernel does not tell a child that its parent
// died; a variable so that the way is tested where it isn't needed.
var watched = !kernelTellsChildren

// spawn starts a child.
func spawn(c command) (*child, error) {
	k := &child{stop: c.stop, done: make(chan struct{})}
	attr := &syscall.SysProcAttr{
		Credential: c.owner.credential(),
		Setpgid:    true, // Ctrl-C is ours to act on: we drain before the database goes
	}
	var theirs *os.File
	if watched {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, fmt.Errorf("make pipe: %w", err)
		}
		theirs, k.watcher = r, w
		args := []string{"-c", watchScript, "sh", signalName(c.die), c.path}
		k.cmd = exec.Command("/bin/sh", append(args, c.args...)...)
		k.cmd.Stdin = r
	} else {
		k.cmd = exec.Command(c.path, c.args...)
		tellOfDeath(attr, c.die)
	}
	k.cmd.Dir, k.cmd.Env = c.dir, cleanEnv()
	k.cmd.Stdout, k.cmd.Stderr = c.out, c.out
	k.cmd.SysProcAttr = attr

	started := make(chan error)
	go func() {
		// The kernel tells the child when the thread that started it ends,
		// not the process: the thread has to stay as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := k.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		k.err = k.cmd.Wait()
		close(k.done)
	}()
	err := <-started
	if theirs != nil {
		theirs.Close() //nolint:errcheck // the child has its own
	}
	if err != nil {
		if k.watcher != nil {
			k.watcher.Close() //nolint:errcheck // nothing listens
		}
		return nil, fmt.Errorf("start %s: %w", c.path, err)
	}
	return k, nil
}

// Stop ends the child: cleanly, and by force when that takes too long.
func (k *child) Stop(patience time.Duration) error {
	k.stopping.Store(true)
	k.once.Do(func() {
		if k.watcher != nil {
			k.watcher.Close() //nolint:errcheck // the end of input is the message
			return
		}
		k.cmd.Process.Signal(k.stop) //nolint:errcheck // it may have ended
	})
	select {
	case <-k.done:
		return nil
	case <-time.After(patience):
	}
	k.Kill()
	return errors.New("did not stop in time and was killed")
}

// Kill ends the child at once, with all that it has started.
func (k *child) Kill() {
	k.stopping.Store(true)
	syscall.Kill(-k.cmd.Process.Pid, syscall.SIGKILL) //nolint:errcheck // it may have ended
	k.cmd.Process.Kill()                              //nolint:errcheck // it may have ended
	<-k.done
	if k.watcher != nil {
		k.watcher.Close() //nolint:errcheck // nothing listens
	}
}

func signalName(s syscall.Signal) string {
	switch s {
	case syscall.SIGQUIT:
		return "QUIT"
	case syscall.SIGTERM:
		return "TERM"
	default:
		return "INT"
	}
}

// cleanEnv is our environment without what would steer Postgres elsewhere.
func cleanEnv() []string {
	env := []string{"LC_ALL=C"}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PG") && !strings.HasPrefix(v, "LC_") && !strings.HasPrefix(v, "NOTIFY_SOCKET=") {
			env = append(env, v)
		}
	}
	return env
}
