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

type bench struct {
	t    *testing.T
	db   *pg.DB
	user uuid.UUID
}

func newBench(t *testing.T, options ...pgtest.Option) *bench {
	t.Helper()
	b := &bench{t: t, db: pgtest.New(t, append(options, pgtest.At("2026-03-02 12:00:00"))...)}
	b.user, _ = uuid.NewV7()
	b.tx(func(ctx context.Context, tx *pg.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO users (id, email, name, created_at) VALUES ($1, 'ada@example.org', 'Ada', $2)`, b.user, tx.Now)
		if err != nil {
			return err
		}
		return guard.CreateTx(ctx, tx, b.user)
	})
	return b
}

func (b *bench) tx(f func(context.Context, *pg.Tx) error) {
	b.t.Helper()
	if err := b.db.InTx(b.t.Context(), func(tx *pg.Tx) error { return f(b.t.Context(), tx) }); err != nil {
		b.t.Fatal(err)
	}
}

// miss charges wrong codes from a browser, zero for the API.
func (b *bench) miss(browser uuid.UUID, times int) {
	b.t.Helper()
	b.tx(func(ctx context.Context, tx *pg.Tx) error {
		l, err := guard.LockTx(ctx, tx, b.user, browser)
		for range times {
			if err == nil {
				_, err = l.FailTx(ctx, tx)
			}
		}
		return err
	})
}

func (b *bench) refused(browser uuid.UUID) (refused bool) {
	b.t.Helper()
	b.tx(func(ctx context.Context, tx *pg.Tx) error {
		l, err := guard.LockTx(ctx, tx, b.user, browser)
		if err == nil {
			refused = l.Refusal() != nil
		}
		return err
	})
	return refused
}

func (b *bench) know() uuid.UUID {
	b.t.Helper()
	browser, _ := uuid.NewV7()
	b.tx(func(ctx context.Context, tx *pg.Tx) error {
		return guard.KnowTx(ctx, tx, b.user, browser, "Firefox on Windows", "192.0.2.7")
	})
	return browser
}

// Locking out an attacker must not lock out the owner.
func TestAKnownBrowserHasTheMeterToItself(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	mine, other, stranger := b.know(), b.know(), uuid.New()
	b.miss(stranger, 3) // unknown: the shared meter
	b.miss(uuid.Nil, 2)
	if !b.refused(uuid.Nil) || !b.refused(stranger) {
		t.Error("unknown browsers and the API do not share a meter")
	}
	if b.refused(mine) {
		t.Error("a flood locks the owner's browser out")
	}
	b.miss(mine, 5)
	if !b.refused(mine) || b.refused(other) {
		t.Error("a known browser's guesses count on another's meter, or on none")
	}
	// Known to another user is unknown here.
	second := newBench(t)
	second.miss(uuid.Nil, 5)
	if !second.refused(mine) {
		t.Error("a browser known to somebody else has a meter of its own")
	}
	b.tx(func(ctx context.Context, tx *pg.Tx) error { return guard.ForgetTx(ctx, tx, b.user) })
	if !b.refused(other) {
		t.Error("a forgotten browser is known still")
	}
}

func TestUnlockingEmptiesEveryMeterOfCodes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	mine := b.know()
	b.miss(mine, 20)
	b.miss(uuid.Nil, 20)
	if until, err := guard.FrozenUntil(t.Context(), b.db, b.user, b.db.Now()); err != nil || until == nil || !until.Equal(b.db.Now().Add(24*time.Hour)) {
		t.Errorf("frozen until %v (%v)", until, err)
	}
	b.tx(func(ctx context.Context, tx *pg.Tx) error {
		l, err := guard.LockTx(ctx, tx, b.user, uuid.Nil)
		if err != nil {
			return err
		}
		return l.UnlockTx(ctx, tx)
	})
	if b.refused(mine) || b.refused(uuid.Nil) {
		t.Error("still frozen")
	}
}

func TestAKnownBrowserHasTenPasswordsAnHour(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	mine := b.know()
	clock := pgtest.ClockOf(b.db)
	try := func(browser uuid.UUID) (refused bool) {
		m := guard.PasswordMeter{Digest: []byte("digest"), User: b.user, Browser: browser}
		err := b.db.InTx(t.Context(), func(tx *pg.Tx) error { return m.JudgeTx(t.Context(), tx, false) })
		return err != nil
	}
	for i := range 5 {
		if try(uuid.Nil) {
			t.Fatalf("the shared meter refuses the %dth", i+1)
		}
	}
	if !try(uuid.Nil) || !try(uuid.New()) {
		t.Error("the shared meter refuses nobody")
	}
	for i := range 10 {
		if try(mine) {
			t.Fatalf("a known browser is refused at %d", i+1)
		}
	}
	if !try(mine) {
		t.Error("an eleventh is judged")
	}
	clock.Advance(time.Hour)
	if try(mine) {
		t.Error("an hour later it is refused")
	}
}
