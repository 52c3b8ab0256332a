package pgtest

import (
	"errors"
	"hash/crc32"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"latchkey/internal/pg"
)

// Failing lets one statement fail, as if the connection had broken there, and
// writes down those that ran: what a call does is done with its first statement
// failing, then its second, and so on. Give its Before to a pool.
type Failing struct {
	mu   sync.Mutex
	off  *sync.Cond // tells that held is over
	on   bool
	free bool // nothing is held
	at   int  // counted from one; zero: none
	seen []string

	// Held names a statement, by a part of its text, that waits until Stop: of
	// somebody who works beside the call.
	Held string
}

// NewFailing gives one that lets everything pass until From.
func NewFailing() *Failing {
	f := &Failing{}
	f.off = sync.NewCond(&f.mu)
	return f
}

// Before is asked before each statement.
func (f *Failing) Before(query string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.on && !f.free && f.Held != "" && strings.Contains(query, f.Held) {
		f.off.Wait()
	}
	if !f.on || strings.Contains(query, "pg_notify") { // a wake-up, after the commit
		return nil
	}
	f.seen = append(f.seen, strings.Join(strings.Fields(query), " "))
	if len(f.seen) == f.at {
		return syscall.ECONNRESET
	}
	return nil
}

// From begins to count: the statement of this number fails; 0: none.
func (f *Failing) From(at int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.on, f.free, f.at, f.seen = true, false, at, nil
}

// Stop ends it and gives the statements since From.
func (f *Failing) Stop() (seen []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.on, f.free = false, false
	f.off.Broadcast()
	return f.seen
}

// Release lets the held go on and counts their statements alone: the one of
// this number fails, and 0 none. Until Stop nothing is held.
func (f *Failing) Release(at int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.on, f.free, f.at, f.seen = true, true, at, nil
	f.off.Broadcast()
}

// Each does act in a transaction that is taken back, once to count its
// statements and then with each of them failing, and gives what it answered to
// each.
func (f *Failing) Each(t testing.TB, db *pg.DB, act func(*pg.Tx) error) (answers []error) {
	t.Helper()
	back := errors.New("taken back")
	for at, statements := 0, 1; at <= statements; at++ {
		err := db.InTx(t.Context(), func(tx *pg.Tx) error {
			f.From(at)
			answer := act(tx)
			if seen := f.Stop(); at == 0 {
				statements = len(seen)
			} else {
				answers = append(answers, answer)
			}
			return back
		})
		if !errors.Is(err, back) {
			t.Fatal(err)
		}
	}
	return answers
}

// Spared reports whether a test leaves this statement out: nine of ten, unless
// LATCHKEY_STATEMENTS=all.
func Spared(t testing.TB, query string) bool {
	return os.Getenv("LATCHKEY_STATEMENTS") != "all" && crc32.ChecksumIEEE([]byte(t.Name()+query))%10 != 0
}
