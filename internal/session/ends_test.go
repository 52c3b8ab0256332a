package session_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/audit"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
	"latchkey/internal/session"
)

// All is good until its last microsecond and no longer, whichever way one
// comes to it.
func TestNothingOutlivesItsEnd(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	in := func(f func(*pg.Tx) error) error { return b.db.InTx(ctx, f) }
	looks := map[string]func() func() error{}
	for name, n := range map[string]session.New{
		"idle":       {Idle: time.Hour, Lifetime: 2 * time.Hour},
		"whole life": {Idle: 2 * time.Hour, Lifetime: time.Hour},
	} {
		n.Front = session.Cookie
		looks[name+", checked"] = func() func() error {
			_, token := b.session(n)
			return func() error { return second(b.store.Check(ctx, b.db, token)) }
		}
		looks[name+", held"] = func() func() error {
			made, _ := b.session(n)
			return func() error { return in(func(tx *pg.Tx) error { return second(b.store.HoldTx(ctx, tx, made.ID)) }) }
		}
		looks[name+", at an app"] = func() func() error {
			made, _ := b.session(n)
			return func() error { return second(b.store.CheckForward(ctx, b.db, b.store.ForwardToken(made))) }
		}
		looks[name+", listed"] = func() func() error {
			n.User = person(t, b.db, fmt.Sprint(uuid.New(), "@example.org"))
			b.session(n)
			return func() error {
				list, err := b.store.List(ctx, b.db, n.User, b.db.Now())
				if err == nil && len(list) == 0 {
					err = errors.New("not listed")
				}
				return err
			}
		}
	}
	for name, look := range map[string]func(token string, id uuid.UUID) error{
		"a sign-in, found": func(token string, _ uuid.UUID) error { return second(b.store.FindSignIn(ctx, b.db, token, b.db.Now())) },
		"a sign-in, held": func(_ string, id uuid.UUID) error {
			return in(func(tx *pg.Tx) error { return second(b.store.HoldSignInTx(ctx, tx, id)) })
		},
	} {
		looks[name] = func() func() error {
			made, token := b.signIn(b.user)
			b.clock.Advance(-45 * time.Minute) // it lasts for a quarter of an hour
			return func() error { return look(token, made.ID) }
		}
	}
	looks["an access token, held"] = func() func() error {
		made := b.mint(b.user, "script", time.Hour)
		return func() error { return in(func(tx *pg.Tx) error { return second(b.store.HoldTx(ctx, tx, made.ID)) }) }
	}
	looks["an access token, checked"] = func() func() error {
		var token string
		b.tx(func(ctx context.Context, tx *pg.Tx) (err error) {
			_, token, err = b.store.MintTx(ctx, tx, b.user, session.NewToken{Scopes: session.Scopes(), ExpiresAt: tx.Now.Add(time.Hour)})
			return err
		})
		return func() error { return second(b.store.CheckToken(ctx, b.db, token, "192.0.2.7")) }
	}
	for name, make := range looks {
		for late, lives := range map[time.Duration]bool{-time.Microsecond: true, 0: false} {
			look := make()
			b.clock.Advance(time.Hour + late)
			if err := look(); (err == nil) != lives {
				t.Errorf("%s, %s after its end: %v", name, late, err)
			}
		}
	}
}

// A session is kept as it was made, and moved as it is used.
func TestASessionIsKeptAsItWasMade(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	now, since := b.clock.Now(), b.clock.Now().Add(-48*time.Hour)
	until, browser := now.Add(5*time.Minute), uuid.New()
	by := audit.Actor{Device: "Firefox", Address: "192.0.2.7", Browser: browser}
	for name, c := range map[string]struct {
		by   audit.Actor
		of   session.New
		want session.Session
	}{
		"a plain one": {
			audit.Actor{},
			session.New{Front: session.Bearer, Assurance: session.Password, Idle: time.Hour, Lifetime: 2 * time.Hour},
			session.Session{Front: session.Bearer, First: session.ByPassword, Assurance: session.Password, ExpiresAt: now.Add(time.Hour)},
		},
		"one that began at a provider": {
			by,
			session.New{Front: session.Cookie, First: session.BySSO, Assurance: session.TwoFactor, Method: "app", Idle: 2 * time.Hour, Lifetime: time.Hour},
			session.Session{
				Front: session.Cookie, First: session.BySSO, Assurance: session.TwoFactor, Method: "app", MethodAt: &now,
				Device: "Firefox", Address: "192.0.2.7", Browser: browser, ExpiresAt: now.Add(time.Hour),
			},
		},
		"one that a recovery key confirmed": {
			by,
			session.New{
				Front: session.Cookie, Assurance: session.TwoFactor, Method: "recovery_key", Confirmed: 5 * time.Minute, Since: &since,
				Idle: time.Hour, Lifetime: time.Hour,
			},
			session.Session{
				Front: session.Cookie, First: session.ByPassword, Assurance: session.TwoFactor, Method: "recovery_key", MethodAt: &now,
				ConfirmedUntil: &until, ConfirmedBy: "recovery_key", ConfirmedSince: &since, ConfirmedAt: &now,
				Device: "Firefox", Address: "192.0.2.7", Browser: browser, ExpiresAt: now.Add(time.Hour),
			},
		},
	} {
		c.of.User = b.user
		var made session.Session
		var token string
		b.tx(func(ctx context.Context, tx *pg.Tx) (err error) {
			made, token, err = b.store.CreateTx(ctx, tx, c.by, c.of)
			return err
		})
		c.want.ID, c.want.User, c.want.CreatedAt, c.want.LastSeenAt, c.want.OwnSeenAt = made.ID, b.user, now, now, now
		found, err := b.store.Check(t.Context(), b.db, token)
		if err != nil || !reflect.DeepEqual(made, c.want) || !reflect.DeepEqual(found, c.want) {
			t.Errorf("%s: made\n%+v\nfound\n%+v (%v)\nwant\n%+v", name, made, found, err, c.want)
		}
	}
}

// What is answered is what was just noted, and is read again later.
func TestAUseIsAnsweredAsItIsKept(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	in, token := b.session(session.New{Front: session.Cookie, Idle: time.Hour, Lifetime: 10 * time.Hour})
	start := b.clock.Now()
	var secret string
	b.tx(func(ctx context.Context, tx *pg.Tx) (err error) {
		_, secret, err = b.store.MintTx(ctx, tx, b.user, session.NewToken{Scopes: session.Scopes(), ExpiresAt: tx.Now.Add(time.Hour)})
		return err
	})
	for minute := time.Minute; minute <= 2*time.Minute; minute += time.Minute {
		now := start.Add(minute)
		b.clock.Set(now.Add(10 * time.Second))
		for _, address := range []string{"192.0.2.1", "192.0.2.2"} {
			used, err := b.store.CheckToken(t.Context(), b.db, secret, address)
			if err != nil || used.Token.LastUsedAt == nil || !used.Token.LastUsedAt.Equal(now) || used.Token.LastAddress != "192.0.2.1" {
				t.Errorf("token, %s from %s: %+v, %v", minute, address, used.Token, err)
			}
			b.clock.Set(now.Add(59 * time.Second))
		}
	}
	b.clock.Set(start.Add(10 * time.Minute)) // an app asks, and later its user comes
	for range 2 {
		at, err := b.store.CheckForward(t.Context(), b.db, b.store.ForwardToken(in))
		if now := b.clock.Now(); err != nil || !at.Session.LastSeenAt.Equal(now) || !at.Session.OwnSeenAt.Equal(start) || !at.Session.ExpiresAt.Equal(now.Add(time.Hour)) {
			t.Errorf("at an app: %+v, %v", at.Session, err)
		}
	}
	b.clock.Advance(2 * time.Minute)
	for range 2 {
		own, err := b.store.Check(t.Context(), b.db, token)
		if now := b.clock.Now(); err != nil || !own.LastSeenAt.Equal(now) || !own.OwnSeenAt.Equal(now) || !own.ExpiresAt.Equal(now.Add(time.Hour)) || own.RestedAt != nil {
			t.Errorf("by its user: %+v, %v", own, err)
		}
	}
}

// Processes whose clocks differ note the same use: what one of them noted
// meanwhile is not taken back by the other.
func TestAUseThatWasNotedMeanwhileStays(t *testing.T) {
	t.Parallel()
	var meanwhile func()
	b := newBench(t, pgtest.Before(func(query string) error {
		if f := meanwhile; f != nil && strings.Contains(query, "UPDATE") {
			meanwhile = nil
			f()
		}
		return nil
	}))
	in, token := b.session(session.New{Front: session.Cookie, Idle: time.Hour, Lifetime: time.Hour})
	var secret string
	b.tx(func(ctx context.Context, tx *pg.Tx) (err error) {
		_, secret, err = b.store.MintTx(ctx, tx, b.user, session.NewToken{Scopes: session.Scopes(), ExpiresAt: tx.Now.Add(time.Hour)})
		return err
	})
	for name, c := range map[string]struct {
		use  func() error
		note string
	}{
		"by its user": {func() error { return second(b.store.Check(t.Context(), b.db, token)) }, `UPDATE sessions SET last_seen_at = $1, own_seen_at = $1`},
		"by an app":   {func() error { return second(b.store.CheckForward(t.Context(), b.db, b.store.ForwardToken(in))) }, `UPDATE sessions SET last_seen_at = $1`},
		"by a script": {func() error { return second(b.store.CheckToken(t.Context(), b.db, secret, "192.0.2.7")) }, `
			UPDATE access_tokens SET last_used_at = date_trunc('minute', $1::timestamptz), last_address = '198.51.100.1'`},
	} {
		b.clock.Advance(5 * time.Minute)
		var kept map[string]string
		meanwhile = func() {
			if _, err := b.db.Exec(c.note, b.clock.Now().Add(time.Second)); err != nil {
				t.Error(err)
			}
			kept = b.rows()
		}
		if err := c.use(); err != nil || meanwhile != nil {
			t.Errorf("%s: nothing was noted (%v)", name, err)
		}
		if now := b.rows(); !reflect.DeepEqual(now, kept) {
			t.Errorf("%s: taken back:\n%v\n%v", name, now, kept)
		}
	}
}
