package factor_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/pg"
)

// Who has nothing open is told that it is late only where it is: by who began
// it, for the same method.
func TestWhatIsSaidWhereNothingIsOpen(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	holder, stranger := uuid.New(), b.person("eve@example.org")
	b.begin(holder, "Phone", uuid.Nil)
	open := func(user, holder uuid.UUID, k factor.Kind, want error) {
		t.Helper()
		err := b.tx(func(ctx context.Context, tx *pg.Tx) error {
			_, err := b.store.OpenTx(ctx, tx, user, holder, k)
			return err
		})
		if !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	late, nothing := fault.New(fault.Refused, fault.CodeExpired), fault.New(fault.Conflict, fault.StateConflict)
	b.clock.Advance(10*time.Minute - time.Microsecond)
	open(b.user, holder, factor.App, nil)
	open(b.user, holder, factor.Email, nothing)
	open(b.user, uuid.New(), factor.App, nothing)
	b.clock.Advance(time.Microsecond)
	open(b.user, holder, factor.App, late)
	open(b.user, holder, factor.Email, nothing)
	open(b.user, uuid.New(), factor.App, nothing)
	open(stranger, holder, factor.App, nothing)
	b.turnOn(stranger, "Phone")
	open(stranger, holder, factor.App, fault.New(fault.Conflict, fault.AlreadyEnabled))
}

// A fourth app is refused by the number that there may be.
func TestAFourthAppIsRefusedByItsNumber(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for range 3 {
		b.turnOn(b.user, "Phone")
	}
	err := b.tx(func(ctx context.Context, tx *pg.Tx) error {
		_, err := b.store.BeginTx(ctx, tx, b.user, uuid.New(), factor.App, "Phone", uuid.Nil)
		return err
	})
	if f, ok := fault.As(err); !ok || f.Message != "fault.too_many_apps" || f.Args["Max"] != 3 {
		t.Errorf("%+v", f)
	}
}

// A secret that was copied to another's enrolment enrols nothing.
func TestAnEnrolmentsSecretCopiedToAnotherRowOpensNothing(t *testing.T) {
	t.Parallel()
	b, holder := newBench(t), uuid.New()
	b.begin(holder, "Phone", uuid.Nil)
	victim := b.person("eve@example.org")
	if _, err := b.db.Exec(`UPDATE enrolments SET user_id = $1`, victim); err != nil {
		t.Fatal(err)
	}
	err := b.tx(func(ctx context.Context, tx *pg.Tx) error {
		_, err := b.store.OpenTx(ctx, tx, victim, holder, factor.App)
		return err
	})
	if _, told := fault.As(err); err == nil || told {
		t.Errorf("a moved secret: %v", err)
	}
}

// Codes of the step before are taken, and of the next where the policy says so,
// at enrolment and after it.
func TestWhichStepsAreTaken(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, c := range []struct {
		off   factor.Step
		ahead int
		want  factor.Outcome
	}{
		{-2, 1, factor.Wrong}, {-1, 0, factor.Right}, {0, 0, factor.Right}, {1, 0, factor.Wrong}, {1, 1, factor.Right}, {2, 1, factor.Wrong},
	} {
		user := b.person(uuid.NewString() + "@example.org")
		code := func(secret string) string {
			code, err := factor.CodeAt(secret, factor.StepAt(b.clock.Now())+c.off)
			if err != nil {
				t.Fatal(err)
			}
			return code
		}
		b.must(func(ctx context.Context, tx *pg.Tx) error {
			e, err := b.store.BeginTx(ctx, tx, user, user, factor.App, "Phone", uuid.Nil)
			if err != nil {
				return err
			}
			o, err := b.store.ProveAppTx(ctx, tx, user, e, code(e.Secret), c.ahead)
			if o != c.want {
				t.Errorf("at enrolment %+d steps off, %d ahead: %v", c.off, c.ahead, o)
			}
			return err
		})
		secret := b.turnOn(user, "Tablet")
		b.clock.Advance(2 * time.Minute)
		b.must(func(ctx context.Context, tx *pg.Tx) error {
			o, err := b.store.SpendAppTx(ctx, tx, user, code(secret), c.ahead)
			if o != c.want {
				t.Errorf("%+d steps off, %d ahead: %v", c.off, c.ahead, o)
			}
			return err
		})
	}
}

// With several apps and email on, each app's code is good once: it spends no
// other app's, and nobody else's.
func TestEachAppHasItsOwnCodes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	stranger := b.person("eve@example.org")
	secrets := []string{b.turnOn(b.user, "one"), b.turnOn(b.user, "two")}
	b.must(func(ctx context.Context, tx *pg.Tx) error {
		return b.store.TurnOnEmailTx(ctx, tx, b.user, factor.Enrolment{ID: uuid.New(), Kind: factor.Email, Name: "Email"})
	})
	theirs := b.turnOn(stranger, "Phone")
	b.clock.Advance(time.Minute)
	for _, o := range []factor.Outcome{factor.Right, factor.Used} {
		for i, secret := range secrets {
			if got := b.spend(b.code(secret)); got != o {
				t.Errorf("app %d: %v, want %v", i, got, o)
			}
		}
	}
	for _, none := range []string{b.code(theirs), "", "12345", "abcdef"} {
		if got := b.spend(none); got != factor.Wrong {
			t.Errorf("%q is %v", none, got)
		}
	}
}

// A method is turned off by its owner, by its id, and what somebody else has
// begun stays begun.
func TestOnlyNamedMethodsOfTheUserEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	stranger := b.person("eve@example.org")
	b.turnOn(b.user, "one")
	b.turnOn(b.user, "two")
	b.turnOn(stranger, "Phone")
	mine, theirs := b.methods(b.user), b.methods(stranger)
	b.begin(uuid.New(), "Tablet", uuid.Nil)
	b.must(func(ctx context.Context, tx *pg.Tx) error {
		if err := factor.DropEnrolmentsTx(ctx, tx, stranger); err != nil {
			return err
		}
		return factor.RemoveTx(ctx, tx, b.user, mine[0].ID, theirs[0].ID)
	})
	if left := b.methods(b.user); len(left) != 1 || left[0].ID != mine[1].ID || len(b.methods(stranger)) != 1 {
		t.Errorf("%+v stay", left)
	}
	if n := b.count(`SELECT count(*) FROM enrolments`); n != 1 {
		t.Errorf("%d enrolments, want 1", n)
	}
}

// The age that counts is that of the app whose code was just spent, not that of
// the newest; of email and of recovery keys there is but one at a time.
func TestSinceWhenAMethodExists(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	stranger := b.person("eve@example.org")
	since := func(k factor.Kind, want time.Time) {
		t.Helper()
		b.must(func(ctx context.Context, tx *pg.Tx) error {
			at, err := factor.SinceTx(ctx, tx, b.user, k)
			if (at == nil) != want.IsZero() || at != nil && !at.Equal(want) {
				t.Errorf("%s since %v, want %v", k, at, want)
			}
			return err
		})
	}
	for _, k := range []factor.Kind{factor.App, factor.Email, factor.RecoveryKey} {
		since(k, time.Time{})
	}
	began := b.clock.Now()
	email := factor.Enrolment{ID: uuid.New(), Kind: factor.Email, Name: "Email"}
	old := b.turnOn(b.user, "old")
	b.newSet(b.user)
	b.clock.Advance(time.Hour)
	b.must(func(ctx context.Context, tx *pg.Tx) error { return b.store.TurnOnEmailTx(ctx, tx, b.user, email) })
	b.turnOn(b.user, "new")
	b.newSet(b.user)
	b.clock.Advance(time.Hour)
	b.newSet(stranger)
	b.turnOn(stranger, "Phone")
	if o := b.spend(b.code(old)); o != factor.Right {
		t.Fatal(o)
	}
	since(factor.App, began)
	since(factor.Email, began.Add(time.Hour))
	since(factor.RecoveryKey, began.Add(time.Hour))
}
