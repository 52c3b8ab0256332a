package forwardauth_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"latchkey/internal/account"
	"latchkey/internal/pg"
	"latchkey/internal/session"
)

func to(app string) string { return "/apps/continue?to=" + url.QueryEscape(app) }

func set(w *httptest.ResponseRecorder, name string) *http.Cookie {
	for _, c := range w.Result().Cookies() {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func pages(p person) string { return "__Host-latchkey-session=" + p.token }

// TestTheWayToAnApp: sign-in, back here, and on by a page of ours.
func TestTheWayToAnApp(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.visit(to(anApp))
	aim := set(w, "__Host-latchkey-aim")
	if w.Code != 303 || w.Header().Get("Location") != "/sign-in?return_to=/apps/continue" || aim == nil {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	p := h.person(nil, session.Password)
	w = h.visit("/apps/continue", aim.Name+"="+aim.Value, pages(p))
	body := w.Body.String()
	if w.Code != 200 || !strings.Contains(body, `content="0; url=https://app.example.com/notes?q=a%26b"`) ||
		!strings.Contains(body, `href="https://app.example.com/notes?q=a%26b"`) {
		t.Fatalf("%d %s", w.Code, body)
	}
	for _, want := range []string{`<link rel="stylesheet"`, `data-page="app_leave"`, `name="robots" content="noindex"`, `rel="noreferrer"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "form-action 'self'") {
		t.Errorf("its policy: %s", csp)
	}
	issued := set(w, "__Secure-latchkey-app")
	if issued == nil || issued.Domain != "example.com" || !issued.Secure || !issued.HttpOnly || issued.SameSite != http.SameSiteLaxMode || issued.Path != "/" {
		t.Fatalf("%+v", issued)
	}
	if gone := set(w, "__Host-latchkey-aim"); gone == nil || gone.MaxAge >= 0 {
		t.Errorf("the way is remembered: %+v", gone)
	}
	if strings.Contains(issued.Value, p.token) {
		t.Error("the app's cookie has the session's token")
	}
	cookie := issued.Name + "=" + issued.Value
	if w := h.ask("/forward-auth", anApp, cookie); w.Code != 200 {
		t.Errorf("%d", w.Code)
	}
	// It opens nothing else.
	if w := h.visit("/account", "__Host-latchkey-session="+issued.Value); w.Code != 303 {
		t.Errorf("/account by the app's cookie: %d", w.Code)
	}
	// Who has the cookie and is sent here all the same isn't sent back by itself.
	if w := h.visit(to(anApp), cookie, pages(p)); w.Code != 200 || strings.Contains(w.Body.String(), `http-equiv="refresh"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestNobodyIsSentElsewhere than to a host that a rule is for.
func TestNobodyIsSentElsewhere(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(nil, session.TwoFactor)
	for _, bad := range []string{
		"", "https://evil.example/", "https://example.com/", "//app.example.com/", "//evil.example", `/\evil.example`, "/%5cevil.example",
		"https:evil.example", "https://app.example.com@evil.example/", "https://app.example.com:x@evil.example/", "javascript:alert(1)//app.example.com",
		"https://app.example.com.evil.example/", "https://app.example.com\\.evil.example/", "https://app.example.com%2eevil.example/",
		"data:text/html,x", "https://APP.example.com\t.evil.example/", "https://app.example.com\r\nSet-Cookie: a=b", "https://evil.example#app.example.com",
	} {
		w := h.visit(to(bad), pages(p))
		if w.Code != 400 || strings.Contains(w.Body.String(), "evil.example") {
			t.Errorf("%q: %d %s", bad, w.Code, w.Body)
		}
	}
	// A planted memory is judged the same.
	w := h.visit("/apps/continue", "__Host-latchkey-aim=aHR0cHM6Ly9ldmlsLmV4YW1wbGUv", pages(p))
	if w.Code != 303 || w.Header().Get("Location") != "/account" {
		t.Errorf("%d %s", w.Code, w.Header().Get("Location"))
	}
	// A quote stays inside its attribute.
	w = h.visit(to(`https://app.example.com/"><script>`), pages(p))
	if w.Code != 200 || strings.Contains(w.Body.String(), "<script>") || strings.Count(w.Body.String(), "<script") != 1 { // the site's own
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestWhoLacksSomethingIsLedToIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	vault := "https://app.example.com/vault"
	unverified := h.person(func(u *account.User) { u.EmailVerified = false }, session.TwoFactor)
	if w := h.visit(to(anApp), pages(unverified)); w.Code != 303 || w.Header().Get("Location") != "/account/email?return_to=/apps/continue" {
		t.Errorf("unverified: %d %s", w.Code, w.Header().Get("Location"))
	}
	p := h.person(nil, session.TwoStep)
	if w := h.visit(to("https://app.example.com/admin"), pages(p)); w.Code != 403 {
		t.Errorf("another role: %d", w.Code)
	}
	if w := h.visit(to(vault), pages(p)); w.Code != 303 || w.Header().Get("Location") != "/account/confirm?return_to=/apps/continue" {
		t.Errorf("lower assurance: %d %s", w.Code, w.Header().Get("Location"))
	}
	confirm := func(method string, a session.Assurance) {
		h.tx(func(ctx context.Context, tx *pg.Tx) (err error) {
			if p.session, err = h.app.SignIn.Sessions.HoldTx(ctx, tx, p.session.ID); err != nil {
				return err
			}
			p.token, err = h.app.SignIn.Sessions.ConfirmTx(ctx, tx, p.session, session.Confirmation{
				Until: tx.Now.Add(10 * time.Minute), Method: method, Assurance: a,
			})
			return err
		})
	}
	confirm("email", session.TwoStep)
	if w := h.visit(to(vault), pages(p)); w.Code != 403 || !strings.Contains(w.Body.String(), "/account/security") {
		t.Errorf("confirmed by email: %d %s", w.Code, w.Body)
	}
	confirm("app", session.TwoFactor)
	if w := h.visit(to(vault), pages(p)); w.Code != 200 {
		t.Errorf("confirmed by app: %d", w.Code)
	}
	if w := h.ask("/forward-auth", vault, h.cookie(p)); w.Code != 200 {
		t.Errorf("confirmed by app: %d", w.Code)
	}
}
