package web_test

import (
	"net/http"
	"testing"
	"time"

	"latchkey/internal/config"
	"latchkey/internal/sso/ssotest"
)

// The whole way through a provider that we did not write: first sign-in, a
// second after it changed its key, and a confirmation.
func TestSSOThroughARealProvider(t *testing.T) {
	t.Parallel()
	var h *house
	p := ssotest.NewReal(t, func() string { return h.base + "/sso/corp/callback" })
	p.AMR = []string{"pwd", "mfa"}
	h = newHouse(t, func(c *config.Config) {
		c.SSO = []config.SSOProvider{{
			Slug: "corp", Name: "Corp", Issuer: p.Issuer, ClientID: ssotest.ClientID,
			ClientSecret: config.NewSecret(ssotest.ClientSecret), SecondFactor: config.SSOAcceptProof, ProofAMR: []string{"mfa"},
			SignUp: true, Scopes: []string{"openid", "email", "profile"},
		}}
	})
	through := func(b *browser, link string) *page {
		t.Helper()
		h.clock.Advance(time.Since(h.clock.Now())) // it lives by the real clock
		at := b.peek(link)
		if at.Status != http.StatusFound {
			t.Fatalf("%d\n%s", at.Status, at.Body)
		}
		at = b.follow(b.peek(p.SignIn(t, at.Header.Get("Location"))))
		if t.Failed() || at.name() == "sso_failed" {
			t.Log(h.log)
		}
		return at
	}
	b := h.browser()
	through(b, "/sign-in/sso/corp").want("offer", http.StatusOK)
	if n := h.count(`SELECT count(*) FROM users u JOIN sessions s ON s.user_id = u.id
		WHERE u.email = 'person@corp.example' AND u.name = 'Grace Hopper' AND s.assurance = 'two_factor' AND s.method = 'sso'`); n != 1 {
		t.Error("no such session")
	}
	p.Rotate(t)
	again := h.browser()
	through(again, "/sign-in/sso/corp").want("offer", http.StatusOK)
	if n := h.count(`SELECT count(*) FROM users`); n != 1 {
		t.Errorf("%d accounts", n)
	}
	again.get("/account/password").want("confirm", http.StatusOK)
	through(again, "/account/confirm/sso/corp?return_to=/account/password").want("password", http.StatusOK)
}
