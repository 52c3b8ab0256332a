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
func (b *bench) ask(p factor.Purpose) error {
	b.t.Helper()
	id := b.person(uuid.NewString() + "@example.org")
	return b.tx(func(ctx context.Context, tx *pg.Tx) error {
		_, err := b.store.MailCodeTx(ctx, tx, audit.Actor{Kind: audit.User, ID: id}, factor.Request{
			User: id, Name: "Ada", Address: stranger, Purpose: p, Holder: id, Unproved: p == factor.Enrolling,
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
	b.clock.Advance(24*time.Hour - time.Second)
	if err := b.ask(factor.VerifyEmail); err == nil {
		t.Error("a second too early")
	}
	b.clock.Advance(time.Second)
	if err := b.ask(factor.VerifyEmail); err != nil {
		t.Errorf("a day later: %v", err)
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
