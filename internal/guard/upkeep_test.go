package guard_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/guard"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
)

// Meters go when nothing in them counts any more, and not a moment before.
func TestSweepTakesWhatCountsNoMore(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	clock := pgtest.ClockOf(b.db)
	limits := guard.NewLimits(nil)
	b.tx(func(ctx context.Context, tx *pg.Tx) error {
		meter := guard.PasswordMeter{Digest: []byte("digest"), Limits: limits, Address: "192.0.2.1"}
		return meter.JudgeTx(ctx, tx, false)
	})
	b.know()
	start := clock.Now()
	for _, c := range []struct {
		after time.Duration
		rows  int64
	}{{24 * time.Hour, 2}, {365 * 24 * time.Hour, 1}} { // the meters of address and network; the browser
		clock.Set(start.Add(c.after - time.Microsecond))
		if n, err := guard.Sweep(t.Context(), b.db); err != nil || n != 0 {
			t.Errorf("a moment before %s: %d rows, %v", c.after, n, err)
		}
		clock.Set(start.Add(c.after))
		if n, err := guard.Sweep(t.Context(), b.db); err != nil || n != c.rows {
			t.Errorf("after %s: %d rows, want %d, %v", c.after, n, c.rows, err)
		}
	}
}

func TestLeftAndFrozenSayWhatTheMeterDoes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	clock := pgtest.ClockOf(b.db)
	left := func() (n int) {
		b.tx(func(ctx context.Context, tx *pg.Tx) error {
			l, err := guard.LockTx(ctx, tx, b.user, uuid.Nil)
			if err == nil {
				n = l.Left()
			}
			return err
		})
		return n
	}
	frozen := func() time.Duration {
		until, err := guard.FrozenUntil(t.Context(), b.db, b.user, b.db.Now())
		if err != nil {
			t.Fatal(err)
		}
		if until == nil {
			return 0
		}
		return until.Sub(b.db.Now())
	}
	if n, f := left(), frozen(); n != 5 || f != 0 {
		t.Errorf("fresh: %d left, frozen for %s", n, f)
	}
	b.miss(uuid.Nil, 1)
	if n, f := left(), frozen(); n != 4 || f != 0 {
		t.Errorf("one wrong: %d left, frozen for %s", n, f)
	}
	b.miss(uuid.Nil, 4)
	if n, f := left(), frozen(); n != 0 || f != 30*time.Second {
		t.Errorf("five wrong: %d left, frozen for %s", n, f)
	}
	b.miss(uuid.Nil, 1)
	if n := left(); n != 0 {
		t.Errorf("six wrong: %d left", n)
	}
	clock.Advance(time.Hour - time.Microsecond)
	if n, f := left(), frozen(); n != 0 || f != 0 {
		t.Errorf("within the hour: %d left, frozen for %s", n, f)
	}
	clock.Advance(time.Microsecond)
	if n := left(); n != 5 {
		t.Errorf("an hour later: %d left", n)
	}
}

// Three hundred a day from one network, however they are spread.
func TestANetworkHasThreeHundredWrongPasswordsADay(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	clock, limits := pgtest.ClockOf(b.db), guard.NewLimits(nil)
	start := clock.Now()
	charge := func() (refused bool) {
		err := b.db.InTx(t.Context(), func(tx *pg.Tx) error { return limits.WrongPasswordTx(t.Context(), tx, "192.0.2.1") })
		return err != nil
	}
	for n := range 300 {
		if n > 0 && n%30 == 0 {
			if !charge() {
				t.Fatalf("the thirty-first of a quarter of an hour is judged, after %d", n)
			}
			clock.Advance(15 * time.Minute)
		}
		if charge() {
			t.Fatalf("the %dth is refused", n+1)
		}
	}
	clock.Set(start.Add(24*time.Hour - time.Microsecond))
	if !charge() {
		t.Error("the three hundred and first of a day is judged")
	}
	if limits.PasswordLook(t.Context(), b.db, "192.0.2.1", b.db.Now()) == nil || limits.PasswordLook(t.Context(), b.db, "192.0.2.2", b.db.Now()) != nil {
		t.Error("a look says otherwise, or another network is refused")
	}
	clock.Set(start.Add(24 * time.Hour))
	if charge() {
		t.Error("refused when the first are a day old")
	}
}

func TestForgettingIsForOneUser(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	mine := b.know()
	other := *b
	other.user, _ = uuid.NewV7()
	other.tx(func(ctx context.Context, tx *pg.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO users (id, email, name, created_at) VALUES ($1, 'eve@example.org', 'Eve', $2)`, other.user, tx.Now)
		if err != nil {
			return err
		}
		return guard.ImportTx(ctx, tx, []uuid.UUID{other.user})
	})
	theirs := other.know()
	for range 6 { // one too many for the browser that is known
		b.miss(mine, 1)
		other.miss(theirs, 1)
	}
	if !b.refused(mine) || !other.refused(theirs) || b.refused(uuid.Nil) || other.refused(uuid.Nil) {
		t.Fatal("browsers don't have their own meters")
	}
	b.tx(func(ctx context.Context, tx *pg.Tx) error { return guard.ForgetTx(ctx, tx, b.user) })
	if b.refused(mine) {
		t.Error("a forgotten browser's meter is used")
	}
	if !other.refused(theirs) {
		t.Error("another user's browser was forgotten")
	}
}
