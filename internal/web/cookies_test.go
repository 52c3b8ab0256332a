package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"latchkey/internal/audit"
	"latchkey/internal/config"
	"latchkey/internal/factor"
	"latchkey/internal/session"
	"latchkey/internal/signin"
)

// cookie finds one that this answer sets, whatever its prefix and port.
func (p *page) cookie(what string) *http.Cookie {
	for _, c := range (&http.Response{Header: p.Header}).Cookies() {
		name := strings.TrimPrefix(strings.TrimPrefix(c.Name, "__Host-"), "latchkey-")
		if name == what || strings.HasPrefix(name, what+"-") && strings.Trim(name[len(what)+1:], "0123456789") == "" {
			return c
		}
	}
	return nil
}

func (b *browser) held(what string) string {
	u, _ := url.Parse(b.base)
	for _, c := range b.jar.Cookies(u) {
		if c.Name == "latchkey-"+what+"-"+u.Port() {
			return c.Value
		}
	}
	return ""
}

// nobody calls by API: without a browser.
var nobody = audit.Actor{Kind: audit.Anonymous}

func TestCookiesOnLoopback(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b := h.person(factor.App), h.browser()
	port := h.base[strings.LastIndexByte(h.base, ':')+1:]
	seen := b.peek("/sign-in")
	first := b.send(seen, "sign-in", M{"email": p.email, "password": password})
	done := b.send(b.get("/sign-in/code"), "code", M{"code": p.appCode()})
	for what, c := range map[string]*http.Cookie{
		"browser": seen.cookie("browser"), "sign-in": first.cookie("sign-in"), "session": done.cookie("session"),
	} {
		if c == nil || c.Name != "latchkey-"+what+"-"+port || c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("%s: %+v", what, c)
		}
	}
	if c := seen.cookie("browser"); c.MaxAge != 365*24*3600 {
		t.Errorf("a browser is known for %d s", c.MaxAge)
	}
	if c := done.cookie("sign-in"); c == nil || c.MaxAge >= 0 {
		t.Errorf("the sign-in's cookie outlives it: %+v", c)
	}
	out := b.send(b.get("/account/security"), "sign-out", nil)
	if c := out.cookie("session"); c == nil || c.MaxAge >= 0 || c.Value != "" {
		t.Errorf("signed out: %+v", c)
	}
}

// Behind https every cookie is bound to this very host.
func TestCookiesOverHTTPS(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *config.Config) { c.BaseURL = &url.URL{Scheme: "https", Host: "id.example.com"} })
	req, err := http.NewRequestWithContext(t.Context(), "GET", h.base+"/sign-in", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "id.example.com"
	at := h.browser().do(req)
	c := at.cookie("browser")
	if c == nil || c.Name != "__Host-latchkey-browser" || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode {
		t.Errorf("%+v", c)
	}
	if at.Header.Get("Strict-Transport-Security") == "" {
		t.Error("no HSTS")
	}
}

// A token that came by API opens no page, and a session cookie is no bearer.
func TestABearersTokenOpensNoPage(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b := h.person(), h.browser()
	s, err := h.app.SignIn.Start(t.Context(), nobody, signin.Credentials{Email: p.email, Password: password})
	if err != nil || s.Session.Front != session.Bearer {
		t.Fatal(s.Session.Front, err)
	}
	u, _ := url.Parse(h.base)
	b.jar.SetCookies(u, []*http.Cookie{{Name: "latchkey-session-" + u.Port(), Value: s.SessionToken, Path: "/"}})
	b.get("/account/security").want("sign_in", 200)
}

// A browser's id is signed: one that was made up is replaced.
func TestABrowserIsKnownByOurSignatureOnly(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b := h.person(), h.browser()
	b.in(p)
	id, _, _ := strings.Cut(b.held("browser"), ".")
	if n := h.count(`SELECT count(*) FROM known_browsers WHERE user_id = $1 AND browser = $2`, p.id, id); n != 1 {
		t.Errorf("%d rows for the browser", n)
	}
	forged := h.browser()
	u, _ := url.Parse(h.base)
	forged.jar.SetCookies(u, []*http.Cookie{{Name: "latchkey-browser-" + u.Port(), Value: id + ".AAAA", Path: "/"}})
	forged.get("/sign-in")
	if got, _, _ := strings.Cut(forged.held("browser"), "."); got == id || got == "" {
		t.Errorf("the made-up id is %q", got)
	}
}

// Whoever planted or saw a cookie before has nothing after a confirmation.
func TestTheTokenIsFreshAfterSignInAndConfirmation(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b := h.person(factor.App), h.browser()
	b.in(p)
	before := b.held("session")
	b.sure(p, "/account/password").want("password", 200)
	after := b.held("session")
	if before == "" || after == before {
		t.Fatal("the token is the same")
	}
	u, _ := url.Parse(h.base)
	old := h.browser()
	old.jar.SetCookies(u, []*http.Cookie{{Name: "latchkey-session-" + u.Port(), Value: before, Path: "/"}})
	old.get("/account/security").want("sign_in", 200)
}

// Signing out ends the session on the server, not only in the browser.
func TestSignOutEndsTheSessionOnTheServer(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b := h.person(), h.browser()
	b.in(p)
	kept := b.held("session")
	b.submit(b.get("/account/security"), "sign-out", nil).want("sign_in", 200).says("#notice", "signed out")
	if n := h.count(`SELECT count(*) FROM sessions WHERE user_id = $1`, p.id); n != 0 || kept == "" {
		t.Errorf("%d sessions", n)
	}
	// A second press, or another tab, is friendly too.
	b.follow(b.post("/sign-out", nil)).want("sign_in", 200)
}
