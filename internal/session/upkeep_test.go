package session_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/audit"
	"latchkey/internal/fault"
	"latchkey/internal/pg"
	"latchkey/internal/session"
)

func (b *bench) signIn(user uuid.UUID) (in session.SignIn, token string) {
	b.t.Helper()
	b.tx(func(ctx context.Context, tx *pg.Tx) (err error) {
		in, token, err = b.store.BeginTx(ctx, tx, audit.Actor{Device: "Firefox"}, user, session.ByPassword, session.SecondFactor)
		return err
	})
	return in, token
}

func (b *bench) trust(user uuid.UUID, life time.Duration) (token string, id uuid.UUID) {
	b.t.Helper()
	b.tx(func(ctx context.Context, tx *pg.Tx) (err error) {
		token, id, err = b.store.TrustTx(ctx, tx, audit.Actor{Device: "Firefox", Address: "192.0.2.7"}, user, life)
		return err
	})
	return token, id
}

func (b *bench) mint(user uuid.UUID, name string, life time.Duration) (out session.Token) {
	b.t.Helper()
	b.tx(func(ctx context.Context, tx *pg.Tx) (err error) {
		out, _, err = b.store.MintTx(ctx, tx, user, session.NewToken{Name: name, Scopes: []session.Scope{session.ScopeRead}, ExpiresAt: tx.Now.Add(life)})
		return err
	})
	return out
}

// What is over goes at its instant, and nothing before; until then it is
// counted by the key that made it.
func TestSweepTakesWhatIsOver(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.signIn(b.user)
	b.session(session.New{Idle: time.Hour, Lifetime: time.Hour})
	b.trust(b.user, 2*time.Hour)
	b.mint(b.user, "script", 3*time.Hour)
	start := b.clock.Now()
	swept := func() int64 {
		n, err := session.Sweep(t.Context(), b.db)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	live := func() (tables []string) {
		rows, err := session.KeyRows(t.Context(), b.db)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if r.Purpose != "tokens" || r.Rows != 1 || len(r.Prefix) != 5 || !bytes.HasPrefix(b.store.Digests(session.SignInPrefix, "lki_"+string(bytes.Repeat([]byte("A"), 43)))[0], r.Prefix) {
				t.Errorf("%+v", r)
			}
			tables = append(tables, r.Table)
		}
		slices.Sort(tables)
		return tables
	}
	for _, c := range []struct {
		table string
		gone  time.Duration // from when the sweep takes it
		over  time.Duration // from when it counts no more
	}{
		{"sign_ins", 15 * time.Minute, 15 * time.Minute},
		{"sessions", time.Hour, time.Hour},
		{"trusted_devices", 2 * time.Hour, 2 * time.Hour},
		{"access_tokens", 3*time.Hour + 30*24*time.Hour, 3 * time.Hour},
	} {
		b.clock.Set(start.Add(c.over - time.Microsecond))
		if !slices.Contains(live(), c.table) {
			t.Errorf("%s: not counted a moment before its end", c.table)
		}
		b.clock.Set(start.Add(c.over))
		if slices.Contains(live(), c.table) {
			t.Errorf("%s: counted when it is over", c.table)
		}
		b.clock.Set(start.Add(c.gone - time.Microsecond))
		if n := swept(); n != 0 {
			t.Errorf("%s: %d rows swept a moment early", c.table, n)
		}
		b.clock.Set(start.Add(c.gone))
		if n := swept(); n != 1 {
			t.Errorf("%s: %d rows swept at its end", c.table, n)
		}
	}
	if n := swept(); n != 0 {
		t.Errorf("%d rows were left", n)
	}
}

// A sign-in that has ended opens nothing and no key is kept for it; others go
// on.
func TestASignInEndsAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	in, token := b.signIn(b.user)
	next, other := b.signIn(person(t, b.db, "eve@example.org"))
	b.tx(func(ctx context.Context, tx *pg.Tx) error { return session.EndSignInTx(ctx, tx, in.ID) })
	if _, err := b.store.FindSignIn(t.Context(), b.db, token, b.db.Now()); !isDead(err) {
		t.Errorf("it is found: %v", err)
	}
	if found, err := b.store.FindSignIn(t.Context(), b.db, other, b.db.Now()); err != nil || found.ID != next.ID || found.Failures != 0 || found.Held {
		t.Errorf("another's: %+v, %v", found, err)
	}
	rows, err := session.KeyRows(t.Context(), b.db)
	if err != nil || len(rows) != 1 || rows[0].Rows != 1 {
		t.Errorf("counted: %+v, %v", rows, err)
	}
}

// The fifth wrong code ends a sign-in, this one and no other.
func TestFiveFailuresEndASignIn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	in, token := b.signIn(b.user)
	beside, _ := b.signIn(b.user)
	for want := 4; want >= 0; want-- {
		var left int
		var held error
		b.tx(func(ctx context.Context, tx *pg.Tx) (err error) {
			if left, err = session.FailSignInTx(ctx, tx, in.ID); err == nil {
				_, held = b.store.HoldSignInTx(ctx, tx, in.ID)
			}
			return err
		})
		_, found := b.store.FindSignIn(t.Context(), b.db, token, b.db.Now())
		if left != want || isDead(held) != (want == 0) || isDead(found) != (want == 0) {
			t.Errorf("%d left, want %d; held: %v, found: %v", left, want, held, found)
		}
	}
	b.tx(func(ctx context.Context, tx *pg.Tx) error {
		other, err := b.store.HoldSignInTx(ctx, tx, beside.ID)
		if err != nil || other.Failures != 0 {
			t.Errorf("the one beside it: %+v, %v", other, err)
		}
		if _, _, ok, err := b.store.RetokenTx(ctx, tx, b.user, in.ID); ok || err != nil {
			t.Errorf("a dead one gets a token: %v", err)
		}
		return nil
	})
}

// Five wrong codes are too many by their count alone, whoever forgot to end
// the sign-in.
func TestTheCountOfFailuresIsEnough(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	in, _ := b.signIn(b.user)
	for failures, open := range map[int]bool{4: true, 5: false} {
		b.tx(func(ctx context.Context, tx *pg.Tx) error {
			if _, err := tx.ExecContext(ctx, `UPDATE sign_ins SET failures = $1`, failures); err != nil {
				return err
			}
			_, held := b.store.HoldSignInTx(ctx, tx, in.ID)
			_, _, fresh, err := b.store.RetokenTx(ctx, tx, b.user, in.ID)
			if isDead(held) == open || fresh != open {
				t.Errorf("after %d failures: held: %v, a fresh token: %t", failures, held, fresh)
			}
			return err
		})
	}
}

// A sign-in is kept as it was begun and goes on with what was proved.
func TestASignInIsKeptAsItGoesOn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	begun, token := b.signIn(b.user)
	now := b.clock.Now()
	want := session.SignIn{
		ID: begun.ID, User: b.user, First: session.ByPassword, Step: session.SecondFactor, Assurance: session.Password,
		CreatedAt: now, ExpiresAt: now.Add(15 * time.Minute),
	}
	is := func(what string, got session.SignIn, err error) {
		t.Helper()
		if err != nil || got != want {
			t.Errorf("%s:\n%+v\n%+v (%v)", what, got, want, err)
		}
	}
	is("begun", begun, nil)
	found, err := b.store.FindSignIn(t.Context(), b.db, token, now)
	is("found", found, err)
	want.Step, want.Assurance, want.Proved, want.Enrolled, want.ByKey, want.TrustDevice = session.Enrolment, session.TwoFactor, "recovery_key", true, true, true
	b.tx(func(ctx context.Context, tx *pg.Tx) error { return session.MoveTx(ctx, tx, want) })
	b.tx(func(ctx context.Context, tx *pg.Tx) error { return session.HeldTx(ctx, tx, begun.ID) })
	want.Held = true
	b.tx(func(ctx context.Context, tx *pg.Tx) error {
		held, err := b.store.HoldSignInTx(ctx, tx, begun.ID)
		is("held", held, err)
		fresh, _, _, err := b.store.RetokenTx(ctx, tx, b.user, begun.ID)
		is("with a fresh token", fresh, err)
		return nil
	})
}

// An access token is dead with its user's account.
func TestATokenOfADisabledUserIsDead(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var secret string
	b.tx(func(ctx context.Context, tx *pg.Tx) (err error) {
		_, secret, err = b.store.MintTx(ctx, tx, b.user, session.NewToken{Scopes: session.Scopes(), ExpiresAt: tx.Now.Add(time.Hour)})
		return err
	})
	in, err := b.store.CheckToken(t.Context(), b.db, secret, "192.0.2.7")
	if err != nil || in.User != b.user || !in.Token.May(session.ScopeAdminWrite) || session.NotWithToken(in) == nil {
		t.Errorf("%+v, %v", in, err)
	}
	b.disable()
	if _, err := b.store.CheckToken(t.Context(), b.db, secret, "192.0.2.7"); !isDead(err) {
		t.Errorf("disabled: %v", err)
	}
}

// A fresh token is for the user's own, open sign-in alone, and the old one is
// good for nothing.
func TestAFreshTokenIsForAnOpenSignInOfOnesOwn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	stranger := person(t, b.db, "eve@example.org")
	in, old := b.signIn(b.user)
	b.signIn(b.user)
	again := func(user, id uuid.UUID) (token string, ok bool) {
		b.tx(func(ctx context.Context, tx *pg.Tx) (err error) {
			var got session.SignIn
			if got, token, ok, err = b.store.RetokenTx(ctx, tx, user, id); ok && got.ID != id {
				t.Errorf("it is of %v", got.ID)
			}
			return err
		})
		return token, ok
	}
	if _, ok := again(stranger, in.ID); ok {
		t.Error("a stranger's sign-in gets a token")
	}
	b.clock.Advance(15*time.Minute - time.Microsecond)
	fresh, ok := again(b.user, in.ID)
	if !ok {
		t.Fatal("no fresh token at its last moment")
	}
	if found, err := b.store.FindSignIn(t.Context(), b.db, fresh, b.db.Now()); err != nil || found.ID != in.ID {
		t.Errorf("fresh: %v", err)
	}
	if _, err := b.store.FindSignIn(t.Context(), b.db, old, b.db.Now()); !isDead(err) {
		t.Errorf("old: %v", err)
	}
	b.clock.Advance(time.Microsecond)
	if _, ok := again(b.user, in.ID); ok {
		t.Error("one that is over gets a token")
	}
}

// Trust is this user's, for its life, and as long as the policy of today says.
func TestTrustIsTheUsersOwnAndDated(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	stranger := person(t, b.db, "eve@example.org")
	token, id := b.trust(b.user, time.Hour)
	made := b.db.Now()
	trusted := func(user uuid.UUID, oldest time.Time) (got uuid.UUID) {
		b.tx(func(ctx context.Context, tx *pg.Tx) (err error) {
			got, err = b.store.TrustedTx(ctx, tx, user, token, oldest)
			return err
		})
		return got
	}
	b.clock.Advance(time.Hour - time.Microsecond)
	if got := trusted(b.user, made.Add(-time.Microsecond)); got != id {
		t.Errorf("trusted: %v", got)
	}
	if trusted(stranger, made.Add(-time.Hour)) != uuid.Nil || trusted(b.user, made) != uuid.Nil {
		t.Error("a stranger is trusted, or one made before the policy allows")
	}
	_, newer := b.trust(b.user, time.Hour)
	list, err := b.store.Devices(t.Context(), b.db, b.user, b.db.Now())
	if err != nil || len(list) != 2 || list[0].ID != newer || list[1].ID != id ||
		!list[1].LastUsedAt.Equal(b.db.Now()) || !list[1].CreatedAt.Equal(made) || list[1].Device != "Firefox" || list[1].Address != "192.0.2.7" {
		t.Errorf("%+v, %v", list, err)
	}
	if others, err := b.store.Devices(t.Context(), b.db, stranger, b.db.Now()); err != nil || len(others) != 0 {
		t.Errorf("a stranger lists %+v, %v", others, err)
	}
	b.tx(func(ctx context.Context, tx *pg.Tx) error {
		if found, err := b.store.DistrustTx(ctx, tx, stranger, newer); found || err != nil {
			t.Errorf("a stranger ends it: %v", err)
		}
		found, err := b.store.DistrustTx(ctx, tx, b.user, newer)
		if !found {
			t.Errorf("its owner can't end it: %v", err)
		}
		return err
	})
	b.clock.Advance(time.Microsecond)
	if trusted(b.user, made.Add(-time.Hour)) != uuid.Nil {
		t.Error("trusted beyond its life")
	}
	if list, err := b.store.Devices(t.Context(), b.db, b.user, b.db.Now()); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

// A user is told once of a token that ends soon, the next to end first.
func TestExpiringTokensAreTakenOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const week = 7 * 24 * time.Hour
	b.mint(b.user, "second", week)
	b.mint(b.user, "first", time.Microsecond)
	b.mint(b.user, "later", week+time.Microsecond)
	b.mint(b.user, "over", 0)
	take := func(limit int) (names []string) {
		b.tx(func(ctx context.Context, tx *pg.Tx) error {
			list, err := session.ExpiringTx(ctx, tx, week, limit)
			for _, one := range list {
				names = append(names, one.Name)
			}
			return err
		})
		return names
	}
	if got := take(1); !slices.Equal(got, []string{"first"}) {
		t.Errorf("the first: %q", got)
	}
	if got := take(5); !slices.Equal(got, []string{"second"}) {
		t.Errorf("then: %q", got)
	}
	b.clock.Advance(time.Microsecond)
	if got := take(5); !slices.Equal(got, []string{"later"}) {
		t.Errorf("a moment later: %q", got)
	}
}

// Tokens are the user's own, newest first, and end from an instant on.
func TestTokensAreTheUsersOwn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	stranger := person(t, b.db, "eve@example.org")
	old := b.mint(b.user, "old", time.Hour)
	b.mint(stranger, "stranger's", time.Hour)
	b.clock.Advance(time.Second)
	b.mint(b.user, "new", time.Hour)
	names := func(user uuid.UUID) (out []string) {
		list, err := b.store.Tokens(t.Context(), b.db, user)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range list {
			out = append(out, one.Name)
		}
		return out
	}
	if got := names(b.user); !slices.Equal(got, []string{"new", "old"}) {
		t.Errorf("%q", got)
	}
	b.tx(func(ctx context.Context, tx *pg.Tx) error {
		if found, err := b.store.RevokeTx(ctx, tx, stranger, old.ID); found || err != nil {
			t.Errorf("a stranger revokes it: %v", err)
		}
		return b.store.EndTokensSinceTx(ctx, tx, b.user, old.CreatedAt.Add(time.Microsecond))
	})
	if got := names(b.user); !slices.Equal(got, []string{"old"}) {
		t.Errorf("those since then ended: %q", got)
	}
	b.tx(func(ctx context.Context, tx *pg.Tx) error {
		return b.store.EndTokensSinceTx(ctx, tx, b.user, old.CreatedAt)
	})
	if len(names(b.user)) != 0 || len(names(stranger)) != 1 {
		t.Error("one of that very instant is left, or a stranger's ended")
	}
}

func isDead(err error) bool {
	return errors.Is(err, fault.New(fault.Unauthenticated, fault.NotSignedIn))
}
