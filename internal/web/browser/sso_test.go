package browser_test

import (
	"testing"
	"time"

	"latchkey/internal/config"
	"latchkey/internal/sso/ssotest"
)

// corp is a provider that we did not write, with a sign-in page of its own.
func ssoHouse(t *testing.T) *house {
	t.Helper()
	return newHouse(t, func(h *house, c *config.Config) {
		p := ssotest.NewReal(t, func() string { return h.base + "/sso/corp/callback" })
		c.SSO = []config.SSOProvider{{
			Slug: "corp", Name: "Corp", Issuer: p.Issuer, ClientID: ssotest.ClientID, SecondFactor: config.SSOAlways,
			ClientSecret: config.NewSecret(ssotest.ClientSecret), SignUp: true, Scopes: []string{"openid", "email", "profile"},
		}}
	})
}

// atCorp signs in at the provider, where something has led to, and comes back.
func (h *house) atCorp(b *tab) {
	h.t.Helper()
	until(h.t, "the provider's page", func() bool {
		there, err := ask[bool](b, `document.readyState === 'complete' && !!document.querySelector('#at-corp')`)
		return err == nil && there
	})
	b.fill("#at-corp", ssotest.Password)
	h.clock.Advance(time.Since(h.clock.Now())) // it lives by the real clock
	b.send("#sign-in-at-corp")
}

// In a browser, with its rules for forms, cookies and redirects: a first
// sign-in, a link from an account that there was, and a confirmation.
func TestSingleSignOn(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]tabOption{"with scripts": func(*tab) {}, "without": withoutScripts} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := ssoHouse(t)
			b := newTab(t, h.base, option)
			b.open("/sign-in")
			b.send(`a[data-sso=corp]`)
			h.atCorp(b)
			b.isAt("offer")

			b.open("/account/password")
			b.isAt("confirm")
			b.send(`a[data-sso=corp]`)
			h.atCorp(b)
			b.isAt("password")

			// Unlinked and linked again, now that there is a password.
			p := h.person()
			b.fill(field("password", "password"), p.password)
			b.send(submitOf("password"))
			b.isAt("profile")
			b.open("/account/security")
			b.send(`a[data-unlink=Corp]`)
			b.send(submitOf("sso-unlink"))
			b.isAt("security")
			b.send(`a[data-link=corp]`)
			b.isAt("sso_link")
			b.press(submitOf("sso-link")) // goes on by itself
			h.atCorp(b)
			b.isAt("security")
			if h.count(`SELECT count(*) FROM sso_identities`) != 1 {
				t.Error("not linked")
			}
			h.seen.wantHeaders(t)
		})
	}
}

func TestPagesOfSingleSignOnAreGood(t *testing.T) {
	t.Parallel()
	h := ssoHouse(t)
	b := newTab(t, h.base)
	for _, path := range []string{"/sign-in", "/sign-up", "/sso/corp/callback"} {
		b.open(path)
		b.wantGood()
	}
	b.open("/sign-in")
	b.send(`a[data-sso=corp]`)
	h.atCorp(b)
	b.open("/account/security")
	b.wantGood()
	b.open("/account/password")
	b.wantGood()
	b.send(`a[data-sso=corp]`)
	h.atCorp(b)
	b.open("/account/security")
	b.send(`a[data-unlink=Corp]`)
	b.wantGood()
	b.open("/account/security/sso/corp/link")
	b.wantGood()
}
