package web_test

import (
	"testing"

	"latchkey/internal/factor"
)

func TestAnAccountIsDeletedByItsUser(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b, other := h.person(factor.App), h.browser(), h.browser()
	other.in(p)
	b.in(p)
	at := b.get("/account/profile")
	if got := b.get(at.attr("#delete-account", "href")); got.name() != "confirm" {
		t.Fatalf("%s without a confirmation", got.name())
	}
	ask := b.sure(p, "/account/delete").want("leave", 200)
	b.submit(ask, "leave", nil).want("leave", 400).says("#email-error", "Type your email")
	b.submit(ask, "leave", M{"email": "someone@example.org"}).want("leave", 400).says("#email-error", "not the address of your account")
	b.get("/account/profile").want("profile", 200)
	b.submit(ask, "leave", M{"email": " " + p.email}).want("sign_in", 200).says("#notice", "Your account is deleted")
	other.get("/account/profile").want("sign_in", 200)
	b.signIn(p.email, password).want("sign_in", 401)
	if n := h.count(`SELECT count(*) FROM users WHERE id = $1`, p.id); n != 0 {
		t.Error("it is still there")
	}
}

func TestTheLastAdminIsToldToFindAnother(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b := h.person(), h.browser()
	h.exec(`UPDATE users SET role = 'admin' WHERE id = $1`, p.id)
	b.in(p)
	ask := b.sure(p, "/account/delete").want("leave", 200)
	b.submit(ask, "leave", M{"email": p.email}).want("leave", 409).says("#error-summary", "last active administrator")
	b.get("/account/profile").want("profile", 200)
}
