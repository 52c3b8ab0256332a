package api_test

import (
	"context"
	"errors"
	"testing"

	"latchkey/internal/account"
	"latchkey/internal/account/accounttest"
	"latchkey/internal/api/apitest"
	"latchkey/internal/audit"
	"latchkey/internal/fault"
	"latchkey/internal/pg/pgtest"
	"latchkey/internal/session"
	"latchkey/internal/signin"
)

// What somebody else changes after a call has looked, and before it holds the
// account, counts: nobody gets in by what was so a moment ago.
func TestWhatChangedMeanwhileCounts(t *testing.T) {
	t.Parallel()
	var m pgtest.Meanwhile
	h := newHouse(t, pgtest.Before(m.Before))
	disabled := func(p *person) { h.exec(`UPDATE users SET status = 'disabled' WHERE id = $1`, p.id) }
	changed := func(p *person) {
		h.exec(`UPDATE users SET password_hash = $2 WHERE id = $1`, p.id, accounttest.Hash(h.app.SignIn.Passwords, "seven lazy herons wade"))
	}
	start := func(p *person) func() *apitest.Response {
		return h.calls("", "/sign-ins", apitest.M{"email": p.email, "password": password})
	}
	confirm := func(p *person) func() *apitest.Response {
		return h.calls(p.in(), "/me/confirmations", apitest.M{"password": password, "method": "app", "code": p.nextAppCode()})
	}
	for name, c := range map[string]struct {
		ready  func(*person) func() *apitest.Response
		change func(*person)
		status int
		code   string
		event  string // the newest
	}{
		"password at a sign-in":      {start, changed, 401, "wrong_credentials", "password_refused"},
		"disabled at a sign-in":      {start, disabled, 401, "wrong_credentials", "password_refused"},
		"password at a confirmation": {confirm, changed, 401, "wrong_credentials", "signed_in"},
		"disabled at a confirmation": {confirm, disabled, 401, "wrong_credentials", "signed_in"},
		"disabled at the second step": {func(p *person) func() *apitest.Response {
			return h.verifies(p.signIn(), codeBody("app", p.appCode()))
		}, disabled, 401, "unauthenticated", ""},
		"disabled at a reset": {func(p *person) func() *apitest.Response {
			return h.calls("", "/password-resets/confirm", apitest.M{"token": p.resetLink(), "password": "seven lazy herons wade"})
		}, disabled, 422, "code_expired", ""},
	} {
		p := h.person(withApp)
		call := c.ready(p)
		left := func() int {
			return h.count(`SELECT (SELECT count(*) FROM sessions WHERE user_id = $1) + (SELECT count(*) FROM sign_ins WHERE user_id = $1)
				+ (SELECT count(*) FROM mails WHERE user_id = $1) + (SELECT count(*) FROM sessions WHERE confirmed_until IS NOT NULL)
				+ (SELECT count(*) FROM users WHERE id = $1 AND password_reset_at IS NOT NULL)`, p.id)
		}
		before := left()
		m.On("FROM guards WHERE user_id", func() { c.change(p) })
		call().WantProblem(c.status, c.code)
		if left() != before {
			t.Errorf("%s: it left something", name)
		}
		newest := ""
		if n := h.count(`SELECT count(*) FROM events WHERE subject_id = $1`, p.id); n > 0 {
			if err := h.db.GetContext(t.Context(), &newest, `SELECT action FROM events WHERE subject_id = $1 ORDER BY id DESC LIMIT 1`, p.id); err != nil {
				t.Fatal(err)
			}
		}
		if newest != c.event {
			t.Errorf("%s: the newest event is %q, want %q", name, newest, c.event)
		}
	}
}

// From the account's lock on a caller who hangs up changes nothing: what was
// proved is proved.
func TestHangingUpAtTheLockChangesNothing(t *testing.T) {
	t.Parallel()
	var m pgtest.Meanwhile
	h := newHouse(t, pgtest.Before(m.Before))
	p, flow := h.person(withApp), h.app.SignIn
	token, by := p.signIn(), audit.Actor{Kind: audit.User, ID: p.id}
	in, err := flow.Sessions.Check(t.Context(), h.db, p.in())
	if err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func(context.Context) error{
		"password": func(ctx context.Context) error {
			_, err := flow.Start(ctx, audit.Actor{}, signin.Credentials{Email: p.email, Password: password})
			return err
		},
		"second step": func(ctx context.Context) error {
			_, err := flow.Verify(ctx, audit.Actor{}, token, "app", p.nextAppCode(), false)
			return err
		},
		"confirmation": func(ctx context.Context) error {
			_, err := flow.Confirm(ctx, by, in, signin.Proofs{Password: password, Method: "app", Code: p.nextAppCode()})
			return err
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		m.On("FROM guards", cancel)
		if err := call(ctx); err != nil || ctx.Err() == nil {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
	// An access token confirms nothing, whoever asks on its behalf.
	in.Front = session.AccessToken
	if _, err := flow.Confirm(t.Context(), by, in, signin.Proofs{Password: password, Method: "app", Code: p.nextAppCode()}); !errors.Is(err, fault.New(fault.Forbidden, fault.NotWithToken)) {
		t.Errorf("by a token: %v", err)
	}
}

// While too many passwords are hashed at once, what needs a hash is refused,
// and nothing of it is done.
func TestNothingIsDoneWithoutAHash(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	reset := h.calls("", "/password-resets/confirm", apitest.M{"token": p.resetLink(), "password": "lamp orbit cabbage quartz"})
	before := h.app.SignIn.Passwords
	h.app.SignIn.Passwords = &account.Passwords{} // no room for any
	reset().WantProblem(503, "unavailable")
	h.api.Post("/sign-ups", apitest.M{"email": "ann@example.org", "password": "lamp orbit cabbage quartz", "name": "Ann"}).WantProblem(503, "unavailable")
	if h.count(`SELECT count(*) FROM users`) != 1 || h.count(`SELECT count(*) FROM users WHERE password_hash IS NULL OR password_reset_at IS NOT NULL`) != 0 {
		t.Error("an account is made or changed")
	}
	h.app.SignIn.Passwords = before
	reset().Want(204)
}
