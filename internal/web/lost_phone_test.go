package web_test

import (
	"strings"
	"testing"

	"latchkey/internal/factor"
)

// Phone lost: a recovery key, another app in its place without another key,
// the old app's codes are refused, and new keys.
func TestALostPhone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b := h.person(factor.App), h.browser()
	lost := *p
	at := b.signIn(p.email, password).want("code", 200)
	at = b.get(at.attr(`[data-way="recovery_key"]`, "href"))
	at = b.submit(at, "code", M{"code": p.keys[0]}).want("recovered", 200)
	at.says("#keys-left", "9 recovery keys are left")
	begin := b.get(at.attr("[data-replace]", "href")).want("add_app_begin", 200)
	code := b.submit(begin, "begin-app", M{"name": "New phone"}).want("add_app", 200)

	// The old one works until the new one is proved.
	elsewhere := h.browser()
	step := elsewhere.signIn(p.email, password)
	elsewhere.submit(step, "code", M{"code": lost.appCode()}).want("security", 200)

	p.secret = strings.ReplaceAll(code.text("#secret"), " ", "")
	b.submit(code, "app-code", M{"code": p.appCode()}).want("security", 200).says("#methods", "New phone")
	elsewhere.get("/account/security").want("sign_in", 200)
	step = elsewhere.signIn(p.email, password)
	elsewhere.submit(step, "code", M{"code": lost.appCode()}).want("code", 422)
	elsewhere.submit(step, "code", M{"code": p.appCode()}).want("security", 200)

	ask := b.get("/account/recovery-keys/new").want("keys_new", 200)
	ask.says("#dying", "Your 9 unused keys")
	at = b.submit(ask, "new-keys", nil).want("keys", 200)
	if strings.Contains(at.text("#keys-text"), p.keys[1]) {
		t.Error("an old key is among the new ones")
	}
}

func TestAppsAreReset(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b, other := h.person(factor.App), h.browser(), h.browser()
	other.in(p)
	at := b.in(p)
	ask := b.sure(p, at.attr("#reset-app", "href")).want("reset_app", 200)
	ask.says("#ends", "Phone")
	ask.says("#ends", "Your 10 unused recovery keys")
	ask.says("#next", "It can't be skipped")
	b.submit(ask, "reset-app", nil).want("sign_in", 200).says("#notice", "signed out everywhere")
	other.get("/account/security").want("sign_in", 200)
	at = b.signIn(p.email, password).want("enrol", 200)
	if at.has("#skip") {
		t.Error("it can be skipped")
	}

	// Another method is left: that is asked first, and keeps the keys.
	both, b := h.person(factor.App, factor.Email), h.browser()
	b.in(both)
	ask = b.sure(both, "/account/security/app/reset")
	if strings.Contains(ask.text("#ends"), "recovery") {
		t.Error("the keys are said to end")
	}
	ask.says("#next", "your other method")
	b.submit(ask, "reset-app", nil).want("sign_in", 200)
	b.signIn(both.email, password).want("code", 200).attr(`input[name="method"]`, "value")

	// Without an app there is nothing to reset.
	none, b := h.person(), h.browser()
	b.in(none)
	b.sure(none, "/account/security/app/reset").want("security", 200).says("#notice", "already done")
}
