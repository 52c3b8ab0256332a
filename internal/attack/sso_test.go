package attack_test

import (
	"net/http"
	"strings"
	"time"

	"latchkey/internal/factor"
	"latchkey/internal/sso/ssotest"
)

// through starts a server that lets people in through a provider, which says of
// its one person what a test has it say.
func (t *scene) through() (base string, p *ssotest.Provider) {
	t.Helper()
	p = ssotest.New(t.T, time.Now)
	return t.serve(t.T, "OIDC_PROVIDERS=acme", "OIDC_ACME_ISSUER="+p.Issuer, "OIDC_ACME_CLIENT_ID="+ssotest.ClientID,
		"OIDC_ACME_CLIENT_SECRET="+ssotest.ClientSecret, "OIDC_ACME_SIGN_UP=yes"), p
}

// bySSO goes to the provider and back.
func (b *browser) bySSO(p *ssotest.Provider) page {
	b.t.Helper()
	res := b.get("/sign-in/sso/acme")
	if res.Status != http.StatusFound {
		b.t.Fatalf("not sent to the provider: %d\n%s", res.Status, res.Body)
	}
	return b.get(strings.TrimPrefix(p.SignIn(res.To()), site))
}

func (t *scene) browserAt(base string) *browser {
	b := t.browser()
	b.http.Transport = proxied(strings.TrimPrefix(base, "http://"))
	return b
}

// unverifiedSSO: a provider whose person says to have Ada's address, verified
// or not, is no way into Ada's account, nor the second time.
func unverifiedSSO(t *scene) {
	base, provider := t.through()
	ada := t.person()
	for _, verified := range []any{false, nil, "true", true} {
		provider.Claims = map[string]any{"email": ada.email, "email_verified": verified}
		for range 2 {
			b := t.browserAt(base)
			if b.bySSO(provider); b.in() || b.cookie("sign-in") != "" {
				t.Errorf("email_verified %v: signed in", verified)
			}
		}
	}
	// An address of nobody's opens an account only when it is verified.
	provider.Claims = map[string]any{"email": "nobody-" + ada.email, "email_verified": false}
	if b := t.browserAt(base); b.bySSO(provider).Status < 400 || b.in() {
		t.Error("an unverified address made an account")
	}
	if n := t.count(`SELECT count(*) FROM sso_identities WHERE issuer = $1`, provider.Issuer); n != 0 {
		t.Errorf("%d identities are linked", n)
	}
	provider.Claims = map[string]any{"email": "new-" + ada.email, "email_verified": true}
	b := t.browserAt(base)
	if b.bySSO(provider); !b.in() {
		t.Error("a good one is refused too: nothing is shown by the rest")
	}
}

// disabledBySSO: whoever is disabled stays so, whatever the provider says.
func disabledBySSO(t *scene) {
	base, provider := t.through()
	ada := t.person()
	t.exec(`INSERT INTO sso_identities (id, user_id, issuer, subject, email, linked_at)
		VALUES (gen_random_uuid(), $1, $2, 'person-1', 'person@acme.example', now())`, ada.id, provider.Issuer)
	b := t.browserAt(base)
	if b.bySSO(provider); !b.in() {
		t.Fatal("the identity is not linked")
	}
	t.personAs("admin", factor.App).confirmed().Patch("/admin/users/"+ada.id.String(), M{"disabled": true}).Want(http.StatusOK)
	if b.in() {
		t.Error("the session goes on")
	}
	again := t.browserAt(base)
	if again.bySSO(provider); again.in() || again.cookie("sign-in") != "" {
		t.Error("signed in")
	}
	if n := t.count(`SELECT count(*) FROM users WHERE id = $1 AND status = 'disabled'`, ada.id); n != 1 {
		t.Error("revived")
	}
}
