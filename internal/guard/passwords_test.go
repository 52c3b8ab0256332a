package guard_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"latchkey/internal/guard"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
)

// Twenty-four wrong passwords for an address without an account, with no
// argon2 to queue before: five are judged.
func TestParallelWrongPasswordsForNobodyAreFive(t *testing.T) {
	t.Parallel()
	const crowd = 24
	db := pgtest.New(t, pgtest.At("2026-03-02 12:00:00"), pgtest.MaxConns(crowd))
	m := guard.PasswordMeter{Digest: []byte("nobody")}
	var judged atomic.Int64
	var wg sync.WaitGroup
	ready, release := make(chan struct{}), make(chan struct{})
	for range crowd {
		wg.Go(func() {
			conn, err := db.Conn(t.Context()) // every connection is open before the start
			ready <- struct{}{}
			if err != nil {
				t.Error(err)
				return
			}
			<-release
			conn.Close() //nolint:errcheck // back to the pool
			if db.InTx(t.Context(), func(tx *pg.Tx) error { return m.JudgeTx(t.Context(), tx, false) }) == nil {
				judged.Add(1)
			}
		})
	}
	for range crowd {
		<-ready
	}
	close(release)
	wg.Wait()
	if n := judged.Load(); n != 5 {
		t.Errorf("%d of %d were judged, want 5", n, crowd)
	}
	var kept int
	if err := db.Get(&kept, `SELECT cardinality(failures) FROM password_meters`); err != nil || kept != 5 {
		t.Errorf("%d are on the meter (%v)", kept, err)
	}
}

// A right password that runs beside the fifth wrong one waits for its verdict.
func TestARightPasswordWaitsForTheVerdictBeforeIt(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, pgtest.At("2026-03-02 12:00:00"))
	m := guard.PasswordMeter{Digest: []byte("ada")}
	try := func(right bool, then func()) error {
		return db.InTx(t.Context(), func(tx *pg.Tx) error {
			err := m.JudgeTx(t.Context(), tx, right)
			then()
			return err
		})
	}
	for range 4 {
		if err := try(false, func() {}); err != nil {
			t.Fatal(err)
		}
	}
	verdict := make(chan error, 1)
	err := try(false, func() { // charged, and not committed yet
		go func() { verdict <- try(true, func() {}) }()
		for waiting := 0; waiting == 0 && len(verdict) == 0; {
			err := db.Get(&waiting, `SELECT count(*) FROM pg_stat_activity
				WHERE datname = current_database() AND wait_event_type = 'Lock'`)
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-verdict; err == nil {
		t.Error("it got in on a count that was out of date")
	}
}
