package web_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"latchkey/internal/config"
	"latchkey/internal/factor"
	"latchkey/internal/policy"
	"latchkey/internal/session"
	"latchkey/internal/sso/ssotest"
)

// ssoHouse is the service with one provider, acme, which reads the same clock.
func ssoHouse(t *testing.T, set ...func(*config.SSOProvider)) (*house, *ssotest.Provider) {
	t.Helper()
	return ssoHouseBefore(t, nil, set...)
}

// ssoHouseBefore is one where before is asked before each statement.
func ssoHouseBefore(t *testing.T, before func(query string) error, set ...func(*config.SSOProvider)) (*house, *ssotest.Provider) {
	t.Helper()
	var h *house
	p := ssotest.New(t, func() time.Time { return h.clock.Now() })
	one := config.SSOProvider{
		Slug: "acme", Name: "Acme", Issuer: p.Issuer, ClientID: ssotest.ClientID,
		ClientSecret: config.NewSecret(ssotest.ClientSecret), SecondFactor: config.SSOAlways,
		SignUp: true, Scopes: []string{"openid", "email", "profile"},
	}
	for _, s := range set {
		s(&one)
	}
	h = houseBefore(t, before, func(c *config.Config) { c.SSO, c.IPLimits = append(c.SSO, one), true })
	return h, p
}

// sso signs a browser in through acme, and stays at the answer to the callback.
func (b *browser) sso(p *ssotest.Provider) *page {
	b.t.Helper()
	return b.peek(b.toProvider(p, "/sign-in/sso/acme"))
}

// toProvider follows a link to the provider, and gives where that leads back to.
func (b *browser) toProvider(p *ssotest.Provider, link string) string {
	b.t.Helper()
	at := b.peek(link)
	if at.Status != http.StatusFound {
		b.t.Fatalf("%s: %d\n%s", link, at.Status, at.Body)
	}
	return p.SignIn(at.Header.Get("Location"))
}

// set puts a cookie into the browser.
func (b *browser) set(what, value string) {
	b.t.Helper()
	at, err := url.Parse(b.base)
	if err != nil {
		b.t.Fatal(err)
	}
	b.jar.SetCookies(at, []*http.Cookie{{Name: "latchkey-" + what + "-" + at.Port(), Value: value, Path: "/"}})
}

// link has a person's identity at acme be the one that acme tells of, as
// linking leaves it.
func (p *person) link(of *ssotest.Provider) {
	p.h.t.Helper()
	subject, ok := of.Claims["sub"]
	if !ok {
		subject = "person-1"
	}
	p.h.exec(`INSERT INTO sso_identities (id, user_id, issuer, subject, email, linked_at)
		VALUES (gen_random_uuid(), $1, $2, $3, 'person@acme.example', $4)`, p.id, of.Issuer, subject, p.h.clock.Now())
}

func TestSSOMakesAnAccountAndKnowsItAgain(t *testing.T) {
	t.Parallel()
	h, p := ssoHouse(t)
	b := h.browser()
	b.get("/sign-in").one(`a[data-sso="acme"]`)
	b.follow(b.sso(p)).want("offer", http.StatusOK)
	if n := h.count(`SELECT count(*) FROM users WHERE email = 'person@acme.example' AND email_verified_at IS NOT NULL
		AND password_hash IS NULL AND name = 'Ada Lovelace' AND role = 'user'`); n != 1 {
		t.Error("there is no such account")
	}
	if n := h.count(`SELECT count(*) FROM sessions WHERE first_step = 'sso' AND assurance = 'password'`); n != 1 {
		t.Error("the session does not say how it began")
	}
	if n := h.count(`SELECT count(*) FROM mails WHERE kind = 'sso_linked' AND recipient = 'person@acme.example'`); n != 1 {
		t.Error("the address is not told")
	}
	// The address may change hands at the provider: the subject alone says who it is.
	p.Claims["email"], p.Claims["email_verified"] = "other@acme.example", false
	again := h.browser()
	again.follow(again.sso(p)).want("offer", http.StatusOK)
	if n := h.count(`SELECT count(*) FROM users WHERE email LIKE '%acme.example'`); n != 1 {
		t.Errorf("%d accounts", n)
	}
	b.get("/account/security").one(`#identities li`)
}

// Each of these ends on a page that says so, with no session and no account.
func TestSSORefuses(t *testing.T) {
	t.Parallel()
	h, p := ssoHouse(t)
	owner, invited := h.person(), h.person()
	h.exec(`UPDATE users SET status = 'invited', password_hash = NULL WHERE id = $1`, invited.id)
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	claim := func(name string, value any) func() { return func() { p.Claims[name] = value } }
	sign := func(f func(claims []byte) string) func() { return func() { p.Sign = f } }
	bring := func(f func(url.Values)) func() { return func() { p.Answer = f } }
	const refused, taken = "is no valid sign-in", "has an account here already"
	for name, c := range map[string]struct {
		spoil  func()
		says   string
		status int
	}{
		"wrong issuer":      {claim("iss", "https://evil.example"), refused, 403},
		"wrong audience":    {claim("aud", "another-app"), refused, 403},
		"wrong nonce":       {claim("nonce", "another"), refused, 403},
		"no nonce":          {claim("nonce", nil), refused, 403},
		"expired":           {claim("exp", h.clock.Now().Add(-time.Second).Unix()), refused, 403},
		"old":               {claim("iat", h.clock.Now().Add(-time.Hour).Unix()), refused, 403},
		"of tomorrow":       {claim("iat", h.clock.Now().Add(24*time.Hour).Unix()), refused, 403},
		"no time":           {claim("iat", nil), refused, 403},
		"azp foreign":       {claim("azp", "another-app"), refused, 403},
		"audiences, no azp": {claim("aud", []string{ssotest.ClientID, "another-app"}), refused, 403},
		"no subject":        {claim("sub", ""), refused, 403},
		"long subject":      {claim("sub", strings.Repeat("a", 256)), refused, 403},
		"access token":      {claim("at_hash", "bm90IHRoaXMgb25l"), refused, 403},
		"alg none":          {sign(ssotest.Unsigned), refused, 403},
		"HS256, our secret": {sign(func(c []byte) string { return ssotest.SignWith(t, jose.HS256, []byte(ssotest.ClientSecret), c) }), refused, 403},
		"strange key":       {sign(func(c []byte) string { return ssotest.SignWith(t, jose.ES256, stranger, c) }), refused, 403},
		"no token":          {sign(func([]byte) string { return "" }), refused, 403},
		"unverified":        {claim("email_verified", false), "does not say that your email address is verified", 403},
		"verified unsaid":   {claim("email_verified", nil), "does not say that your email address is verified", 403},
		"no address":        {func() { p.Claims["email"] = nil; p.UserInfo = map[string]any{"sub": "person-1"} }, "does not say", 403},
		"another's profile": {func() {
			p.Claims["email"] = nil
			p.UserInfo = map[string]any{"sub": "person-2", "email": "x@acme.example", "email_verified": true}
		}, refused, 403},
		"userinfo is silent": {func() { p.Claims["email"] = nil }, "does not answer", 503},
		"taken":              {claim("email", owner.email), taken, 409},
		"taken in capitals":  {claim("email", strings.ToUpper(owner.email)), taken, 409},
		"invited":            {claim("email", invited.email), "Open the link in the invitation", 409},
		"no address at all":  {claim("email", "ada@localhost"), "does not say", 403},
		"turned back there":  {bring(func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }), "You turned back at Acme", 403},
		"out of order there": {bring(func(q url.Values) { q.Del("code"); q.Set("error", "temporarily_unavailable") }), "does not answer", 503},
		"says no":            {bring(func(q url.Values) { q.Del("code"); q.Set("error", "unauthorized_client") }), refused, 403},
		"no code":            {bring(func(q url.Values) { q.Del("code") }), refused, 403},
		"two codes":          {bring(func(q url.Values) { q.Add("code", "another") }), refused, 403},
		"made-up code":       {bring(func(q url.Values) { q.Set("code", "made-up") }), refused, 403},
		"other issuer":       {bring(func(q url.Values) { q.Set("iss", "https://evil.example") }), refused, 403},
		"issuer unsaid":      {bring(func(q url.Values) { q.Del("iss") }), refused, 403},
		"other state":        {bring(func(q url.Values) { q.Set("state", "another") }), "does not belong", 403},
		"no state":           {bring(func(q url.Values) { q.Del("state") }), "does not belong", 403},
		"two states":         {bring(func(q url.Values) { q.Add("state", q.Get("state")) }), "does not belong", 403},
	} {
		t.Run(name, func(t *testing.T) {
			p.Claims, p.UserInfo, p.Sign, p.Answer = map[string]any{}, nil, nil, nil
			c.spoil()
			b := h.browser()
			at := b.follow(b.sso(p)).want("sso_failed", c.status)
			at.says("#why", c.says)
			at.one("#back")
			if n := h.count(`SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM sso_identities)
				+ (SELECT count(*) FROM users WHERE email LIKE '%@acme.example')`); n != 0 {
				t.Fatal("it left something")
			}
			b.get("/account/security").want("sign_in", http.StatusOK)
		})
	}
	p.Claims, p.UserInfo, p.Sign, p.Answer = map[string]any{}, nil, nil, nil
	b := h.browser()
	b.follow(b.sso(p)).want("offer", http.StatusOK) // what was spoiled is what was refused
}

// A round trip is good for the browser that began it, once, and for ten minutes.
func TestAReturnBelongsToItsBrowser(t *testing.T) {
	t.Parallel()
	h, p := ssoHouse(t)
	for name, f := range map[string]func(b *browser) *page{
		"another browser": func(*browser) *page { return h.browser().peek(h.browser().toProvider(p, "/sign-in/sso/acme")) },
		// Attacker's code, brought to a victim who has begun a sign-in too.
		"swapped codes": func(b *browser) *page {
			theirs := h.browser().toProvider(p, "/sign-in/sso/acme")
			_ = b.toProvider(p, "/sign-in/sso/acme")
			return b.peek(theirs)
		},
		"swapped codes, own state": func(b *browser) *page {
			theirs, _ := url.Parse(h.browser().toProvider(p, "/sign-in/sso/acme"))
			mine, _ := url.Parse(b.toProvider(p, "/sign-in/sso/acme"))
			q := theirs.Query()
			q.Set("state", mine.Query().Get("state"))
			return b.peek(mine.Path + "?" + q.Encode())
		},
		"too late": func(b *browser) *page {
			back := b.toProvider(p, "/sign-in/sso/acme")
			h.clock.Advance(10*time.Minute + time.Second)
			return b.peek(back)
		},
		"begun again": func(b *browser) *page {
			back := b.toProvider(p, "/sign-in/sso/acme")
			_ = b.peek("/sign-in/sso/acme")
			return b.peek(back)
		},
		"cookie changed": func(b *browser) *page {
			back := b.toProvider(p, "/sign-in/sso/acme")
			b.set("sso", "A"+b.held("sso")[1:])
			return b.peek(back)
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := h.browser()
			b.follow(f(b)).want("sso_failed", http.StatusForbidden)
			if n := h.count(`SELECT count(*) FROM sessions`); n != 0 {
				t.Error("there is a session")
			}
		})
	}
	t.Run("replay", func(t *testing.T) {
		b := h.browser()
		back := b.toProvider(p, "/sign-in/sso/acme")
		kept := b.held("sso")
		b.follow(b.peek(back)).want("offer", http.StatusOK)
		asked := p.Asked("/token")
		thief := h.browser() // with everything that the browser had
		thief.set("sso", kept)
		thief.peek(back).want("sso_failed", http.StatusUnprocessableEntity).says("#why", "used already")
		if p.Asked("/token") != asked {
			t.Error("the code was tried again")
		}
	})
}

func TestADisabledUserStaysDisabled(t *testing.T) {
	t.Parallel()
	h, p := ssoHouse(t)
	who := h.person()
	who.link(p)
	h.exec(`UPDATE users SET status = 'disabled' WHERE id = $1`, who.id)
	b := h.browser()
	b.sso(p).want("sso_failed", http.StatusForbidden).says("#why", "disabled")
	if h.count(`SELECT count(*) FROM sessions`) != 0 || h.count(`SELECT count(*) FROM users WHERE status = 'disabled'`) != 1 {
		t.Error("revived")
	}
	if h.count(`SELECT count(*) FROM events WHERE action = 'sso_refused' AND subject_id = $1`, who.id) != 1 {
		t.Error("nothing is written down")
	}
}

func TestSignUpBySSONeedsBothWords(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ provider, policy, want bool }{
		"both": {true, true, true}, "provider alone": {true, false, false}, "policy alone": {false, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, p := ssoHouse(t, func(one *config.SSOProvider) { one.SignUp = c.provider })
			h.rules(func(r *policy.Rules) { r.SignUpOpen = c.policy })
			b := h.browser()
			if at := b.follow(b.sso(p)); c.want {
				at.want("offer", http.StatusOK)
			} else {
				at.want("sso_failed", http.StatusForbidden).says("#why", "none is made this way")
			}
			if got := h.count(`SELECT count(*) FROM users`) == 1; got != c.want {
				t.Errorf("made an account: %v", got)
			}
		})
	}
}

// When our own second factor is asked for, by the provider's setting.
func TestTheSecondFactorAfterSSO(t *testing.T) {
	t.Parallel()
	const (
		app  = "has an app"
		none = "has none"
		due  = "has none, required"
		both = "has an app, required"
		set  = "was reset"
	)
	type rule = string
	mfa := map[string]any{"amr": []string{"pwd", "mfa"}}
	for _, c := range []struct {
		rule   rule
		claims map[string]any
		who    string
		want   string // page
		as     session.Assurance
	}{
		{config.SSOAlways, mfa, app, "code", ""},
		{config.SSOAlways, mfa, none, "offer", session.Password},
		{config.SSOAlways, mfa, due, "enrol", ""},
		{config.SSOAcceptProof, mfa, app, "security", session.TwoFactor},
		{config.SSOAcceptProof, mfa, due, "security", session.TwoFactor},
		{config.SSOAcceptProof, mfa, both, "security", session.TwoFactor},
		{config.SSOAcceptProof, mfa, set, "enrol", ""},
		{config.SSOAcceptProof, map[string]any{"amr": "mfa"}, app, "security", session.TwoFactor},
		{config.SSOAcceptProof, map[string]any{"acr": "urn:two"}, app, "security", session.TwoFactor},
		{config.SSOAcceptProof, map[string]any{"amr": []string{"pwd"}, "acr": "urn:one"}, app, "code", ""},
		{config.SSOAcceptProof, map[string]any{"amr": []string{"mfa"}, "auth_time": nil}, app, "code", ""},
		{config.SSOAcceptProof, map[string]any{"amr": []string{"mfa"}, "auth_time": -3600}, app, "code", ""},
		{config.SSOAcceptProof, map[string]any{"amr": []string{"mfa"}, "auth_time": 3600}, app, "code", ""},
		{config.SSOAcceptProof, map[string]any{"amr": []string{"mfa"}, "auth_time": nil}, due, "enrol", ""},
		{config.SSONever, mfa, app, "security", session.Password},
		{config.SSONever, mfa, none, "offer", session.Password},
		{config.SSONever, mfa, both, "code", ""},
		{config.SSONever, mfa, due, "enrol", ""},
		{config.SSONever, mfa, set, "enrol", ""},
	} {
		name := c.rule + ", " + c.who
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, p := ssoHouse(t, func(one *config.SSOProvider) {
				if one.SecondFactor = c.rule; c.rule == config.SSOAcceptProof {
					one.ProofAMR, one.ProofACR = []string{"mfa"}, []string{"urn:two"}
				}
			})
			for k, v := range c.claims {
				if off, ok := v.(int); ok {
					v = h.clock.Now().Add(time.Duration(off) * time.Second).Unix()
				}
				p.Claims[k] = v
			}
			var methods []factor.Kind
			if c.who == app || c.who == both {
				methods = append(methods, factor.App)
			}
			who := h.person(methods...)
			who.link(p)
			if c.who == due || c.who == both {
				h.exec(`UPDATE users SET required_from = $2 WHERE id = $1`, who.id, h.clock.Now())
			}
			if c.who == set {
				h.exec(`UPDATE users SET reset_at = $2 WHERE id = $1`, who.id, h.clock.Now())
			}
			b := h.browser()
			at := b.follow(b.sso(p))
			if at.name() == "offer" && c.want == "security" {
				at = b.get("/account/security") // nothing is on, so it is offered
			}
			at.want(c.want, http.StatusOK)
			if c.as != "" && h.count(`SELECT count(*) FROM sessions WHERE assurance = $1 AND first_step = 'sso'`, c.as) != 1 {
				t.Errorf("no session of assurance %s", c.as)
			}
			if c.as == "" && h.count(`SELECT count(*) FROM sessions`) != 0 {
				t.Error("half a sign-in has a session")
			}
			if c.want == "code" {
				b.submit(at, "code", M{"code": who.appCode()})
				if h.count(`SELECT count(*) FROM sessions WHERE assurance = 'two_factor' AND first_step = 'sso'`) != 1 {
					t.Error("the code finished nothing")
				}
			}
		})
	}
}
