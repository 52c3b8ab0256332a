package guard_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/fault"
	"latchkey/internal/guard"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
)

// A network may do each thing so often within a time; then a look and a try are
// refused until the first is that old, to the microsecond. Another network and
// another thing have budgets of their own.
func TestWhatANetworkMayDo(t *testing.T) {
	t.Parallel()
	b, l := newBench(t), guard.NewLimits(nil)
	clock := pgtest.ClockOf(b.db)
	for name, c := range map[string]struct {
		most  int
		in    time.Duration
		code  fault.Code
		spend func(context.Context, *pg.Tx, string) error
		look  func(string) error
	}{
		"wrong passwords": {30, 15 * time.Minute, fault.TooManyAttempts, l.WrongPasswordTx, func(a string) error { return l.PasswordLook(t.Context(), b.db, a, b.db.Now()) }},
		"sign-ups":        {60, time.Hour, fault.TooManyAttempts, l.SignUpTx, func(a string) error { return l.SignUpLook(t.Context(), b.db, a, b.db.Now()) }},
		"mails":           {60, time.Hour, fault.TooManyEmails, l.CodeMailTx, nil},
	} {
		spend := func(address string) error {
			return b.db.InTx(t.Context(), func(tx *pg.Tx) error { return c.spend(t.Context(), tx, address) })
		}
		tries := map[string]func(string) error{"try": spend}
		if c.look != nil {
			tries["look"] = c.look
		}
		passes := func(address string) {
			t.Helper()
			if c.look != nil { // first: a try may take the last
				if err := c.look(address); err != nil {
					t.Fatalf("%s: a look: %v", name, err)
				}
			}
			if err := spend(address); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		for range c.most {
			passes("192.0.2.7")
		}
		refused := func(wait time.Duration) {
			t.Helper()
			for kind, try := range tries {
				f, ok := fault.As(try("192.0.2.7"))
				if !ok || f.Kind != fault.TooMany || f.Code != c.code || f.RetryAfter != wait {
					t.Errorf("%s, %s: %+v, want to wait %s", name, kind, f, wait)
				}
			}
		}
		refused(c.in)
		passes("192.0.2.8")
		clock.Advance(c.in - time.Microsecond)
		refused(time.Second) // nobody is told less
		clock.Advance(time.Microsecond)
		passes("192.0.2.7")
	}
	var kept int
	if err := b.db.Get(&kept, `SELECT sum(cardinality(spent)) FROM ip_meters WHERE network = '192.0.2.7/32' AND kind <> 'password'`); err != nil || kept != 2 {
		t.Errorf("%d are kept, want the last of each (%v)", kept, err)
	}
}

// A meter keeps no wrong password that counts no more.
func TestAPasswordMeterForgetsWhatIsADayOld(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	mine := b.know()
	wrong := func() {
		for _, browser := range []uuid.UUID{uuid.Nil, mine} {
			m := guard.PasswordMeter{Digest: []byte("ada"), User: b.user, Browser: browser}
			b.tx(func(ctx context.Context, tx *pg.Tx) error { return m.JudgeTx(ctx, tx, false) })
		}
	}
	for after, want := range map[time.Duration]int{24*time.Hour - time.Microsecond: 3, 24 * time.Hour: 1} {
		if _, err := b.db.Exec(`DELETE FROM password_meters; UPDATE known_browsers SET password_failures = '{}'`); err != nil {
			t.Fatal(err)
		}
		wrong()
		wrong()
		pgtest.ClockOf(b.db).Advance(after)
		wrong()
		for table, column := range map[string]string{"password_meters": "failures", "known_browsers": "password_failures"} {
			var kept int
			if err := b.db.Get(&kept, `SELECT sum(cardinality(`+column+`)) FROM `+table); err != nil || kept != want {
				t.Errorf("%s after %s: %d kept, want %d (%v)", table, after, kept, want, err)
			}
		}
	}
}
