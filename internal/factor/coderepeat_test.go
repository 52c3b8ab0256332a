package factor_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/mail"
	"latchkey/internal/pg"
)

// What is asked for elsewhere is a code of its own; in the same lock the live
// one is mailed again, and only a live one.
func TestOnlyTheLiveCodeOfTheLockIsRepeated(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	l := b.lock()
	codes := func() int { return b.count(`SELECT count(*) FROM codes`) }
	code := b.mailTo(l)
	for what, change := range map[string]func(*lock){
		"user":    func(l *lock) { l.user = b.user },
		"purpose": func(l *lock) { l.purpose = factor.Confirmation },
		"holder":  func(l *lock) { l.holder = uuid.New() },
		"address": func(l *lock) { l.address = "new@example.org" },
	} {
		other, before := l, codes()
		change(&other)
		b.mailTo(other)
		if codes() != before+1 {
			t.Errorf("another %s is mailed the same code", what)
		}
	}
	before := b.rows("codes")
	b.clock.Advance(30 * time.Second)
	if b.mailTo(l) != code || codes() != len(before) {
		t.Error("the same lock is mailed another code")
	}
	changed := 0
	for id, row := range b.rows("codes") {
		if before[id] != row {
			changed++
		}
	}
	if changed != 1 {
		t.Errorf("a repeat changed %d codes", changed)
	}
	for _, c := range []struct {
		name string
		make func(l lock, code string)
		same bool
	}{
		{"four wrong tries", func(l lock, code string) { b.miss(l, 4, code) }, true},
		{"five wrong tries", func(l lock, code string) { b.miss(l, 5, code) }, false},
		{"spent", func(l lock, code string) { b.try(l, code) }, false},
		{"a moment before its deadline", func(lock, string) { b.clock.Advance(10*time.Minute - time.Microsecond) }, true},
		{"at its deadline", func(lock, string) { b.clock.Advance(10 * time.Minute) }, false},
	} {
		l := b.lock()
		c.make(l, b.mailTo(l))
		before := codes()
		if _, err := b.mailCode(l); err != nil || (codes() == before) != c.same {
			t.Errorf("%s: %d more codes, %v", c.name, codes()-before, err)
		}
	}
}

// Between two mails of a code whoever asks waits longer each time, and inside
// the wait nothing is mailed.
func TestTheCountdownGrows(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	l := b.lock()
	l.purpose = factor.VerifyEmail
	for i, wait := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 5 * time.Minute} {
		d, err := b.mailCode(l)
		if err != nil || !d.ResendAt.Equal(b.clock.Now().Add(wait)) || d.State != mail.Queued {
			t.Fatalf("mail %d: %+v, %v", i+1, d, err)
		}
		b.clock.Advance(wait - time.Microsecond)
		if early, err := b.mailCode(l); err != nil || !early.ResendAt.Equal(d.ResendAt) {
			t.Errorf("within its countdown: %+v, %v", early, err)
		}
		if n := b.count(`SELECT count(*) FROM mails`); n != i+1 {
			t.Errorf("%d mails, want %d", n, i+1)
		}
		b.clock.Advance(time.Microsecond)
	}
	if _, err := b.mailCode(l); !errors.Is(err, fault.New(fault.TooMany, fault.TooManyEmails)) {
		t.Errorf("a sixth within the hour: %v", err)
	}
}

// A code that was never mailed looks like one that was: on its way for a
// second, then sent when it was last asked for.
func TestASilentCodeLooksMailed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	l := b.lock()
	l.purpose = factor.EmailChange
	beside := 0
	quiet := func(r *factor.Request) {
		r.Silent = true
		r.Beside = func() error { beside++; return nil }
	}
	for round := range 2 {
		at := b.clock.Now()
		if d, err := b.mailCode(l, quiet); err != nil || d.State != mail.Queued || beside != round+1 {
			t.Errorf("asked: %+v, %v, %d done beside", d, err, beside)
		}
		for _, c := range []struct {
			late time.Duration
			want mail.State
		}{{time.Second - time.Microsecond, mail.Queued}, {time.Second, mail.Sent}, {30 * time.Second, mail.Sent}} {
			b.clock.Set(at.Add(c.late))
			b.must(func(ctx context.Context, tx *pg.Tx) error {
				d, err := b.store.DeliveryTx(ctx, tx, l.user, l.purpose, l.holder)
				if d.State != c.want || (c.want == mail.Sent) != (d.SentAt != nil) || d.SentAt != nil && !d.SentAt.Equal(at) {
					t.Errorf("after %s: %+v", c.late, d)
				}
				return err
			})
		}
	}
	if n := b.count(`SELECT count(*) FROM mails`); n != 0 {
		t.Errorf("%d mails of a silent code", n)
	}
	loud := b.lock()
	if _, err := b.mailCode(loud, func(r *factor.Request) { r.Beside = func() error { beside++; return nil } }); err != nil || beside != 3 || b.count(`SELECT count(*) FROM mails`) != 1 {
		t.Errorf("one that is mailed: %v, %d done beside", err, beside)
	}
	broken := errors.New("broken")
	if _, err := b.mailCode(b.lock(), func(r *factor.Request) { r.Beside = func() error { return broken } }); !errors.Is(err, broken) {
		t.Errorf("what fails beside: %v", err)
	}
}
