package session_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/audit"
	"latchkey/internal/fault"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
	"latchkey/internal/seal"
	"latchkey/internal/session"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

type bench struct {
	t     *testing.T
	db    *pg.DB
	clock *pgtest.Clock
	store *session.Store
	user  uuid.UUID
}

func newBench(t *testing.T, options ...pgtest.Option) *bench {
	t.Helper()
	raw, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.Load(raw)
	if err != nil {
		t.Fatal(err)
	}
	db := pgtest.New(t, append(options, pgtest.At("2026-03-02 12:00:00"))...)
	return &bench{t, db, pgtest.ClockOf(db), session.NewStore(keys.Tokens), person(t, db, "ada@example.org")}
}

func person(t *testing.T, db *pg.DB, email string) uuid.UUID {
	t.Helper()
	id, _ := uuid.NewV7()
	_, err := db.Exec(`INSERT INTO users (id, email, name, created_at) VALUES ($1, $2, 'Ada', $3)`, id, email, db.Now())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (b *bench) tx(f func(context.Context, *pg.Tx) error) {
	b.t.Helper()
	if err := b.db.InTx(b.t.Context(), func(tx *pg.Tx) error { return f(b.t.Context(), tx) }); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) session(n session.New) (in session.Session, token string) {
	b.t.Helper()
	if n.User == uuid.Nil {
		n.User = b.user
	}
	if n.Front == "" {
		n.Front = session.Bearer
	}
	if n.Assurance == "" {
		n.Assurance = session.Password
	}
	b.tx(func(ctx context.Context, tx *pg.Tx) (err error) {
		in, token, err = b.store.CreateTx(ctx, tx, audit.Actor{Kind: audit.User, ID: b.user, Device: "Firefox"}, n)
		return err
	})
	return in, token
}

func (b *bench) lives(token string) bool {
	b.t.Helper()
	_, err := b.store.Check(b.t.Context(), b.db, token)
	if err != nil && !errors.Is(err, fault.New(fault.Unauthenticated, fault.NotSignedIn)) {
		b.t.Fatal(err)
	}
	return err == nil
}

// Expiry waits for no cleaning job (authentik CVE-2025-64708).
func TestExpiryIsJudgedWhereTheSessionIsUsed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	in, token := b.session(session.New{Idle: time.Hour, Lifetime: 3 * time.Hour})
	if !in.ExpiresAt.Equal(b.clock.Now().Add(time.Hour)) {
		t.Errorf("expires at %s", in.ExpiresAt)
	}
	for range 3 { // used within the hour it goes on, until its life is over
		b.clock.Advance(time.Hour - time.Second)
		if !b.lives(token) {
			t.Fatalf("idle for less than an hour, and gone at %s", b.clock.Now())
		}
	}
	b.clock.Advance(3 * time.Second)
	if b.lives(token) {
		t.Error("it outlives its life")
	}
	_, idle := b.session(session.New{Idle: time.Hour, Lifetime: 3 * time.Hour})
	held, _ := b.session(session.New{Idle: time.Hour, Lifetime: 3 * time.Hour})
	b.clock.Advance(time.Hour)
	if b.lives(idle) {
		t.Error("it outlives its idle time")
	}
	err := b.db.InTx(t.Context(), func(tx *pg.Tx) error { _, err := b.store.HoldTx(t.Context(), tx, held.ID); return err })
	if !errors.Is(err, fault.New(fault.Unauthenticated, fault.NotSignedIn)) {
		t.Errorf("a dead one is held: %v", err)
	}
	list, err := b.store.List(t.Context(), b.db, b.user, b.db.Now())
	if err != nil || len(list) != 0 {
		t.Errorf("%d dead ones are listed (%v)", len(list), err)
	}
}

func TestUseIsNotedOnceAMinute(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for name, use := range map[string]func(in session.Session, token string) error{
		"by its user": func(_ session.Session, token string) error { return second(b.store.Check(t.Context(), b.db, token)) },
		"by an app": func(in session.Session, _ string) error {
			return second(b.store.CheckForward(t.Context(), b.db, b.store.ForwardToken(in)))
		},
	} {
		in, token := b.session(session.New{Front: session.Cookie, Idle: time.Hour, Lifetime: time.Hour})
		for after, want := range map[time.Duration]time.Time{
			59 * time.Second: in.CreatedAt,
			time.Minute:      in.CreatedAt.Add(time.Minute),
		} {
			if _, err := b.db.Exec(`UPDATE sessions SET last_seen_at = created_at, own_seen_at = created_at`); err != nil {
				t.Fatal(err)
			}
			b.clock.Set(in.CreatedAt.Add(after))
			if err := use(in, token); err != nil {
				t.Fatal(err)
			}
			var seen time.Time
			if err := b.db.Get(&seen, `SELECT last_seen_at FROM sessions WHERE id = $1`, in.ID); err != nil || !seen.Equal(want) {
				t.Errorf("%s after %s: noted at %s, want %s (%v)", name, after, seen, want, err)
			}
		}
	}
}

// An app that polls keeps its user signed in there, not an admin's pages open.
func TestAppsAreNoUseOfAdminPages(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	in, token := b.session(session.New{Front: session.Cookie, Idle: time.Hour, Lifetime: 10 * time.Hour})
	poll := func(minutes int) {
		t.Helper()
		for range minutes {
			b.clock.Advance(time.Minute)
			if _, err := b.store.CheckForward(t.Context(), b.db, b.store.ForwardToken(in)); err != nil {
				t.Fatal(err)
			}
		}
	}
	rules := func() bool {
		t.Helper()
		now, err := b.store.Check(t.Context(), b.db, token)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.db.InTx(t.Context(), func(tx *pg.Tx) error {
			held, err := b.store.HoldTx(t.Context(), tx, in.ID)
			if held.Rules(tx.Now) != now.Rules(tx.Now) {
				t.Errorf("held it rules: %t, looked at: %t", held.Rules(tx.Now), now.Rules(tx.Now))
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return now.Rules(b.clock.Now())
	}
	for range 3 { // at work, with an app open beside
		poll(14)
		if !rules() {
			t.Fatal("no rest, and the pages are closed")
		}
	}
	poll(15)
	if rules() {
		t.Error("a quarter of an hour away, and an app that polls kept the pages open")
	}
	b.clock.Advance(30 * time.Second)
	if rules() {
		t.Error("the second look opens them")
	}
	b.tx(func(ctx context.Context, tx *pg.Tx) error {
		held, err := b.store.HoldTx(ctx, tx, in.ID)
		if err != nil {
			return err
		}
		token, err = b.store.ConfirmTx(ctx, tx, held, session.Confirmation{Until: tx.Now.Add(time.Minute), Assurance: session.Password})
		return err
	})
	if !rules() {
		t.Error("a confirmation does not open them")
	}
	poll(90) // the ordinary idle rule counts both
	if _, err := b.store.Check(t.Context(), b.db, token); err != nil {
		t.Errorf("in use by an app, and idle: %v", err)
	}
}

// Garbage costs no query: the pool is closed, and nothing notices.
func TestWhatIsNoTokenCostsNoQuery(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_, token := b.session(session.New{Idle: time.Hour, Lifetime: time.Hour})
	b.db.Close()
	for name, bad := range map[string]string{
		"empty": "", "prefix": "lks_", "another prefix": "lki_" + token[4:], "none": token[4:], "cut": token[:46], "longer": token + "A",
		"no base64": "lks_" + strings.Repeat("!", 43), "padded": token[:46] + "=", "trailing bits": token[:46] + "_", "long": strings.Repeat("lks_", 10_000),
		"line end": "lks_" + strings.Repeat("A", 42) + "\n", "line end more": token + "\n",
	} {
		if bad == token {
			continue
		}
		if _, err := b.store.Check(context.Background(), b.db, bad); !errors.Is(err, fault.New(fault.Unauthenticated, fault.NotSignedIn)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := b.store.Check(context.Background(), b.db, token); err == nil || errors.Is(err, fault.New(fault.Unauthenticated, fault.NotSignedIn)) {
		t.Errorf("a real one, without a database: %v", err)
	}
}

// A cookie's token is fresh after a confirmation; a bearer keeps its own.
func TestAConfirmationRenewsACookiesToken(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	until := b.clock.Now().Add(10 * time.Minute)
	confirm := func(in session.Session, method string, a session.Assurance) (token string) {
		b.tx(func(ctx context.Context, tx *pg.Tx) (err error) {
			token, err = b.store.ConfirmTx(ctx, tx, in, session.Confirmation{Until: until, Method: method, Assurance: a})
			return err
		})
		return token
	}
	in, old := b.session(session.New{Front: session.Cookie, Idle: time.Hour, Lifetime: time.Hour, Assurance: session.TwoFactor, Method: "app"})
	fresh := confirm(in, "email", session.TwoStep)
	if b.lives(old) || !b.lives(fresh) {
		t.Error("the planted token lives on, or the fresh one does not")
	}
	got, err := b.store.Check(t.Context(), b.db, fresh)
	if err != nil || got.Assurance != session.TwoFactor || got.ConfirmedBy != "email" || !got.Confirmed(b.clock.Now()) || got.Confirmed(until) {
		t.Errorf("%+v %v", got, err)
	}
	bearer, token := b.session(session.New{Idle: time.Hour, Lifetime: time.Hour})
	if fresh := confirm(bearer, "", session.Password); fresh != "" || !b.lives(token) {
		t.Errorf("a bearer got %q", fresh)
	}
}

func TestAtMostTenTrustedDevices(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var tokens []string
	trusted := func(user uuid.UUID, token string) (id uuid.UUID) {
		b.tx(func(ctx context.Context, tx *pg.Tx) (err error) {
			id, err = b.store.TrustedTx(ctx, tx, user, token, tx.Now.AddDate(0, 0, -30))
			return err
		})
		return id
	}
	for range 11 {
		b.clock.Advance(time.Second)
		b.tx(func(ctx context.Context, tx *pg.Tx) error {
			token, _, err := b.store.TrustTx(ctx, tx, audit.Actor{}, b.user, 30*24*time.Hour)
			tokens = append(tokens, token)
			return err
		})
	}
	if trusted(b.user, tokens[0]) != uuid.Nil {
		t.Error("the oldest of eleven is trusted still")
	}
	if trusted(b.user, tokens[1]) == uuid.Nil || trusted(person(t, b.db, "eve@example.org"), tokens[1]) != uuid.Nil {
		t.Error("not bound to its user")
	}
}

// A sign-in and a session are rows of different tables: one is never the other.
func TestASignInIsNoSession(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var token string
	b.tx(func(ctx context.Context, tx *pg.Tx) (err error) {
		_, token, err = b.store.BeginTx(ctx, tx, audit.Actor{}, b.user, "password", session.SecondFactor)
		return err
	})
	if b.lives(token) || b.lives("lks_"+token[4:]) {
		t.Error("half a session")
	}
	if _, err := b.store.FindSignIn(t.Context(), b.db, token, b.db.Now()); err != nil {
		t.Error(err)
	}
	_, whole := b.session(session.New{Idle: time.Hour, Lifetime: time.Hour})
	for _, bad := range []string{whole, "lki_" + whole[4:]} {
		if _, err := b.store.FindSignIn(t.Context(), b.db, bad, b.db.Now()); err == nil {
			t.Error("a session's token is a sign-in's")
		}
	}
}
