package guard_test

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"latchkey/internal/fault"
	"latchkey/internal/guard"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
)

// Whatever could not be read or written is an error, of every statement here:
// a guess that can't be counted is not judged.
func TestAFailingStatementIsAnError(t *testing.T) {
	t.Parallel()
	f, ctx := pgtest.NewFailing(), t.Context()
	b := newBench(t, pgtest.Before(f.Before))
	mine, limits := b.know(), guard.NewLimits(nil)
	for range 60 { // no sign-up is left
		b.tx(func(ctx context.Context, tx *pg.Tx) error { return limits.SignUpTx(ctx, tx, "192.0.2.60") })
	}
	unknown := guard.PasswordMeter{Digest: []byte("digest"), User: b.user, Browser: uuid.New(), Limits: limits, Address: "192.0.2.7"}
	known := unknown
	known.Browser = mine
	lock := func(browser uuid.UUID, then func(*pg.Tx, *guard.Lock) error) func(*pg.Tx) error {
		return func(tx *pg.Tx) error {
			l, err := guard.LockTx(ctx, tx, b.user, browser)
			if err != nil {
				return err
			}
			return then(tx, l)
		}
	}
	fail := func(tx *pg.Tx, l *guard.Lock) error { _, err := l.FailTx(ctx, tx); return err }
	for name, act := range map[string]func(*pg.Tx) error{
		"create":                  func(tx *pg.Tx) error { return guard.CreateTx(ctx, tx, uuid.New()) },
		"import":                  func(tx *pg.Tx) error { return guard.ImportTx(ctx, tx, []uuid.UUID{uuid.New()}) },
		"a wrong code":            lock(uuid.New(), fail),
		"a wrong code, known":     lock(mine, fail),
		"unlock":                  lock(uuid.Nil, func(tx *pg.Tx, l *guard.Lock) error { return l.UnlockTx(ctx, tx) }),
		"a reset":                 lock(uuid.Nil, func(tx *pg.Tx, l *guard.Lock) error { return l.PasswordResetTx(ctx, tx) }),
		"frozen":                  func(tx *pg.Tx) error { _, err := guard.FrozenUntil(ctx, tx, b.user, tx.Now); return err },
		"forget passwords":        func(tx *pg.Tx) error { return guard.ForgetPasswordsTx(ctx, tx, unknown.Digest) },
		"look at a password":      func(tx *pg.Tx) error { return unknown.Look(ctx, tx, tx.Now) },
		"and known":               func(tx *pg.Tx) error { return known.Look(ctx, tx, tx.Now) },
		"a right password":        func(tx *pg.Tx) error { return unknown.JudgeTx(ctx, tx, true) },
		"a right password, known": func(tx *pg.Tx) error { return known.JudgeTx(ctx, tx, true) },
		"a wrong password":        func(tx *pg.Tx) error { return unknown.JudgeTx(ctx, tx, false) },
		"a wrong password, known": func(tx *pg.Tx) error { return known.JudgeTx(ctx, tx, false) },
		"look at a sign-up":       func(tx *pg.Tx) error { return limits.SignUpLook(ctx, tx, "192.0.2.7", tx.Now) },
		"a sign-up":               func(tx *pg.Tx) error { return limits.SignUpTx(ctx, tx, "192.0.2.7") },
		"a sign-up too many":      func(tx *pg.Tx) error { return limits.SignUpTx(ctx, tx, "192.0.2.60") },
		"a mail":                  func(tx *pg.Tx) error { return limits.CodeMailTx(ctx, tx, "192.0.2.7") },
		"know":                    func(tx *pg.Tx) error { return guard.KnowTx(ctx, tx, b.user, mine, "Firefox", "192.0.2.7") },
		"know by a reset":         func(tx *pg.Tx) error { return guard.KnowByResetTx(ctx, tx, b.user, uuid.New(), "Firefox", "192.0.2.7") },
		"forget":                  func(tx *pg.Tx) error { return guard.ForgetTx(ctx, tx, b.user) },
		"sweep":                   func(*pg.Tx) error { _, err := guard.Sweep(ctx, b.db); return err },
	} {
		answers := f.Each(t, b.db, act)
		for n, err := range answers {
			if _, refused := fault.As(err); err == nil || refused {
				t.Errorf("%s: statement %d failed, and the answer is %v", name, n+1, err)
			}
		}
		if len(answers) == 0 {
			t.Errorf("%s: no statement", name)
		}
	}
}
