package web_test

import (
	"testing"
	"time"

	"latchkey/internal/factor"
)

// A second press of the button, the back button and a second tab: nothing is
// mailed or spent twice, and what comes is a page that helps.
func TestNothingHappensTwice(t *testing.T) {
	t.Parallel()
	t.Run("sign-up", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		b := h.browser()
		form := b.get("/sign-up")
		for range 3 {
			b.submit(form, "sign-up", M{"name": "Ann", "email": "ann@example.com", "password": "lamp orbit cabbage quartz"}).want("sign_in", 200)
		}
		if n := h.mails("ann@example.com"); n != 1 {
			t.Errorf("%d mails", n)
		}
	})
	t.Run("invitation", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		b, _ := h.desk()
		form := b.get("/admin/users/invite")
		for i := range 3 {
			at := b.submit(form, "invite", M{"email": "ann@example.com", "name": "Ann", "role": "user"}).want("admin_user", 200)
			at.says("main", "ann@example.com")
			if i > 0 {
				at.says("#notice", "already done")
			}
		}
		if n := h.mails("ann@example.com"); n != 1 {
			t.Errorf("%d mails", n)
		}
	})
	t.Run("password step", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		p, b := h.person(factor.Email), h.browser()
		form := b.get("/sign-in")
		for range 3 {
			b.submit(form, "sign-in", M{"email": p.email, "password": password}).want("code", 200)
		}
		b.get("/sign-in/code").want("code", 200)
		if n := h.mails(p.email); n != 1 {
			t.Errorf("%d mails", n)
		}
		if n := h.count(`SELECT count(*) FROM sign_ins WHERE user_id = $1`, p.id); n != 1 {
			t.Errorf("%d sign-ins", n)
		}
	})
	t.Run("password step whose answer was lost", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		p, lost, b := h.person(factor.Email), h.browser(), h.browser()
		form := b.get("/sign-in")
		fields := M{"email": p.email, "password": password}
		lost.submit(form, "sign-in", fields).want("code", 200) // its cookie reaches no one
		b.submit(form, "sign-in", M{"email": p.email, "password": "wrong"}).want("sign_in", 401)
		at := b.submit(form, "sign-in", fields).want("code", 200)
		if n := h.mails(p.email); n != 1 {
			t.Errorf("%d mails", n)
		}
		lost.get("/sign-in/code").want("sign_in", 200)
		b.submit(at, "code", M{"code": h.mailed(p.email)}).want("security", 200)
	})
	t.Run("a form that failed may be sent again", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		p, b := h.person(factor.Email), h.browser()
		form := b.get("/sign-in")
		b.submit(form, "sign-in", M{"email": p.email, "password": "wrong"}).want("sign_in", 401)
		b.submit(form, "sign-in", M{"email": p.email, "password": password}).want("code", 200)
	})
	t.Run("code", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		p, b := h.person(factor.Email), h.browser()
		at := b.signIn(p.email, password)
		code := h.mailed(p.email)
		for range 3 {
			b.submit(at, "code", M{"code": code}).want("security", 200)
		}
		b.get("/sign-in/code").want("security", 200)
		b.get("/sign-in").want("security", 200)
		if n := h.count(`SELECT count(*) FROM sessions WHERE user_id = $1`, p.id); n != 1 {
			t.Errorf("%d sessions", n)
		}
		if n := h.count(`SELECT cardinality(code_failures) FROM guards WHERE user_id = $1`, p.id); n != 0 {
			t.Errorf("%d charged", n)
		}
	})
	t.Run("verify", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		p, b := h.person(), h.browser()
		h.exec(`UPDATE users SET email_verified_at = NULL WHERE id = $1`, p.id)
		at := b.in(p).want("verify", 200)
		at = b.submit(at, "send-code", nil).want("verify", 200)
		b.submit(at, "send-code", nil).want("verify", 200)
		code := h.mailed(p.email)
		for range 2 {
			b.submit(at, "verify-email", M{"code": code}).want("offer", 200)
		}
		if n := h.mails(p.email); n != 1 {
			t.Errorf("%d mails", n)
		}
	})
	t.Run("enrolment", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		p, b := h.person(), h.browser()
		b.in(p)
		form := b.sure(p, "/account/security/email")
		at := b.submit(form, "begin-email", nil).want("add_email", 200)
		b.submit(form, "begin-email", nil).want("add_email", 200)
		code := h.mailed(p.email)
		for range 2 {
			b.submit(at, "email-code", M{"code": code}).want("keys", 200)
		}
		b.submit(form, "begin-email", nil).want("keys", 200)
		if n := h.mails(p.email); n != 2 { // the code, and that it is on
			t.Errorf("%d mails", n)
		}
	})
	t.Run("new keys", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		p, b := h.person(factor.App), h.browser()
		b.in(p)
		form := b.sure(p, "/account/recovery-keys/new").want("keys_new", 200)
		form.says("#dying", "Your 10 unused keys")
		fresh := b.submit(form, "new-keys", nil).want("keys", 200).text("#keys-text")
		again := b.submit(form, "new-keys", nil).want("keys", 200)
		again.says("#notice", "already done")
		if again.text("#keys-text") != fresh || h.mails(p.email) != 1 {
			t.Errorf("made twice; %d mails", h.mails(p.email))
		}
	})
	t.Run("turn off", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		p, b := h.person(factor.App), h.browser()
		b.in(p)
		at := b.get("/account/security")
		form := b.sure(p, at.attr(`[data-off="app"]`, "href")).want("turn_off", 200)
		form.says("main", "Two-factor: signing in asks for no code")
		form.says("main", "Your 10 unused recovery keys")
		b.submit(form, "turn-off", nil).want("security", 200).says("#notice", "It is off")
		b.submit(form, "turn-off", nil).want("security", 200).says("#notice", "already done")
		if n := h.mails(p.email); n != 1 {
			t.Errorf("%d mails", n)
		}
	})
	t.Run("password", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		p, b := h.person(), h.browser()
		b.in(p)
		form := b.sure(p, "/account/password")
		b.submit(form, "password", M{"password": "short"}).want("password", 400).says("#password-error", "at least")
		form = b.get("/account/password")
		for range 2 {
			b.submit(form, "password", M{"password": "lamp orbit cabbage quartz"}).want("profile", 200)
		}
		if n := h.mails(p.email); n != 1 {
			t.Errorf("%d mails", n)
		}
	})
}

// Two tabs: a sign-in that was finished in one is finished in the other.
func TestATabThatWasLeftBehind(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b := h.person(factor.App), h.browser()
	tab := b.signIn(p.email, password).want("code", 200)
	b.submit(tab, "code", M{"code": p.appCode()}).want("security", 200)
	b.submit(tab, "code", M{"code": "000000"}).want("security", 200)

	h.clock.Advance(31 * 24 * time.Hour)
	b.get("/account/sessions").want("sign_in", 200).says("#notice", "Your session has ended")
	at := b.submit(b.get("/sign-in?return_to=/account/sessions"), "sign-in", M{"email": p.email, "password": password})
	b.submit(at, "code", M{"code": p.appCode()}).want("sessions", 200)
}
