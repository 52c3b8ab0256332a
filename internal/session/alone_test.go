package session_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/pg"
	"latchkey/internal/session"
)

// owned is two of each that a user may have.
type owned struct {
	user                           uuid.UUID
	sessions                       [2]session.Session
	signIns                        [2]session.SignIn
	devices, tokens                [2]uuid.UUID
	session, signIn, device, token string    // the bearers of the first ones
	over                           uuid.UUID // a sign-in that was ended before
}

func (b *bench) owner(email string) (o owned) {
	o.user = person(b.t, b.db, email)
	for i := range 2 {
		var s, in, d, tk string
		o.sessions[i], s = b.session(session.New{User: o.user, Front: session.Cookie, Idle: 10 * time.Hour, Lifetime: 10 * time.Hour})
		o.signIns[i], in = b.signIn(o.user)
		d, o.devices[i] = b.trust(o.user, 10*time.Hour)
		b.tx(func(ctx context.Context, tx *pg.Tx) error {
			made, secret, err := b.store.MintTx(ctx, tx, o.user, session.NewToken{Scopes: session.Scopes(), ExpiresAt: tx.Now.Add(10 * time.Hour)})
			o.tokens[i], tk = made.ID, secret
			return err
		})
		if i == 0 {
			o.session, o.signIn, o.device, o.token = s, in, d, tk
		}
	}
	over, _ := b.signIn(o.user)
	o.over = over.ID
	b.tx(func(ctx context.Context, tx *pg.Tx) error { return session.EndSignInTx(ctx, tx, over.ID) })
	return o
}

// rows is all that the store keeps, by id.
func (b *bench) rows() map[string]string {
	b.t.Helper()
	var all []struct {
		ID  string `db:"id"`
		Row string `db:"row"`
	}
	err := b.db.Select(&all, `
		SELECT id, to_jsonb(t)::text AS row FROM sessions t UNION ALL
		SELECT id, to_jsonb(t)::text FROM sign_ins t UNION ALL
		SELECT id, to_jsonb(t)::text FROM trusted_devices t UNION ALL
		SELECT id, to_jsonb(t)::text FROM access_tokens t`)
	if err != nil {
		b.t.Fatal(err)
	}
	out := map[string]string{}
	for _, r := range all {
		out[r.ID] = r.Row
	}
	return out
}

// Whatever is done to one session, sign-in, device or token changes that one:
// the others of its user and those of everybody else stay as they were.
func TestOneIsChangedAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	store, ctx := b.store, t.Context()
	found := func(ok bool, err error) error {
		if err == nil && !ok {
			err = fmt.Errorf("not found")
		}
		return err
	}
	strangers := func(ok bool, err error) error {
		if err == nil && ok {
			err = fmt.Errorf("a stranger's is found")
		}
		return err
	}
	is := func(got, want uuid.UUID, err error) error {
		if err == nil && got != want {
			err = fmt.Errorf("it is %s, want %s", got, want)
		}
		return err
	}
	stranger := b.owner("eve@example.org")
	for name, c := range map[string]struct {
		do      func(*pg.Tx, owned) error
		changes func(owned) []uuid.UUID
	}{
		"hold a session": {func(tx *pg.Tx, o owned) error {
			got, err := store.HoldTx(ctx, tx, o.sessions[0].ID)
			return is(got.ID, o.sessions[0].ID, err)
		}, nil},
		"hold an access token": {func(tx *pg.Tx, o owned) error {
			got, err := store.HoldTx(ctx, tx, o.tokens[0])
			return is(got.ID, o.tokens[0], err)
		}, nil},
		"confirm": {func(tx *pg.Tx, o owned) error {
			return second(store.ConfirmTx(ctx, tx, o.sessions[0], session.Confirmation{Until: tx.Now.Add(time.Hour), Assurance: session.Password}))
		}, firstSession},
		"proved to a provider": {func(tx *pg.Tx, o owned) error { return store.ProvedAgainTx(ctx, tx, o.sessions[0].ID) }, firstSession},
		"raise": {func(tx *pg.Tx, o owned) error {
			return store.RaiseTx(ctx, tx, o.sessions[0], "app", session.TwoFactor)
		}, firstSession},
		"list sessions": {func(tx *pg.Tx, o owned) error {
			list, err := store.List(ctx, tx, o.user, tx.Now)
			if err != nil || len(list) != 2 {
				return fmt.Errorf("%d sessions: %w", len(list), err)
			}
			return is(list[1].ID, o.sessions[0].ID, is(list[0].ID, o.sessions[1].ID, nil))
		}, nil},
		"list trust": {func(tx *pg.Tx, o owned) error {
			list, err := store.Devices(ctx, tx, o.user, tx.Now)
			if err != nil || len(list) != 2 {
				return fmt.Errorf("%d devices: %w", len(list), err)
			}
			return is(list[1].ID, o.devices[0], is(list[0].ID, o.devices[1], nil))
		}, nil},
		"list tokens": {func(tx *pg.Tx, o owned) error {
			list, err := store.Tokens(ctx, tx, o.user)
			if err != nil || len(list) != 2 {
				return fmt.Errorf("%d tokens: %w", len(list), err)
			}
			return is(list[1].ID, o.tokens[0], is(list[0].ID, o.tokens[1], nil))
		}, nil},
		"end a session": {func(tx *pg.Tx, o owned) error { return found(store.EndTx(ctx, tx, o.user, o.sessions[0].ID)) }, firstSession},
		"end a stranger's": {func(tx *pg.Tx, o owned) error {
			return strangers(store.EndTx(ctx, tx, o.user, stranger.sessions[0].ID))
		}, nil},
		"end all sessions but one": {func(tx *pg.Tx, o owned) error {
			n, err := store.EndAllTx(ctx, tx, o.user, o.sessions[1].ID)
			return found(n == 1, err)
		}, firstSession},
		"end the rest": {func(tx *pg.Tx, o owned) error {
			return store.EndRestTx(ctx, tx, o.user, session.Keep{Session: o.sessions[0].ID, SignIn: o.signIns[0].ID})
		}, func(o owned) []uuid.UUID {
			return []uuid.UUID{o.sessions[1].ID, o.signIns[1].ID, o.devices[0], o.devices[1]}
		}},

		"hold a sign-in": {func(tx *pg.Tx, o owned) error {
			got, err := store.HoldSignInTx(ctx, tx, o.signIns[0].ID)
			return is(got.ID, o.signIns[0].ID, err)
		}, nil},
		"find a sign-in": {func(tx *pg.Tx, o owned) error {
			got, err := store.FindSignIn(ctx, tx, o.signIn, tx.Now)
			return is(got.ID, o.signIns[0].ID, err)
		}, nil},
		"a wrong code":  {func(tx *pg.Tx, o owned) error { return second(session.FailSignInTx(ctx, tx, o.signIns[0].ID)) }, firstSignIn},
		"a held code":   {func(tx *pg.Tx, o owned) error { return session.HeldTx(ctx, tx, o.signIns[0].ID) }, firstSignIn},
		"end a sign-in": {func(tx *pg.Tx, o owned) error { return session.EndSignInTx(ctx, tx, o.signIns[0].ID) }, firstSignIn},
		"end it again":  {func(tx *pg.Tx, o owned) error { return session.EndSignInTx(ctx, tx, o.over) }, nil},
		"on to enrolment": {func(tx *pg.Tx, o owned) error {
			o.signIns[0].Step = session.Enrolment
			return session.MoveTx(ctx, tx, o.signIns[0])
		}, firstSignIn},
		"a fresh token": {func(tx *pg.Tx, o owned) error {
			_, _, ok, err := store.RetokenTx(ctx, tx, o.user, o.signIns[0].ID)
			return found(ok, err)
		}, firstSignIn},

		"use trust": {func(tx *pg.Tx, o owned) error {
			got, err := store.TrustedTx(ctx, tx, o.user, o.device, time.Time{})
			return is(got, o.devices[0], err)
		}, firstDevice},
		"end trust": {func(tx *pg.Tx, o owned) error { return found(store.DistrustTx(ctx, tx, o.user, o.devices[0])) }, firstDevice},
		"end a stranger's trust": {func(tx *pg.Tx, o owned) error {
			return strangers(store.DistrustTx(ctx, tx, o.user, stranger.devices[0]))
		}, nil},
		"end all trust": {func(tx *pg.Tx, o owned) error { return store.DistrustAllTx(ctx, tx, o.user) }, func(o owned) []uuid.UUID { return o.devices[:] }},

		"revoke a token":      {func(tx *pg.Tx, o owned) error { return found(store.RevokeTx(ctx, tx, o.user, o.tokens[0])) }, firstToken},
		"revoke a stranger's": {func(tx *pg.Tx, o owned) error { return strangers(store.RevokeTx(ctx, tx, o.user, stranger.tokens[0])) }, nil},
		"end all tokens":      {func(tx *pg.Tx, o owned) error { return store.EndTokensTx(ctx, tx, o.user) }, func(o owned) []uuid.UUID { return o.tokens[:] }},

		// These are no part of a transaction.
		"use a session": {func(_ *pg.Tx, o owned) error {
			got, err := store.Check(ctx, b.db, o.session)
			return is(got.ID, o.sessions[0].ID, err)
		}, firstSession},
		"use a session at an app": {func(_ *pg.Tx, o owned) error {
			got, err := store.CheckForward(ctx, b.db, store.ForwardToken(o.sessions[0]))
			return is(got.Session.ID, o.sessions[0].ID, err)
		}, firstSession},
		"use an access token": {func(_ *pg.Tx, o owned) error {
			got, err := store.CheckToken(ctx, b.db, o.token, "192.0.2.7")
			return is(got.ID, o.tokens[0], err)
		}, firstToken},
	} {
		o := b.owner(strings.ReplaceAll(name, " ", "-") + "@example.org")
		b.clock.Advance(time.Minute) // a use is noted, and another end would be later
		before := b.rows()
		if err := b.db.InTx(ctx, func(tx *pg.Tx) error { return c.do(tx, o) }); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		after := b.rows()
		var changed, want []string
		for id, row := range before {
			if after[id] != row {
				changed = append(changed, id)
			}
		}
		if c.changes != nil {
			for _, id := range c.changes(o) {
				want = append(want, id.String())
			}
		}
		slices.Sort(changed)
		slices.Sort(want)
		if !slices.Equal(changed, want) {
			t.Errorf("%s: %d rows changed, want %d:\n%v\n%v", name, len(changed), len(want), changed, want)
		}
	}
}

func firstSession(o owned) []uuid.UUID { return []uuid.UUID{o.sessions[0].ID} }
func firstSignIn(o owned) []uuid.UUID  { return []uuid.UUID{o.signIns[0].ID} }
func firstDevice(o owned) []uuid.UUID  { return o.devices[:1] }
func firstToken(o owned) []uuid.UUID   { return o.tokens[:1] }

// An end of everybody's sessions spares the one that asked for it, and nothing
// but sessions ends.
func TestEverybodysSessionsEndButOne(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	me, other := b.owner("eve@example.org"), b.owner("bob@example.org")
	want := b.rows()
	b.tx(func(ctx context.Context, tx *pg.Tx) error {
		n, err := b.store.EndEveryoneTx(ctx, tx, me.sessions[0].ID)
		if n != 3 {
			t.Errorf("%d ended, want 3", n)
		}
		return err
	})
	for _, gone := range []session.Session{me.sessions[1], other.sessions[0], other.sessions[1]} {
		delete(want, gone.ID.String())
	}
	if got := b.rows(); !maps.Equal(got, want) {
		t.Errorf("%d rows are left, want %d", len(got), len(want))
	}
}

// Beyond ten a user's oldest trust ends; a stranger's, older still, does not.
func TestTheOldestTrustEndsOfItsUserAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	stranger := person(t, b.db, "eve@example.org")
	b.trust(stranger, time.Hour)
	for range 11 {
		b.clock.Advance(time.Second)
		b.trust(b.user, time.Hour)
	}
	for user, want := range map[uuid.UUID]int{b.user: 10, stranger: 1} {
		if list, err := b.store.Devices(t.Context(), b.db, user, b.db.Now()); err != nil || len(list) != want {
			t.Errorf("%d are trusted, want %d (%v)", len(list), want, err)
		}
	}
}
