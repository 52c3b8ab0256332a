package api_test

import (
	"testing"
	"time"

	"latchkey/internal/account/accounttest"
	"latchkey/internal/api/apitest"
	"latchkey/internal/pg/pgtest"
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

// Whoever answers requests by mail rests when none is left, and is not held up
// by one whose account is gone by then.
func TestAnswersByMailComeToAnEnd(t *testing.T) {
	t.Parallel()
	f := pgtest.NewFailing()
	f.Held = asksHeld
	h := newHouse(t, pgtest.Before(f.Before))
	beside := &house{t: t, db: pgtest.Open(t, h.url)}
	gone, stays := h.person(withApp), h.person(withApp)
	h.quiet()
	f.From(0)
	for _, p := range []*person{gone, stays} {
		h.api.Post("/sign-ups", apitest.M{"email": p.email, "password": "lamp orbit cabbage quartz", "name": "Eve"}).Want(201)
	}
	beside.exec(`DELETE FROM users WHERE id = $1`, gone.id)
	f.Release(0)
	h.app.SignIn.Wake()
	for end := time.Now().Add(20 * time.Second); beside.count(`SELECT count(*) FROM address_requests`) > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a request is never answered")
		}
	}
	f.Stop()
	if h.mails("address_taken", gone.email) != 0 || h.mails("address_taken", stays.email) != 1 {
		t.Error("who is told otherwise")
	}
	began := time.Now()
	f.From(0)
	time.Sleep(200 * time.Millisecond)
	seen := f.Stop() // it looks once a second
	if most := 3 + int(time.Since(began)/time.Second); len(seen) > most {
		t.Errorf("%d statements though nothing is left", len(seen))
	}
}
