package guard

import (
	"context"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/fault"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func TestNetworkOfAnAddress(t *testing.T) {
	t.Parallel()
	l := NewLimits([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")})
	for address, want := range map[string]string{
		"192.0.2.7":               "192.0.2.7/32",
		"::ffff:192.0.2.7":        "192.0.2.7/32",
		"2001:db8:1:2:3:4:5:6":    "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::":     "2001:db8:1:2::/64",
		"fe80::1%eth0":            "fe80::/64",
		"10.9.9.9":                "",
		"::ffff:10.9.9.9":         "",
		"::1":                     "",
		"":                        "",
		"unknown":                 "",
		"192.0.2.7, 198.51.100.1": "",
	} {
		got, ok := l.network(address)
		if want == "" && ok || want != "" && got.String() != want {
			t.Errorf("%q: %v %v, want %q", address, got, ok, want)
		}
	}
	if _, ok := (*Limits)(nil).network("192.0.2.7"); ok {
		t.Error("no limits, but one holds")
	}
}

// TestParallelWrongPasswordsPassNoMoreThanTheBudget: forty at once.
func TestParallelWrongPasswordsPassNoMoreThanTheBudget(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, pgtest.At("2026-03-02 12:00:05"), pgtest.MaxConns(40))
	l := NewLimits(nil)
	if n := passed(t, db, l, 40); n != 30 {
		t.Errorf("%d of 40 passed, want 30", n)
	}
	if n := passed(t, db, l, 5); n != 0 {
		t.Errorf("%d more passed", n)
	}
	clock := pgtest.ClockOf(db)
	for range 9 { // 300 a day
		clock.Advance(15*time.Minute + time.Second)
		passed(t, db, l, 30)
	}
	clock.Advance(15*time.Minute + time.Second)
	if n := passed(t, db, l, 3); n != 0 {
		t.Errorf("%d passed after 300 in a day", n)
	}
	err := l.PasswordLook(t.Context(), db, "192.0.2.7", db.Now())
	f, ok := fault.As(err)
	// The first thirty are 2:30:10 old.
	if want := 24*time.Hour - 10*(15*time.Minute+time.Second); !ok || f.RetryAfter != want {
		t.Errorf("look: %v, want to wait %v", err, want)
	}
	clock.Advance(24 * time.Hour)
	if n := passed(t, db, l, 31); n != 30 {
		t.Errorf("%d passed a day later, want 30", n)
	}
}

func passed(t *testing.T, db *pg.DB, l *Limits, n int) int {
	t.Helper()
	var ok atomic.Int64
	var all sync.WaitGroup
	start := make(chan struct{})
	for range n {
		all.Go(func() {
			<-start
			err := db.InTx(t.Context(), func(tx *pg.Tx) error { return l.WrongPasswordTx(t.Context(), tx, "192.0.2.7") })
			if f, is := fault.As(err); err != nil && (!is || f.Code != fault.TooManyAttempts || f.RetryAfter < time.Second) {
				t.Error(err)
			}
			if err == nil {
				ok.Add(1)
			}
		})
	}
	close(start)
	all.Wait()
	return int(ok.Load())
}

// TestAKnownBrowserIsNeitherCountedNorRefused by the budget of its address.
func TestAKnownBrowserIsNeitherCountedNorRefused(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, pgtest.At("2026-03-02 12:00:05"))
	user, browser := uuid.New(), uuid.New()
	l, ctx := NewLimits(nil), t.Context()
	in := func(f func(context.Context, *pg.Tx) error) error {
		return db.InTx(ctx, func(tx *pg.Tx) error { return f(ctx, tx) })
	}
	err := in(func(ctx context.Context, tx *pg.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO users (id, email, name, created_at) VALUES ($1, 'a@example.com', 'Ada', $2)`, user, tx.Now)
		if err != nil {
			return err
		}
		return KnowTx(ctx, tx, user, browser, "Firefox", "192.0.2.7")
	})
	if err != nil {
		t.Fatal(err)
	}
	judge := func(m PasswordMeter, right bool) error {
		return in(func(ctx context.Context, tx *pg.Tx) error { return m.JudgeTx(ctx, tx, right) })
	}
	known := PasswordMeter{Digest: []byte("a"), User: user, Browser: browser, Limits: l, Address: "192.0.2.7"}
	if err := judge(known, false); err != nil {
		t.Fatal(err)
	}
	if n := spent(t, db); n != 0 {
		t.Fatalf("the known browser was counted: %d", n)
	}
	if n := passed(t, db, l, 30); n != 30 {
		t.Fatalf("%d passed", n)
	}
	for _, right := range []bool{true, false} {
		if err := judge(known, right); err != nil {
			t.Errorf("known browser, right %v: %v", right, err)
		}
		other := PasswordMeter{Digest: []byte("a"), User: user, Limits: l, Address: "192.0.2.7"}
		if err := judge(other, right); err == nil {
			t.Errorf("another browser, right %v: judged", right)
		}
		if err := other.Look(ctx, db, db.Now()); err == nil {
			t.Error("another browser: looked at")
		}
	}
	if err := known.Look(ctx, db, db.Now()); err != nil {
		t.Errorf("known browser: %v", err)
	}
	var n int
	if err := db.GetContext(ctx, &n, `SELECT count(*) FROM password_meters WHERE cardinality(failures) > 0`); err != nil || n != 0 {
		t.Errorf("refused tries were charged to the account: %d, %v", n, err)
	}
}

func spent(t *testing.T, db *pg.DB) int {
	t.Helper()
	var n int
	if err := db.GetContext(t.Context(), &n, `SELECT coalesce(sum(cardinality(spent)), 0) FROM ip_meters`); err != nil {
		t.Fatal(err)
	}
	return n
}
