package factor_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/audit"
	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
)

// errBack takes a transaction back.
var errBack = errors.New("taken back")

// Whatever can't be read or written, no code is called right, no method is on
// and nothing is handed out: with each statement of each call failing once, the
// call fails, and what it gives beside the error is nothing.
func TestAFailureGivesNothing(t *testing.T) {
	t.Parallel()
	f := pgtest.NewFailing()
	b := newBench(t, pgtest.Before(f.Before))
	secret := b.turnOn(b.user, "Phone")
	b.clock.Advance(time.Minute)
	var keys []string
	var pass string
	b.must(func(ctx context.Context, tx *pg.Tx) error {
		set, err := b.store.NewSetTx(ctx, tx, b.user)
		if err != nil {
			return err
		}
		keys = set.Shown()
		pass, _, err = b.store.MakePassTx(ctx, tx, b.user, uuid.Nil)
		return err
	})
	holder, newcomer := uuid.New(), b.person("eve@example.org")
	open := b.begin(holder, "Tablet", b.methods(b.user)[0].ID)
	lives, over := b.lock(), b.lock()
	lives.user, over.user = b.user, b.user
	lives.purpose, over.purpose = factor.Confirmation, factor.EmailChange
	code := b.mailTo(lives)
	b.mailTo(over)
	b.clock.Advance(30 * time.Second)
	mails := func(l lock, more func(*factor.Request)) func(context.Context, *pg.Tx) (any, error) {
		r := factor.Request{User: l.user, Name: "Ada", Address: l.address, Purpose: l.purpose, Holder: l.holder}
		more(&r)
		return func(ctx context.Context, tx *pg.Tx) (any, error) {
			return b.store.MailCodeTx(ctx, tx, audit.Actor{Kind: audit.User, ID: l.user}, r)
		}
	}
	fresh := lives
	fresh.holder = uuid.New()
	spends := func(key string) func(context.Context, *pg.Tx) (any, error) {
		return func(ctx context.Context, tx *pg.Tx) (any, error) {
			o, left, err := b.store.SpendKeyTx(ctx, tx, b.user, key, "Firefox")
			return []any{o, left}, err
		}
	}
	for name, call := range map[string]func(context.Context, *pg.Tx) (any, error){
		"an app's code": func(ctx context.Context, tx *pg.Tx) (any, error) {
			return b.store.SpendAppTx(ctx, tx, b.user, b.code(secret), 1)
		},
		"a mailed code": func(ctx context.Context, tx *pg.Tx) (any, error) {
			return b.store.SpendCodeTx(ctx, tx, lives.user, lives.purpose, lives.holder, lives.address, code)
		},
		"a wrong mailed code": func(ctx context.Context, tx *pg.Tx) (any, error) {
			return b.store.SpendCodeTx(ctx, tx, lives.user, lives.purpose, uuid.New(), lives.address, code)
		},
		"a recovery key":       spends(keys[0]),
		"a wrong recovery key": spends("0123-4567-89AB-CDHZ"),
		"a recovery pass": func(ctx context.Context, tx *pg.Tx) (any, error) {
			return b.store.SpendPassTx(ctx, tx, b.user, pass)
		},
		"a wrong recovery pass": func(ctx context.Context, tx *pg.Tx) (any, error) {
			return b.store.SpendPassTx(ctx, tx, b.user, "0123-4567-89AB-CDHZ")
		},
		"a check of a key": func(ctx context.Context, tx *pg.Tx) (any, error) {
			return b.store.CheckKey(ctx, tx, b.user, keys[0])
		},
		"a fresh code":    mails(fresh, func(*factor.Request) {}),
		"a repeated code": mails(lives, func(*factor.Request) {}),
		"a delivery": func(ctx context.Context, tx *pg.Tx) (any, error) {
			_, err := b.store.DeliveryTx(ctx, tx, lives.user, lives.purpose, lives.holder)
			return nil, err
		},
		"a silent code": mails(over, func(r *factor.Request) {
			r.Silent, r.Beside = true, func() error { return nil }
		}),
		"a wait": func(ctx context.Context, tx *pg.Tx) (any, error) {
			return b.store.MailWaitTx(ctx, tx, factor.Request{User: b.user, Purpose: factor.SignInCode})
		},
		"a charge": func(ctx context.Context, tx *pg.Tx) (any, error) {
			return b.store.MailForeignTx(ctx, tx, stranger)
		},
		"a meter": func(ctx context.Context, tx *pg.Tx) (any, error) {
			return nil, b.store.HoldForeignTx(ctx, tx, stranger)
		},
		"codes voided": func(ctx context.Context, tx *pg.Tx) (any, error) {
			return nil, factor.VoidTx(ctx, tx, b.user, factor.SignInCode)
		},
		"an enrolment begun": func(ctx context.Context, tx *pg.Tx) (any, error) {
			return b.store.BeginTx(ctx, tx, b.user, uuid.New(), factor.App, "Watch", uuid.Nil)
		},
		"an enrolment opened": func(ctx context.Context, tx *pg.Tx) (any, error) {
			return b.store.OpenTx(ctx, tx, b.user, holder, factor.App)
		},
		"no enrolment": func(ctx context.Context, tx *pg.Tx) (any, error) {
			return b.store.OpenTx(ctx, tx, b.user, uuid.New(), factor.Email)
		},
		"an app proved": func(ctx context.Context, tx *pg.Tx) (any, error) {
			_, err := b.store.ProveAppTx(ctx, tx, b.user, open, b.code(open.Secret), 1)
			return nil, err
		},
		"email turned on": func(ctx context.Context, tx *pg.Tx) (any, error) {
			return nil, b.store.TurnOnEmailTx(ctx, tx, b.user, factor.Enrolment{ID: uuid.New(), Kind: factor.Email, Name: "Email"})
		},
		"apps imported": func(ctx context.Context, tx *pg.Tx) (any, error) {
			return nil, b.store.ImportTx(ctx, tx, []factor.Imported{{User: newcomer, Name: "Phone", Secret: secret}})
		},
		"methods": func(ctx context.Context, tx *pg.Tx) (any, error) { return factor.Methods(ctx, tx, b.user) },
		"methods turned off": func(ctx context.Context, tx *pg.Tx) (any, error) {
			return nil, factor.RemoveTx(ctx, tx, b.user, open.Replaces)
		},
		"since when": func(ctx context.Context, tx *pg.Tx) (any, error) {
			return factor.SinceTx(ctx, tx, b.user, factor.RecoveryKey)
		},
		"a new set": func(ctx context.Context, tx *pg.Tx) (any, error) { return b.store.NewSetTx(ctx, tx, b.user) },
		"the keys ended": func(ctx context.Context, tx *pg.Tx) (any, error) {
			return nil, factor.EndKeysTx(ctx, tx, b.user)
		},
		"enrolments ended": func(ctx context.Context, tx *pg.Tx) (any, error) {
			return nil, factor.DropEnrolmentsTx(ctx, tx, b.user)
		},
		"keys saved": func(ctx context.Context, tx *pg.Tx) (any, error) {
			return nil, factor.SavedTx(ctx, tx, b.user, false)
		},
		"the keys": func(ctx context.Context, tx *pg.Tx) (any, error) {
			set, has, err := b.store.KeysTx(ctx, tx, b.user, true)
			return []any{set, has}, err
		},
		"a pass made": func(ctx context.Context, tx *pg.Tx) (any, error) {
			_, _, err := b.store.MakePassTx(ctx, tx, b.user, uuid.Nil)
			return nil, err
		},
		"a pass asked for": func(ctx context.Context, tx *pg.Tx) (any, error) {
			return nil, factor.AskPassTx(ctx, tx, b.user, uuid.Nil)
		},
		"whether one was": func(ctx context.Context, tx *pg.Tx) (any, error) {
			by, asked, err := factor.PassAsked(ctx, tx, b.user, tx.Now)
			return []any{by, asked}, err
		},
		"a sweep": func(ctx context.Context, _ *pg.Tx) (any, error) {
			_, err := factor.Sweep(ctx, b.db)
			return nil, err
		},
		"a sweep of keys": func(ctx context.Context, _ *pg.Tx) (any, error) { return factor.SweepKeys(ctx, b.db) },
		"rows by key":     func(ctx context.Context, _ *pg.Tx) (any, error) { return factor.KeyRows(ctx, b.db) },
	} {
		run := func(failing int) (out any, seen []string, err error) {
			_ = b.tx(func(ctx context.Context, tx *pg.Tx) error {
				f.From(failing)
				out, err = call(ctx, tx)
				seen = f.Stop()
				return errBack
			})
			return out, seen, err
		}
		_, seen, err := run(0)
		if ours(err) || len(seen) == 0 {
			t.Errorf("%s, with nothing failing: %v, %d statements", name, err, len(seen))
		}
		for n, query := range seen {
			out, _, err := run(n + 1)
			if !ours(err) {
				t.Errorf("%s: no failure, though one of its statements failed: %s", name, query)
			}
			if !nothing(out) {
				t.Errorf("%s: %+v beside the failure of %s", name, out, query)
			}
		}
	}
}

// ours reports whether somebody else's fault is not the reason.
func ours(err error) bool {
	_, told := fault.As(err)
	return err != nil && !told
}

// nothing reports whether it is a zero value, or a list of them.
func nothing(out any) bool {
	list, ok := out.([]any)
	if !ok {
		return out == nil || reflect.ValueOf(out).IsZero()
	}
	for _, one := range list {
		if !nothing(one) {
			return false
		}
	}
	return true
}
