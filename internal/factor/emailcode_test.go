package factor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/audit"
	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/mail"
	"latchkey/internal/pg"
)

// lock is where a mailed code fits.
type lock struct {
	user    uuid.UUID
	purpose factor.Purpose
	holder  uuid.UUID
	address string
}

func (b *bench) lock() lock {
	return lock{b.person(uuid.NewString() + "@example.org"), factor.SignInCode, uuid.New(), "ada@example.org"}
}

func (b *bench) mailCode(l lock, more ...func(*factor.Request)) (d factor.Delivery, err error) {
	b.t.Helper()
	r := factor.Request{User: l.user, Name: "Ada", Address: l.address, Purpose: l.purpose, Holder: l.holder}
	for _, change := range more {
		change(&r)
	}
	err = b.tx(func(ctx context.Context, tx *pg.Tx) error {
		d, err = b.store.MailCodeTx(ctx, tx, audit.Actor{Kind: audit.User, ID: l.user}, r)
		return err
	})
	return d, err
}

// mailTo mails a code and says which.
func (b *bench) mailTo(l lock) (code string) {
	b.t.Helper()
	if _, err := b.mailCode(l); err != nil {
		b.t.Fatal(err)
	}
	var row struct {
		ID     uuid.UUID `db:"id"`
		Sealed []byte    `db:"sealed"`
	}
	err := b.db.Get(&row, `SELECT id, sealed FROM codes WHERE user_id = $1 AND purpose = $2 AND holder = $3 AND address = $4 ORDER BY created_at DESC, id DESC LIMIT 1`,
		l.user, l.purpose, l.holder, l.address)
	if err != nil {
		b.t.Fatal(err)
	}
	plain, err := b.keys.Mail.Open(row.Sealed, "code", l.user.String(), row.ID.String())
	if err != nil {
		b.t.Fatal(err)
	}
	return string(plain)
}

func (b *bench) try(l lock, code string) (o factor.Outcome) {
	b.t.Helper()
	b.must(func(ctx context.Context, tx *pg.Tx) (err error) {
		o, err = b.store.SpendCodeTx(ctx, tx, l.user, l.purpose, l.holder, l.address, code)
		return err
	})
	return o
}

// miss tries codes that are none of those.
func (b *bench) miss(l lock, times int, not ...string) {
	b.t.Helper()
	for n := 0; times > 0; n++ {
		code := fmt.Sprintf("%06d", n)
		if !slices.Contains(not, code) {
			if o := b.try(l, code); o != factor.Wrong {
				b.t.Errorf("a wrong code is %v", o)
			}
			times--
		}
	}
}

// Whoever knows a code of another user, purpose or holder knows nothing, and
// one that went to an address of yesterday is over. None of that is charged to
// the code.
func TestACodeFitsOneLock(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	right := b.lock()
	code := b.mailTo(right)
	other := right
	other.address = "new@example.org"
	if o := b.try(other, code); o != factor.Expired {
		t.Errorf("another address: %v", o)
	}
	others := map[string]lock{}
	other = right
	other.user = b.user
	others["user"] = other
	other = right
	other.purpose = factor.Confirmation
	others["purpose"] = other
	other = right
	other.holder = uuid.New()
	others["holder"] = other
	for what, other := range others {
		if o := b.try(other, code); o != factor.Wrong {
			t.Errorf("another %s: %v", what, o)
		}
		err := b.tx(func(ctx context.Context, tx *pg.Tx) error {
			_, err := b.store.DeliveryTx(ctx, tx, other.user, other.purpose, other.holder)
			return err
		})
		if !errors.Is(err, fault.New(fault.NotFound, fault.Absent)) {
			t.Errorf("another %s learns of its mail: %v", what, err)
		}
	}
	for _, none := range []string{"", code[:5], code + "0", "12345a"} {
		if o := b.try(right, none); o != factor.Wrong {
			t.Errorf("%q is %v", none, o)
		}
	}
	if n := b.count(`SELECT sum(tries) FROM codes`); n != 0 {
		t.Errorf("%d tries are charged to it", n)
	}
	if o := b.try(right, code); o != factor.Right {
		t.Errorf("its own: %v", o)
	}
	if o := b.try(right, code); o != factor.Used {
		t.Errorf("twice: %v", o)
	}
}

// A code is right until its deadline and its fifth wrong try, and over then:
// never called wrong.
func TestACodeEndsAtItsDeadlineAndFifthTry(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, c := range []struct {
		after  time.Duration
		misses int
		want   factor.Outcome
	}{
		{10*time.Minute - time.Microsecond, 0, factor.Right},
		{10 * time.Minute, 0, factor.Expired},
		{0, 4, factor.Right},
		{0, 5, factor.Expired},
	} {
		l := b.lock()
		code := b.mailTo(l)
		b.miss(l, c.misses, code)
		b.clock.Advance(c.after)
		if o := b.try(l, code); o != c.want {
			t.Errorf("after %s and %d wrong tries: %v, want %v", c.after, c.misses, o, c.want)
		}
	}
}

// Each purpose has its life, which a repeat does not make longer.
func TestHowLongACodeIsGood(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for purpose, life := range map[factor.Purpose]time.Duration{
		factor.VerifyEmail: 30 * time.Minute, factor.EmailChange: 30 * time.Minute,
		factor.SignInCode: 10 * time.Minute, factor.Confirmation: 10 * time.Minute, factor.Enrolling: 10 * time.Minute,
	} {
		l := b.lock()
		l.purpose = purpose
		until := b.clock.Now().Add(life)
		for range 2 {
			d, err := b.mailCode(l)
			if err != nil || !d.ExpiresAt.Equal(until) || d.SentTo != l.address || d.State != mail.Queued {
				t.Errorf("%s: %+v, %v", purpose, d, err)
			}
			b.clock.Advance(30 * time.Second)
		}
	}
}

// A wrong try is charged to the code that could have been meant: the live one.
func TestAWrongTryIsChargedToTheLiveCode(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	l := b.lock()
	tries := func(want string) {
		t.Helper()
		var got string
		if err := b.db.Get(&got, `SELECT string_agg(tries::text, ' ' ORDER BY created_at) FROM codes`); err != nil || got != want {
			t.Errorf("tries %s, want %s, %v", got, want, err)
		}
	}
	other := l
	other.purpose = factor.Confirmation
	third := l
	third.holder = uuid.New()
	var codes []string
	next := func(l lock) {
		codes = append(codes, b.mailTo(l))
		b.clock.Advance(time.Second)
	}
	next(other)
	next(third)
	next(l)
	b.try(l, codes[2])
	next(l)
	b.miss(l, 5, codes...)
	tries("0 0 0 5")
	next(l)
	b.miss(l, 1, codes...)
	tries("0 0 0 5 1")
	b.clock.Advance(10*time.Minute - time.Second)
	b.miss(l, 1, codes...)
	tries("0 0 0 5 1")
}

// A code is voided wherever its user holds it, for that purpose; what was over
// is left as it was.
func TestVoidEndsTheLiveCodesOfAPurpose(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	l := b.lock()
	spent, over, dead := l, l, l
	spent.holder, over.holder, dead.holder = uuid.New(), uuid.New(), uuid.New()
	b.mailTo(over)
	b.clock.Advance(time.Minute)
	b.mailTo(dead)
	b.clock.Advance(9*time.Minute + 30*time.Second)
	live, purpose, stranger := l, l, l
	live.holder, purpose.purpose, stranger.user = uuid.New(), factor.Confirmation, b.user
	ends := b.mailTo(live)
	stay := map[lock]string{purpose: b.mailTo(purpose), stranger: b.mailTo(stranger)}
	b.try(spent, b.mailTo(spent))
	b.clock.Advance(30 * time.Second) // to the deadline of the dead one
	before := b.rows("codes")
	b.must(func(ctx context.Context, tx *pg.Tx) error { return factor.VoidTx(ctx, tx, l.user, l.purpose) })
	changed := 0
	for id, row := range b.rows("codes") {
		if before[id] != row {
			changed++
		}
	}
	if o := b.try(live, ends); changed != 1 || o != factor.Expired {
		t.Errorf("%d codes changed, and the live one is %v", changed, o)
	}
	for l, code := range stay {
		if o := b.try(l, code); o != factor.Right {
			t.Errorf("of %s: %v", l.purpose, o)
		}
	}
}
