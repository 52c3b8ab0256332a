package api_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"latchkey/internal/pg/pgtest"
)

// Whatever can't be read or written, nothing is said to be done: each
// statement of every call that changes something fails once, the first, the
// second and so on, as if the connection had broken there. The answer is a
// failure of ours, and the very same call then does all of it: nothing was
// half done.
func TestEveryStatementMayFail(t *testing.T) {
	t.Parallel()
	var known sync.Map // statement → how often it has failed
	for route, row := range mutatingRoutes {
		who := ""
		for name, want := range map[string]string{"nobody": row.want.nobody, "sign-in": row.want.signIn, "confirmed": row.want.sure} {
			if strings.HasPrefix(want, "2") && (who == "" || name < who) {
				who = name
			}
		}
		if who == "" {
			continue // a link from a mail, which none of the table's people holds
		}
		t.Run(route, func(t *testing.T) {
			t.Parallel()
			f := &failing{}
			h := newHouse(t, pgtest.Before(f.before))
			call := h.ready(route, row, who)
			f.from(0)
			if answer := call(); answer.Status >= 300 {
				t.Fatalf("with nothing failing: %d %s", answer.Status, answer.Body)
			}
			for n, query := range f.stop() {
				times, _ := known.LoadOrStore(query, new(atomic.Int64))
				if times.(*atomic.Int64).Add(1) > 6 {
					continue // what every call begins with
				}
				call := h.ready(route, row, who)
				f.from(n + 1)
				answer := call()
				f.stop()
				if answer.Status < 500 {
					t.Errorf("statement %d failed, and the answer is %d: %s", n+1, answer.Status, query)
				} else if again := call(); again.Status >= 300 {
					t.Errorf("after statement %d failed, the same call is answered %d %s: %s", n+1, again.Status, again.Body, query)
				}
			}
		})
	}
}

// failing lets one statement fail, and writes down those that ran.
type failing struct {
	mu   sync.Mutex
	on   bool
	at   int // counted from one; zero: none
	seen []string
}

func (f *failing) before(query string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case !f.on:
		return nil
	case strings.Contains(query, "pg_notify"), strings.Contains(query, "DELETE FROM address_requests"):
		return nil // beside the call: a wake-up after its commit, and who answers requests about addresses
	}
	f.seen = append(f.seen, strings.Join(strings.Fields(query), " "))
	if len(f.seen) == f.at {
		return syscall.ECONNRESET
	}
	return nil
}

func (f *failing) from(at int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.on, f.at, f.seen = true, at, nil
}

func (f *failing) stop() (seen []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.on = false
	return f.seen
}
