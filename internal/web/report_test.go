package web_test

import (
	"testing"
	"time"

	"latchkey/internal/factor"
)

// A scanner opens the link, a person presses the button; only then everyone is
// signed out. Nothing that protects the account is taken away.
func TestThisWasntMe(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, thief, owner := h.person(factor.Email), h.browser(), h.browser()
	thief.in(p)
	form := thief.sure(p, "/account/password")
	thief.submit(form, "password", M{"password": fresh}).want("profile", 200)

	path := "/not-me/" + h.link("password_changed", p.email)
	at := owner.get(path).want("report", 200)
	at.says("#does", "Everyone is signed out")
	thief.get("/account/profile").want("profile", 200)
	owner.submit(at, "report", nil).want("reported", 200).one("#ask-reset")
	thief.get("/account/profile").want("sign_in", 200)
	owner.submit(at, "report", nil).want("link_over", 422).says("main", "It was pressed before")
	owner.get(path).want("link_over", 422)
	if n := h.count(`SELECT count(*) FROM methods WHERE user_id = $1`, p.id); n != 1 {
		t.Errorf("%d methods are left", n)
	}

	// Whoever has the new password signs in, and changes nothing that is
	// guarded: their proof is no older than the change.
	code := thief.signIn(p.email, fresh).want("code", 200)
	thief.submit(code, "code", M{"code": h.mailed(p.email)}).want("security", 200)
	for _, old := range []string{"x", path[len("/not-me/"):]} {
		owner.get("/email-changes/undo/"+old).want("link_over", 422)
	}
	h.clock.Advance(8 * 24 * time.Hour)
	owner.get(path).want("link_over", 422)
}

func TestAChangedAddressIsUndone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b, other, owner := h.person(factor.App), h.browser(), h.browser(), h.browser()
	other.in(p)
	b.in(p)
	at := b.get("/account/profile")
	at = b.sure(p, at.attr("#change-email", "href")).want("email_change", 200)
	b.submit(at, "email-change", M{"email": p.email}).want("email_change", 400).says("#email-error", "already")
	b.submit(at, "email-change", M{"email": "nonsense"}).want("email_change", 400).says("#email-error", "not an email address")
	code := b.submit(at, "email-change", M{"email": "moved-" + p.email}).want("email_change", 200)
	code.says("#sent-to", "moved-"+p.email)
	b.submit(code, "send-code", nil).want("email_change", 200)
	b.submit(code, "email-change-code", M{"code": "000000"}).want("email_change", 422).says("#code-error", "not the code")
	right := h.mailed("moved-" + p.email)
	b.submit(code, "email-change-code", M{"code": right}).want("profile", 200).says("#email", "moved-"+p.email)
	b.submit(code, "email-change-code", M{"code": right}).want("profile", 200)
	other.get("/account/profile").want("sign_in", 200)

	path := "/email-changes/undo/" + h.link("email_changed", p.email)
	ask := owner.get(path).want("report", 200)
	ask.says("#change", "from "+p.email+" to moved-"+p.email)
	owner.get("/not-me/"+path[len("/email-changes/undo/"):]).want("link_over", 422)
	owner.submit(ask, "report", nil).want("reported", 200).says("h1", "Your address is back")
	b.get("/account/profile").want("sign_in", 200)
	owner.signIn("moved-"+p.email, password).want("sign_in", 401)
	owner.signIn(p.email, password).want("code", 200)
}

// The address may be another's by the time it is undone. Whoever changed it is
// signed out all the same.
func TestAnUndoThatComesTooLateStillSignsOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b, owner := h.person(factor.App), h.browser(), h.browser()
	b.in(p)
	at := b.sure(p, "/account/profile/email")
	at = b.submit(at, "email-change", M{"email": "moved-" + p.email})
	b.submit(at, "email-change-code", M{"code": h.mailed("moved-" + p.email)}).want("profile", 200)
	ask := owner.get("/email-changes/undo/" + h.link("email_changed", p.email))
	h.exec(`UPDATE users SET email = $1 WHERE id = $2`, p.email, h.person().id)
	late := owner.submit(ask, "report", nil).want("reported", 409)
	late.says("#error-summary", "belongs to another account")
	b.get("/account/profile").want("sign_in", 200)
}

// Whoever moved an account away can't keep it away by signing up with the old
// address: they never proved that one, and the link does.
func TestAnUndoTakesTheAddressFromWhoNeverProvedIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b, owner := h.person(factor.App), h.browser(), h.browser()
	b.in(p)
	at := b.sure(p, "/account/profile/email")
	at = b.submit(at, "email-change", M{"email": "moved-" + p.email})
	b.submit(at, "email-change-code", M{"code": h.mailed("moved-" + p.email)}).want("profile", 200)
	squatter := h.browser()
	squatter.submit(squatter.get("/sign-up"), "sign-up", M{"name": "Eve", "email": p.email, "password": fresh}).want("sign_in", 200)
	squatter.signIn(p.email, fresh).want("verify", 200)
	owner.submit(owner.get("/email-changes/undo/"+h.link("email_changed", p.email)), "report", nil).want("reported", 200)
	squatter.get("/account/profile").want("sign_in", 200)
	owner.signIn(p.email, fresh).want("sign_in", 401)
	owner.signIn(p.email, password).want("code", 200)
}
