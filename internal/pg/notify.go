package pg

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/lib/pq"
)

// notifyEvery is how often at most a channel is notified: wakes in between
// are folded into one.
const notifyEvery = 5 * time.Millisecond

// notifier sends NOTIFY outside of any domain transaction.
type notifier struct {
	db   *sql.DB
	wake chan string
	done chan struct{}
	once sync.Once
	wg   sync.WaitGroup
}

func newNotifier(db *sql.DB) *notifier {
	n := &notifier{db: db, wake: make(chan string, 64), done: make(chan struct{})}
	n.wg.Add(1)
	go n.run()
	return n
}

// send never blocks: a lost wake costs the listener one tick of its own.
func (n *notifier) send(channel string) {
	select {
	case n.wake <- channel:
	default:
	}
}

func (n *notifier) run() {
	defer n.wg.Done()
	for {
		select {
		case <-n.done:
			return
		case channel := <-n.wake:
			n.fold(channel)
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			// A failure is left to the listener's tick.
			_, _ = n.db.ExecContext(ctx, `SELECT pg_notify($1, '')`, channel)
			cancel()
			select {
			case <-n.done:
				return
			case <-time.After(notifyEvery):
			}
		}
	}
}

// fold drops further wakes for the same channel that are already waiting.
func (n *notifier) fold(channel string) {
	for range len(n.wake) {
		if other := <-n.wake; other != channel {
			n.send(other)
		}
	}
}

func (n *notifier) close() {
	n.once.Do(func() { close(n.done) })
	n.wg.Wait()
}

// Listen calls f at each notification of the channel, and once after every
// reconnection, since some may have been missed. It returns when ctx ends.
// It needs a direct connection: a transaction pooler drops LISTEN.
func Listen(ctx context.Context, url, channel string, f func()) error {
	l := pq.NewListener(url, 50*time.Millisecond, time.Second, nil)
	defer l.Close() //nolint:errcheck // nothing is lost with it
	if err := listenUntil(ctx, l, channel); err != nil {
		return err
	}
	f()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.Notify: // nil after a reconnection: look again
			f()
		case <-time.After(30 * time.Second):
			go l.Ping() //nolint:errcheck // the listener reconnects by itself
		}
	}
}

// listenUntil waits for the first connection without outliving ctx.
func listenUntil(ctx context.Context, l *pq.Listener, channel string) error {
	ready := make(chan error, 1)
	go func() { ready <- l.Listen(channel) }()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-ready:
		return err
	}
}

func isBadConn(err error) bool {
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
