package factor_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/audit"
	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/mail"
	"latchkey/internal/pg"
	"latchkey/internal/seal"
)

const stranger = "stranger@example.org"

// ask has one more account mail a code to the stranger.
func (b *bench) ask(p factor.Purpose) error { return b.askFor(stranger, p) }

func (b *bench) askFor(address string, p factor.Purpose) error {
	b.t.Helper()
	id := b.person(uuid.NewString() + "@example.org")
	return b.tx(func(ctx context.Context, tx *pg.Tx) error {
		_, err := b.store.MailCodeTx(ctx, tx, audit.Actor{Kind: audit.User, ID: id}, factor.Request{
			User: id, Name: "Ada", Address: address, Purpose: p, Holder: id, Unproved: p == factor.Enrolling,
		})
		return err
	})
}

// Whatever the code is for, and whether or not the accounts that asked are
// still there.
func TestAStrangerGetsTwentyMailsADay(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	kinds := []factor.Purpose{factor.VerifyEmail, factor.EmailChange, factor.Enrolling}
	for i := range 20 {
		if err := b.ask(kinds[i%3]); err != nil {
			t.Fatalf("mail %d: %v", i+1, err)
		}
	}
	if _, err := b.db.Exec(`DELETE FROM users`); err != nil {
		t.Fatal(err)
	}
	if _, err := b.db.Exec(`DELETE FROM mails`); err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds {
		if err := b.ask(k); !errors.Is(err, fault.New(fault.TooMany, fault.TooManyEmails)) {
			t.Errorf("%s beyond the budget: %v", k, err)
		}
	}
	if err := b.askFor("other-"+stranger, factor.VerifyEmail); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	b.clock.Advance(24*time.Hour - time.Second)
	if err := b.ask(factor.VerifyEmail); err == nil {
		t.Error("a second too early")
	}
	b.clock.Advance(time.Second)
	if err := b.ask(factor.VerifyEmail); err != nil {
		t.Errorf("a day later: %v", err)
	}
	if n := b.count(`SELECT sum(cardinality(mailed)) FROM address_meters`); n != 2 {
		t.Errorf("%d mails of the last day are kept, want 2", n)
	}
}

// Sign-in and confirmation spend one budget of mails: five an hour, and fifteen
// a day. A known browser has five an hour of its own, and no more than that
// counts for it. Other codes have five an hour each.
func TestWhoseMailsAreCounted(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	l := b.lock()
	mine, another := uuid.New(), uuid.New()
	ask := func(p factor.Purpose, browser uuid.UUID) (wait time.Duration) {
		t.Helper()
		l := l
		l.purpose, l.holder = p, uuid.New()
		_, err := b.mailCode(l, func(r *factor.Request) {
			r.Browser = browser
			b.must(func(ctx context.Context, tx *pg.Tx) (err error) {
				wait, err = b.store.MailWaitTx(ctx, tx, *r)
				return err
			})
		})
		f, refused := fault.As(err)
		switch {
		case refused && f.RetryAfter == wait && wait > 0:
		case err != nil || wait != 0:
			t.Errorf("%s: %v, and the wait is %s", p, err, wait)
		}
		return wait
	}
	began := b.clock.Now()
	for hour := range 3 {
		b.clock.Set(began.Add(time.Duration(hour) * time.Hour))
		for i := range 5 {
			if wait := ask([]factor.Purpose{factor.SignInCode, factor.Confirmation}[i%2], uuid.Nil) + ask(factor.SignInCode, mine) + ask(factor.EmailChange, uuid.Nil); wait != 0 {
				t.Errorf("hour %d, mail %d: again in %s", hour, i+1, wait)
			}
		}
		for what, wait := range map[string]time.Duration{
			"sign-in": ask(factor.SignInCode, mine), "confirmation": ask(factor.Confirmation, mine), "email change": ask(factor.EmailChange, uuid.Nil),
		} {
			if wait != time.Hour {
				t.Errorf("hour %d, a sixth for %s: again in %s", hour, what, wait)
			}
		}
	}
	if wait := ask(factor.Confirmation, another) + ask(factor.Enrolling, uuid.Nil); wait != 0 {
		t.Errorf("another browser, another purpose: again in %s", wait)
	}
	spender := l.user
	l.user = b.user
	if wait := ask(factor.SignInCode, uuid.Nil) + ask(factor.EmailChange, uuid.Nil); wait != 0 {
		t.Errorf("another user: again in %s", wait)
	}
	l.user = spender
	b.clock.Set(began.Add(3 * time.Hour))
	if wait := ask(factor.SignInCode, uuid.Nil); wait != 21*time.Hour {
		t.Errorf("a sixteenth: again in %s", wait)
	}
	if wait := ask(factor.SignInCode, mine) + ask(factor.EmailChange, uuid.Nil); wait != 0 {
		t.Errorf("what has no budget of a day: again in %s", wait)
	}
	b.clock.Set(began.Add(24*time.Hour - time.Second))
	if wait := ask(factor.SignInCode, uuid.Nil); wait != time.Second {
		t.Errorf("a second too early: %s", wait)
	}
	b.clock.Set(began.Add(24 * time.Hour))
	if wait := ask(factor.SignInCode, uuid.Nil); wait != 0 {
		t.Errorf("a day later: again in %s", wait)
	}
}

// Promoting a key gives no mail back.
func TestMailsToAStrangerAreCountedOverANewKey(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	raw, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	set, err := seal.ReadSet(raw)
	if err != nil {
		t.Fatal(err)
	}
	use := func() {
		t.Helper()
		raw, err := set.JSON()
		if err != nil {
			t.Fatal(err)
		}
		keys, err := seal.Load(raw)
		if err != nil {
			t.Fatal(err)
		}
		b.store = factor.NewStore(keys, mail.NewOutbox(keys.Mail))
	}
	use()
	for range 20 {
		if err := b.ask(factor.VerifyEmail); err != nil {
			t.Fatal(err)
		}
	}
	id, err := set.Add("tokens")
	if err != nil {
		t.Fatal(err)
	}
	if err := set.Promote("tokens", id); err != nil {
		t.Fatal(err)
	}
	use()
	if err := b.ask(factor.VerifyEmail); err == nil {
		t.Error("the budget began anew")
	}
}
