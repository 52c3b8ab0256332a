package session_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/audit"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
	"latchkey/internal/session"
)

// Whatever could not be read or written is an error, of every statement here:
// nobody is told of something that did not happen, and nobody is signed out by
// a database that is away.
func TestAFailingStatementIsAnError(t *testing.T) {
	t.Parallel()
	f, ctx := pgtest.NewFailing(), t.Context()
	b := newBench(t, pgtest.Before(f.Before))
	in, token := b.session(session.New{Front: session.Cookie, Idle: 10 * time.Hour, Lifetime: 10 * time.Hour})
	signIn, signInToken := b.signIn(b.user)
	device, deviceID := b.trust(b.user, time.Hour)
	var secret string
	b.tx(func(ctx context.Context, tx *pg.Tx) (err error) {
		_, secret, err = b.store.MintTx(ctx, tx, b.user, session.NewToken{Scopes: session.Scopes(), ExpiresAt: tx.Now.Add(10 * time.Hour)})
		return err
	})
	kind := session.New{User: b.user, Front: session.Bearer, Assurance: session.Password, Idle: time.Hour, Lifetime: time.Hour}
	scripts := session.NewToken{Scopes: session.Scopes(), ExpiresAt: b.clock.Now().Add(time.Hour)}
	by := audit.Actor{Kind: audit.User, ID: b.user}
	later := func() { b.clock.Advance(time.Minute) } // a use is noted again
	for name, act := range map[string]func(*pg.Tx) error{
		"create":       func(tx *pg.Tx) error { return third(b.store.CreateTx(ctx, tx, by, kind)) },
		"hold":         func(tx *pg.Tx) error { return second(b.store.HoldTx(ctx, tx, in.ID)) },
		"hold a token": func(tx *pg.Tx) error { return second(b.store.HoldTx(ctx, tx, uuid.New())) },
		"confirm": func(tx *pg.Tx) error {
			return second(b.store.ConfirmTx(ctx, tx, in, session.Confirmation{Assurance: session.Password}))
		},
		"proved again": func(tx *pg.Tx) error { return b.store.ProvedAgainTx(ctx, tx, in.ID) },
		"raise":        func(tx *pg.Tx) error { return b.store.RaiseTx(ctx, tx, in, "app", session.TwoFactor) },
		"list":         func(tx *pg.Tx) error { return second(b.store.List(ctx, tx, b.user, tx.Now)) },
		"end":          func(tx *pg.Tx) error { return second(b.store.EndTx(ctx, tx, b.user, in.ID)) },
		"end all":      func(tx *pg.Tx) error { return second(b.store.EndAllTx(ctx, tx, b.user, uuid.Nil)) },
		"end everyone": func(tx *pg.Tx) error { return second(b.store.EndEveryoneTx(ctx, tx, uuid.Nil)) },
		"end the rest": func(tx *pg.Tx) error { return b.store.EndRestTx(ctx, tx, b.user, session.Keep{}) },

		"begin": func(tx *pg.Tx) error {
			return third(b.store.BeginTx(ctx, tx, by, b.user, session.ByPassword, session.SecondFactor))
		},
		"find":        func(tx *pg.Tx) error { return second(b.store.FindSignIn(ctx, tx, signInToken, tx.Now)) },
		"hold a step": func(tx *pg.Tx) error { return second(b.store.HoldSignInTx(ctx, tx, signIn.ID)) },
		"retoken": func(tx *pg.Tx) error {
			_, _, _, err := b.store.RetokenTx(ctx, tx, b.user, signIn.ID)
			return err
		},
		"fail":        func(tx *pg.Tx) error { return second(session.FailSignInTx(ctx, tx, signIn.ID)) },
		"held":        func(tx *pg.Tx) error { return session.HeldTx(ctx, tx, signIn.ID) },
		"move":        func(tx *pg.Tx) error { return session.MoveTx(ctx, tx, signIn) },
		"end sign-in": func(tx *pg.Tx) error { return session.EndSignInTx(ctx, tx, signIn.ID) },

		"trust":        func(tx *pg.Tx) error { return third(b.store.TrustTx(ctx, tx, by, b.user, time.Hour)) },
		"trusted":      func(tx *pg.Tx) error { return second(b.store.TrustedTx(ctx, tx, b.user, device, time.Time{})) },
		"devices":      func(tx *pg.Tx) error { return second(b.store.Devices(ctx, tx, b.user, tx.Now)) },
		"distrust":     func(tx *pg.Tx) error { return second(b.store.DistrustTx(ctx, tx, b.user, deviceID)) },
		"distrust all": func(tx *pg.Tx) error { return b.store.DistrustAllTx(ctx, tx, b.user) },

		"mint":       func(tx *pg.Tx) error { return third(b.store.MintTx(ctx, tx, b.user, scripts)) },
		"tokens":     func(tx *pg.Tx) error { return second(b.store.Tokens(ctx, tx, b.user)) },
		"revoke":     func(tx *pg.Tx) error { return second(b.store.RevokeTx(ctx, tx, b.user, uuid.New())) },
		"end tokens": func(tx *pg.Tx) error { return b.store.EndTokensTx(ctx, tx, b.user) },
		"expiring":   func(tx *pg.Tx) error { return second(session.ExpiringTx(ctx, tx, time.Hour, 9)) },

		"check": func(*pg.Tx) error {
			later()
			return second(b.store.Check(ctx, b.db, token))
		},
		"forward": func(*pg.Tx) error {
			later()
			return second(b.store.CheckForward(ctx, b.db, b.store.ForwardToken(in)))
		},
		"check token": func(*pg.Tx) error {
			later()
			return second(b.store.CheckToken(ctx, b.db, secret, "192.0.2.7"))
		},
		"sweep":    func(*pg.Tx) error { return second(session.Sweep(ctx, b.db)) },
		"key rows": func(*pg.Tx) error { return second(session.KeyRows(ctx, b.db)) },
	} {
		answers := f.Each(t, b.db, act)
		for n, err := range answers {
			if err == nil || isDead(err) {
				t.Errorf("%s: statement %d failed, and the answer is %v", name, n+1, err)
			}
		}
		if len(answers) == 0 {
			t.Errorf("%s: no statement", name)
		}
	}
}

func second[A any](_ A, err error) error { return err }

func third[A, B any](_ A, _ B, err error) error { return err }
