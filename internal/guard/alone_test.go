package guard_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/fault"
	"latchkey/internal/guard"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
)

// another is a second user of the same database.
func (b *bench) another(email string) *bench {
	b.t.Helper()
	o := &bench{t: b.t, db: b.db, user: uuid.New()}
	o.tx(func(ctx context.Context, tx *pg.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO users (id, email, name, created_at) VALUES ($1, $2, 'Eve', $3)`, o.user, email, tx.Now)
		if err != nil {
			return err
		}
		return guard.CreateTx(ctx, tx, o.user)
	})
	return o
}

// uses makes a browser known to the user.
func (b *bench) uses(browser uuid.UUID) {
	b.t.Helper()
	b.tx(func(ctx context.Context, tx *pg.Tx) error {
		return guard.KnowTx(ctx, tx, b.user, browser, "Firefox on Windows", "192.0.2.7")
	})
}

// Two people share a computer, and one of them guesses until nothing is left,
// in that browser and out of it: of the other's meters nothing is gone, nor of
// the same person's other browser.
func TestEachMeterIsReadForItself(t *testing.T) {
	t.Parallel()
	full, limits := newBench(t), guard.NewLimits(nil)
	other := full.another("eve@example.org")
	shared, own := uuid.New(), uuid.New()
	full.uses(shared)
	full.uses(own)
	other.uses(shared)
	meter := func(b *bench, browser uuid.UUID) guard.PasswordMeter {
		m := guard.PasswordMeter{Digest: []byte("ada"), User: b.user, Browser: browser, Limits: limits, Address: "192.0.2.7"}
		if b == other {
			m.Digest, m.Address = []byte("eve"), "192.0.2.8"
		}
		return m
	}
	refuses := func(err error) bool {
		t.Helper()
		if _, ok := fault.As(err); err != nil && !ok {
			t.Fatal(err)
		}
		return err != nil
	}
	full.miss(uuid.Nil, 5)
	full.miss(shared, 5)
	for range 10 {
		full.tx(func(ctx context.Context, tx *pg.Tx) error { return meter(full, shared).JudgeTx(ctx, tx, false) })
	}
	for range 5 {
		full.tx(func(ctx context.Context, tx *pg.Tx) error { return meter(full, uuid.Nil).JudgeTx(ctx, tx, false) })
	}
	for name, c := range map[string]struct {
		of      *bench
		browser uuid.UUID
		refused bool
	}{
		"the shared meter":         {full, uuid.Nil, true},
		"the shared browser":       {full, shared, true},
		"one's other browser":      {full, own, false},
		"another's shared meter":   {other, uuid.Nil, false},
		"another's shared browser": {other, shared, false},
		"unknown to the other":     {other, own, false},
	} {
		if got := c.of.refused(c.browser); got != c.refused {
			t.Errorf("codes, %s: refused %t", name, got)
		}
		m := meter(c.of, c.browser)
		if got := refuses(m.Look(t.Context(), c.of.db, c.of.db.Now())); got != c.refused {
			t.Errorf("passwords, %s: a look says %t", name, got)
		}
		for _, right := range []bool{true, false} {
			if got := refuses(c.of.db.InTx(t.Context(), func(tx *pg.Tx) error { return m.JudgeTx(t.Context(), tx, right) })); got != c.refused {
				t.Errorf("passwords, %s, right %t: refused %t", name, right, got)
			}
		}
	}
	for _, address := range []string{"bob", "eve, under a new key"} {
		m := guard.PasswordMeter{Digest: []byte(address), Older: [][]byte{[]byte("eve, under an old key")}}
		if err := m.Look(t.Context(), full.db, full.db.Now()); err != nil {
			t.Errorf("nothing was tried at %s: %v", address, err)
		}
	}
	for b, frozen := range map[*bench]bool{full: true, other: false} {
		if until, err := guard.FrozenUntil(t.Context(), b.db, b.user, b.db.Now()); err != nil || (until != nil) != frozen {
			t.Errorf("frozen until %v, %v", until, err)
		}
	}
	full.tx(func(ctx context.Context, tx *pg.Tx) error {
		_, err := guard.LockTx(ctx, tx, uuid.New(), shared)
		if !errors.Is(err, fault.New(fault.Unauthenticated, fault.NotSignedIn)) {
			t.Errorf("the guard of a user who is gone: %v", err)
		}
		return nil
	})
}

// What is charged, lifted or forgotten is so for one user, browser, address or
// network: every other meter stays as it was.
func TestOneMeterIsChangedAlone(t *testing.T) {
	t.Parallel()
	b, limits, ctx := newBench(t), guard.NewLimits(nil), t.Context()
	shared := uuid.New()
	type owned struct {
		*bench
		own, byReset uuid.UUID
		meter        guard.PasswordMeter // of an unknown browser
	}
	n := 0
	owner := func(name string) owned {
		n++
		o := owned{bench: b.another(name + "@example.org"), own: uuid.New(), byReset: uuid.New()}
		o.meter = guard.PasswordMeter{Digest: []byte(name), User: o.user, Limits: limits, Address: fmt.Sprint("192.0.2.", n)}
		o.uses(shared)
		o.uses(o.own)
		o.tx(func(ctx context.Context, tx *pg.Tx) error { return o.meter.JudgeTx(ctx, tx, false) })
		o.tx(func(ctx context.Context, tx *pg.Tx) error { return limits.SignUpTx(ctx, tx, o.meter.Address) })
		o.tx(func(ctx context.Context, tx *pg.Tx) error { return limits.CodeMailTx(ctx, tx, o.meter.Address) })
		o.tx(func(ctx context.Context, tx *pg.Tx) error {
			return guard.KnowByResetTx(ctx, tx, o.user, o.byReset, "Firefox", "192.0.2.7")
		})
		for _, table := range []string{"guards", "known_browsers"} {
			if _, err := b.db.Exec(`UPDATE `+table+` SET code_failures = ARRAY[$2::timestamptz], frozen_until_password_change = true WHERE user_id = $1`, o.user, b.db.Now()); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := b.db.Exec(`UPDATE known_browsers SET password_failures = ARRAY[$2::timestamptz] WHERE user_id = $1`, o.user, b.db.Now()); err != nil {
			t.Fatal(err)
		}
		return o
	}
	rows := func() map[string]string {
		var all []struct {
			Key string `db:"key"`
			Row string `db:"row"`
		}
		err := b.db.Select(&all, `
			SELECT 'guard ' || user_id AS key, to_jsonb(t)::text AS row FROM guards t UNION ALL
			SELECT 'browser ' || user_id || browser, to_jsonb(t)::text FROM known_browsers t UNION ALL
			SELECT 'address ' || convert_from(address_digest, 'UTF8'), to_jsonb(t)::text FROM password_meters t UNION ALL
			SELECT kind || ' ' || host(network), to_jsonb(t)::text FROM ip_meters t`)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]string{}
		for _, r := range all {
			out[r.Key] = r.Row
		}
		return out
	}
	theGuard := func(o owned) string { return "guard " + o.user.String() }
	browser := func(o owned, id uuid.UUID) string { return "browser " + o.user.String() + id.String() }
	all := func(o owned) []string {
		return []string{browser(o, shared), browser(o, o.own), browser(o, o.byReset)}
	}
	lock := func(browser uuid.UUID, then func(*pg.Tx, *guard.Lock) error) func(*pg.Tx, owned) error {
		return func(tx *pg.Tx, o owned) error {
			l, err := guard.LockTx(ctx, tx, o.user, browser)
			if err != nil {
				return err
			}
			return then(tx, l)
		}
	}
	fail := func(tx *pg.Tx, l *guard.Lock) error { _, err := l.FailTx(ctx, tx); return err }
	fresh := uuid.New()
	for name, c := range map[string]struct {
		do      func(*pg.Tx, owned) error
		changes func(owned) []string
	}{
		"code":         {lock(uuid.Nil, fail), func(o owned) []string { return []string{theGuard(o)} }},
		"code-browser": {lock(shared, fail), func(o owned) []string { return []string{browser(o, shared)} }},
		"unlock": {
			lock(uuid.Nil, func(tx *pg.Tx, l *guard.Lock) error { return l.UnlockTx(ctx, tx) }),
			func(o owned) []string { return append(all(o), theGuard(o)) },
		},
		"reset": {
			lock(uuid.Nil, func(tx *pg.Tx, l *guard.Lock) error { return l.PasswordResetTx(ctx, tx) }),
			func(o owned) []string { return append(all(o), theGuard(o)) },
		},
		"right": {func(tx *pg.Tx, o owned) error { return o.meter.JudgeTx(ctx, tx, true) }, func(owned) []string { return nil }},
		"wrong": {
			func(tx *pg.Tx, o owned) error { return o.meter.JudgeTx(ctx, tx, false) },
			func(o owned) []string { return []string{"address wrong", "password " + o.meter.Address} },
		},
		"wrong-browser": {func(tx *pg.Tx, o owned) error {
			o.meter.Browser = shared
			return o.meter.JudgeTx(ctx, tx, false)
		}, func(o owned) []string { return []string{"address wrong-browser", browser(o, shared)} }}, // its row is touched, and holds no more
		"sign-up": {func(tx *pg.Tx, o owned) error { return limits.SignUpTx(ctx, tx, o.meter.Address) }, func(o owned) []string { return []string{"sign_up " + o.meter.Address} }},
		"mail":    {func(tx *pg.Tx, o owned) error { return limits.CodeMailTx(ctx, tx, o.meter.Address) }, func(o owned) []string { return []string{"code_mail " + o.meter.Address} }},
		"forget-passwords": {
			func(tx *pg.Tx, o owned) error { return guard.ForgetPasswordsTx(ctx, tx, o.meter.Digest) },
			func(owned) []string { return []string{"address forget-passwords"} },
		},
		"know": {
			func(tx *pg.Tx, o owned) error { return guard.KnowTx(ctx, tx, o.user, shared, "Firefox", "192.0.2.7") },
			func(o owned) []string { return []string{browser(o, shared)} },
		},
		"know-reset": {
			func(tx *pg.Tx, o owned) error {
				return guard.KnowByResetTx(ctx, tx, o.user, fresh, "Firefox", "192.0.2.7")
			},
			func(o owned) []string { return []string{browser(o, o.byReset), browser(o, fresh)} },
		},
		"forget": {func(tx *pg.Tx, o owned) error { return guard.ForgetTx(ctx, tx, o.user) }, all},
	} {
		owner("one-before-" + name)
		o := owner(name)
		pgtest.ClockOf(b.db).Advance(time.Second)
		before := rows()
		if err := b.db.InTx(ctx, func(tx *pg.Tx) error { return c.do(tx, o) }); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		after := rows()
		var changed []string
		for key := range after {
			if _, old := before[key]; !old {
				changed = append(changed, key)
			}
		}
		for key, row := range before {
			if after[key] != row {
				changed = append(changed, key)
			}
		}
		slices.Sort(changed)
		if want := slices.Sorted(slices.Values(c.changes(o))); !slices.Equal(changed, want) {
			t.Errorf("%s changed\n%q\nwant\n%q", name, changed, want)
		}
	}
}

// What a lock is asked after it lifted a freeze is as if it were taken anew:
// an admin's unlocking leaves nothing, and a reset by mail leaves the day.
func TestALockKnowsWhatItLifted(t *testing.T) {
	t.Parallel()
	reset := func(ctx context.Context, tx *pg.Tx, l *guard.Lock) error { return l.PasswordResetTx(ctx, tx) }
	unlock := func(ctx context.Context, tx *pg.Tx, l *guard.Lock) error { return l.UnlockTx(ctx, tx) }
	for _, known := range []bool{true, false} {
		b, browser := newBench(t), uuid.Nil
		if known {
			browser = b.know()
		}
		lifted := func(lift func(context.Context, *pg.Tx, *guard.Lock) error) (refused bool, left int) {
			b.tx(func(ctx context.Context, tx *pg.Tx) error {
				l, err := guard.LockTx(ctx, tx, b.user, browser)
				if err == nil {
					err = lift(ctx, tx, l)
				}
				if err == nil {
					refused, left = l.Refusal() != nil, l.Left()
				}
				return err
			})
			if b.refused(browser) != refused {
				t.Errorf("known %t: taken anew it refuses: %t", known, !refused)
			}
			return refused, left
		}
		b.miss(browser, 60)
		if refused, _ := lifted(reset); !refused {
			t.Errorf("known %t: a reset lifts the freeze of a day", known)
		}
		pgtest.ClockOf(b.db).Advance(24 * time.Hour)
		if b.refused(browser) {
			t.Errorf("known %t: a reset lifted nothing", known)
		}
		b.miss(browser, 1) // the sixty-first of a month
		pgtest.ClockOf(b.db).Advance(24 * time.Hour)
		if !b.refused(browser) {
			t.Errorf("known %t: a day ends what only a new password may", known)
		}
		if refused, left := lifted(reset); refused || left != 5 {
			t.Errorf("known %t: after a reset a day later: refused %t, %d left", known, refused, left)
		}
		b.miss(browser, 1)
		if refused, left := lifted(unlock); refused || left != 5 {
			t.Errorf("known %t: unlocked: refused %t, %d left", known, refused, left)
		}
	}
}

// Browsers that only followed a reset link are one until a sign-in is finished
// in them: the newest takes over what the one before failed, its freeze too.
// What a sign-in made known keeps its own.
func TestBrowsersOfResetsAreOne(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	other := b.another("eve@example.org")
	reset := func(of *bench) uuid.UUID {
		browser := uuid.New()
		of.tx(func(ctx context.Context, tx *pg.Tx) error {
			return guard.KnowByResetTx(ctx, tx, of.user, browser, "Firefox", "192.0.2.7")
		})
		return browser
	}
	is := func(what string, of *bench, browser uuid.UUID, known bool, left int) {
		t.Helper()
		of.tx(func(ctx context.Context, tx *pg.Tx) error {
			l, err := guard.LockTx(ctx, tx, of.user, browser)
			if err == nil && ((l.Browser() == browser) != known || l.Left() != left) {
				t.Errorf("%s: known %t, %d left, want %t and %d", what, l.Browser() == browser, l.Left(), known, left)
			}
			return err
		})
	}
	mine := b.know()
	b.miss(mine, 1)
	theirs := reset(other)
	other.miss(theirs, 2)
	first := reset(b)
	b.miss(first, 3)
	second := reset(b)
	is("the one before", b, first, false, 5)
	is("the newest", b, second, true, 2)
	b.uses(second)
	third := reset(b)
	is("the first after a sign-in", b, third, true, 5)
	is("signed in", b, second, true, 2)
	is("known before", b, mine, true, 4)
	is("another's", other, theirs, true, 3)
	b.tx(func(ctx context.Context, tx *pg.Tx) error {
		return guard.KnowByResetTx(ctx, tx, b.user, mine, "Firefox", "192.0.2.7")
	})
	is("known, and a reset in it", b, mine, true, 4)
	third = reset(b)
	b.miss(third, 20)
	fourth := reset(b)
	pgtest.ClockOf(b.db).Advance(24*time.Hour - time.Microsecond)
	if !b.refused(fourth) {
		t.Error("a second link thaws")
	}
	pgtest.ClockOf(b.db).Advance(time.Microsecond)
	if b.refused(fourth) {
		t.Error("frozen for more than its day")
	}
}
