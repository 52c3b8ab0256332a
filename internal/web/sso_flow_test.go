package web_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"latchkey/internal/audit"
	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/pg/pgtest"
	"latchkey/internal/session"
	"latchkey/internal/signin"
	"latchkey/internal/sso"
	"latchkey/internal/sso/ssotest"
)

// trip goes to the provider and back, up to where the flow takes over.
func (h *house) trip(p *ssotest.Provider, t sso.Trip) (sso.Trip, url.Values) {
	h.t.Helper()
	t.Provider = "acme"
	to, cookie, err := h.app.SignIn.SSO.Begin(h.t.Context(), t, h.clock.Now())
	if err != nil {
		h.t.Fatal(err)
	}
	back, err := url.Parse(p.SignIn(to))
	if err != nil {
		h.t.Fatal(err)
	}
	t, err = h.app.SignIn.SSO.Open(cookie, "acme", back.Query(), h.clock.Now())
	if err != nil {
		h.t.Fatal(err)
	}
	return t, back.Query()
}

// sessionOf signs a person in through the provider and gives the session.
func (h *house) sessionOf(p *ssotest.Provider, who *person) session.Session {
	h.t.Helper()
	b := h.browser()
	b.inBySSO(p, who)
	in, err := h.app.SignIn.Sessions.Check(h.t.Context(), h.db, b.held("session"))
	if err != nil {
		h.t.Fatal(err)
	}
	return in
}

// A round trip ends as what it was begun for, in the session that began it, and
// the flows see to that themselves: the provider is not even asked.
func TestARoundTripEndsAsWhatItWasBegunFor(t *testing.T) {
	t.Parallel()
	h, p := ssoHouse(t)
	who := h.ssoPerson(p)
	in := h.sessionOf(p, who)
	asked := p.Asked("/token")
	before := h.traces(who.email)
	for _, c := range []sso.Trip{
		{Purpose: sso.Link, Session: in.ID}, {Purpose: sso.Confirm, Session: in.ID}, // end as a sign-in
		{Purpose: sso.SignIn}, {Purpose: sso.Link, Session: in.ID}, {Purpose: sso.Confirm, Session: uuid.New()}, // as a confirmation
	} {
		trip, query := h.trip(p, c)
		var err error
		if trip.Purpose != sso.SignIn && trip.Session == in.ID {
			_, err = h.app.SignIn.StartSSO(t.Context(), audit.Actor{}, trip, query, "")
			if !errors.Is(err, fault.New(fault.Conflict, fault.StateConflict)) {
				t.Errorf("%s ends as a sign-in: %v", c.Purpose, err)
			}
		}
		if trip.Purpose != sso.Confirm || trip.Session != in.ID {
			_, err = h.app.SignIn.ConfirmSSO(t.Context(), audit.Actor{}, in, trip, query)
			if !errors.Is(err, fault.New(fault.Conflict, fault.StateConflict)) {
				t.Errorf("%s ends as a confirmation: %v", c.Purpose, err)
			}
		}
	}
	if p.Asked("/token") != asked || h.traces(who.email) != before {
		t.Error("it had consequences")
	}
}

// What somebody else changes between the return and the account's lock counts.
func TestWhatChangedMeanwhileCountsForSSO(t *testing.T) {
	t.Parallel()
	var m pgtest.Meanwhile
	h, p := ssoHouseBefore(t, m.Before)
	start := func() error {
		trip, query := h.trip(p, sso.Trip{Purpose: sso.SignIn})
		_, err := h.app.SignIn.StartSSO(t.Context(), audit.Actor{}, trip, query, "")
		return err
	}
	email := knows(p)
	who := h.ssoPerson(p)
	m.On("FROM guards", func() { h.exec(`DELETE FROM sso_identities WHERE user_id = $1`, who.id) })
	if err := start(); !errors.Is(err, fault.New(fault.Unauthenticated, fault.NotSignedIn)) {
		t.Errorf("unlinked: %v", err)
	}
	m.On("INSERT INTO sso_identities", func() { who.link(p) }) // for an account that it makes
	if err := start(); !errors.Is(err, fault.New(fault.Conflict, fault.StateConflict)) {
		t.Errorf("linked to another account: %v", err)
	}
	m.On("FROM guards", func() { h.exec(`UPDATE users SET status = 'disabled' WHERE id = $1`, who.id) })
	if err := start(); !errors.Is(err, fault.New(fault.Forbidden, fault.NotAllowed)) {
		t.Errorf("disabled: %v", err)
	}
	if h.count(`SELECT count(*) FROM sessions`) != 0 || h.count(`SELECT count(*) FROM users`) != 1 || h.mails(email) != 0 {
		t.Error("somebody is signed in, made, or told")
	}
}

// From the account's lock on a caller who hangs up changes nothing: what was
// proved is kept, and a guess is charged.
func TestHangingUpOnSSOChangesNothing(t *testing.T) {
	t.Parallel()
	var m pgtest.Meanwhile
	h, p := ssoHouseBefore(t, m.Before)
	who := h.ssoPerson(p, factor.App)
	in := h.sessionOf(p, who)
	for name, call := range map[string]func(context.Context) error{
		"sign-in": func(ctx context.Context) error {
			trip, query := h.trip(p, sso.Trip{Purpose: sso.SignIn})
			_, err := h.app.SignIn.StartSSO(ctx, audit.Actor{}, trip, query, "")
			return err
		},
		"first half of a confirmation": func(ctx context.Context) error {
			trip, query := h.trip(p, sso.Trip{Purpose: sso.Confirm, Session: in.ID})
			_, err := h.app.SignIn.ConfirmSSO(ctx, audit.Actor{}, in, trip, query)
			return err
		},
		"second half": func(ctx context.Context) error {
			h.exec(`UPDATE sessions SET sso_at = $1`, h.clock.Now())
			_, err := h.app.SignIn.Confirm(ctx, audit.Actor{Kind: audit.User, ID: who.id}, in, signin.Proofs{Method: "app", Code: who.appCode()})
			return err
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		m.On("FROM guards", cancel)
		if err := call(ctx); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if ctx.Err() == nil {
			t.Errorf("%s: nobody hung up", name)
		}
		cancel()
	}
}

// After the provider confirmed by half, a form without a code is told what is
// missing, and costs no try.
func TestACodeIsDueAfterTheProvider(t *testing.T) {
	t.Parallel()
	h, p := ssoHouse(t)
	who, b := h.ssoPerson(p, factor.App), h.browser()
	b.inBySSO(p, who)
	b.peek(b.toProvider(p, "/account/confirm/sso/acme"))
	for _, form := range []url.Values{{"method": {"app"}}, {"method": {"app"}, "code": {" "}}} {
		b.post("/account/confirm", form).want("confirm", 400)
	}
	if h.count(`SELECT cardinality(code_failures) FROM guards WHERE user_id = $1`, who.id)+h.count(`SELECT coalesce(sum(cardinality(code_failures)), 0) FROM known_browsers`) != 0 {
		t.Error("a try is charged")
	}
}

// An address that the provider writes in capitals is written here as all are,
// in the account and beside the identity.
func TestAnAddressOfAProviderIsWrittenOneWay(t *testing.T) {
	t.Parallel()
	h, p := ssoHouse(t)
	p.Claims["email"] = "Person@ACME.example"
	b := h.browser()
	b.follow(b.sso(p)).want("offer", 200)
	if h.count(`SELECT count(*) FROM users u JOIN sso_identities i ON i.user_id = u.id AND i.email = u.email WHERE u.email = 'person@acme.example'`) != 1 {
		t.Error("it is written otherwise")
	}
}

// An account is called what the provider calls the person, and where that is
// no name, like the front of the address.
func TestWhatAnAccountOfAProviderIsCalled(t *testing.T) {
	t.Parallel()
	h, p := ssoHouse(t)
	for said, want := range map[string]string{"Grace": "Grace", "": "front", " ": "front", strings.Repeat("a", 300): "front", "a\u202eb": "front"} {
		id := uuid.NewString()[:8]
		p.Claims["sub"], p.Claims["email"], p.Claims["name"] = id, "front@"+id+".example", said
		b := h.browser()
		b.follow(b.sso(p)).want("offer", 200)
		if h.count(`SELECT count(*) FROM users WHERE email = $1 AND name = $2`, p.Claims["email"], want) != 1 {
			t.Errorf("%.20q: not called %s", said, want)
		}
	}
}
