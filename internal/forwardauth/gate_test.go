package forwardauth_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"latchkey/internal/account"
	"latchkey/internal/config"
	"latchkey/internal/pg"
	"latchkey/internal/session"
)

const anApp = "https://app.example.com/notes?q=a%26b"

func TestAProxyAsks(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(nil, session.Password)
	in := h.cookie(p)
	unverified := h.cookie(h.person(func(u *account.User) { u.EmailVerified = false }, session.TwoFactor))
	admin := h.cookie(h.person(func(u *account.User) { u.Role = account.Admin }, session.TwoStep))
	strong := h.cookie(h.person(nil, session.TwoFactor))
	for name, c := range map[string]struct {
		original, cookie string
		more             []string
		want             int
	}{
		"anonymous":                 {anApp, "", nil, 401},
		"signed in":                 {anApp, in, nil, 200},
		"bypass":                    {"https://app.example.com/public/x.css", "", nil, 200},
		"bypass, planted cookie":    {"https://app.example.com/public/x.css", in + "; " + strong, nil, 403},
		"unverified":                {anApp, unverified, nil, 403},
		"role":                      {"https://app.example.com/admin", in, nil, 403},
		"admin":                     {"https://app.example.com/admin", admin, nil, 200},
		"two-factor, password":      {"https://app.example.com/vault", in, nil, 401},
		"two-factor, email code":    {"https://app.example.com/vault", admin, nil, 401},
		"two-factor":                {"https://app.example.com/vault/1", strong, nil, 200},
		"unknown host":              {"https://other.example.com/", in, nil, 403},
		"traversal":                 {"https://app.example.com/public/../vault", in, nil, 403},
		"no address":                {"", in, nil, 403},
		"no proxy of ours":          {anApp, in, []string{"RemoteAddr", "192.0.2.1:99"}, 403},
		"both ways of saying it":    {anApp, in, []string{"X-Forwarded-Uri", "/public", "X-Forwarded-Host", "app.example.com"}, 403},
		"said twice":                {anApp, in, []string{"X-Original-URL", "https://app.example.com/public"}, 403},
		"forwarded":                 {"", in, []string{"X-Forwarded-Uri", "/notes", "X-Forwarded-Host", "app.example.com", "X-Forwarded-Proto", "https"}, 200},
		"forwarded, two hosts":      {"", in, []string{"X-Forwarded-Uri", "/notes", "X-Forwarded-Host", "app.example.com", "X-Forwarded-Host", "b.example.com"}, 403},
		"forwarded, a list":         {"", in, []string{"X-Forwarded-Uri", "/notes", "X-Forwarded-Host", "app.example.com, b.example.com"}, 403},
		"forwarded, host in path":   {"", in, []string{"X-Forwarded-Uri", "@evil.example/", "X-Forwarded-Host", "app.example.com"}, 403},
		"garbage cookie":            {anApp, "__Secure-latchkey-app=lkf_AAAA", nil, 401},
		"planted beside ours":       {anApp, in + "; " + strong, nil, 401},
		"the session's own token":   {anApp, "__Secure-latchkey-app=" + p.token, nil, 401},
		"our cookie by other name":  {anApp, strings.Replace(in, "__Secure-", "", 1), nil, 401},
		"one character of another":  {anApp, in[:len(in)-1] + flip(in[len(in)-1]), nil, 401},
		"a bearer in place of it":   {anApp, "", []string{"Authorization", "Bearer " + p.token}, 401},
		"identity sent by a client": {anApp, "", []string{"Remote-User", "root@example.com", "Remote-Groups", "admin"}, 401},
	} {
		w := h.ask("/forward-auth", c.original, c.cookie, c.more...)
		if w.Code != c.want {
			t.Errorf("%s: %d %s, want %d", name, w.Code, w.Body, c.want)
		}
		if (w.Header().Get("X-Latchkey-Sign-In") != "") != (w.Code == 401) {
			t.Errorf("%s: %d with X-Latchkey-Sign-In %q", name, w.Code, w.Header().Get("X-Latchkey-Sign-In"))
		}
		if w.Code != 200 && w.Header().Get("Remote-User") != "" || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s: %v", name, w.Header())
		}
	}
	w := h.ask("/forward-auth", anApp, in)
	for name, want := range map[string]string{
		"Remote-User": p.id.String()[:8] + "@example.org", "Remote-Id": p.id.String(), "Remote-Name": "Ada Löw", "Remote-Groups": "user",
	} {
		if got := w.Header()[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	w = h.ask("/forward-auth", anApp, "")
	if got, want := w.Header().Get("X-Latchkey-Sign-In"), "https://id.example.com/apps/continue?to="+url.QueryEscape(anApp); got != want {
		t.Errorf("sign-in at %s, want %s", got, want)
	}
}

func flip(b byte) string {
	if b == 'A' {
		return "B"
	}
	return "A"
}

func TestProxiesThatHandOurAnswerOn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for name, c := range map[string]struct {
		method, accept string
		want           int
	}{
		"a page":    {"GET", "text/html,application/xhtml+xml", 303},
		"its head":  {"HEAD", "text/html", 303},
		"a script":  {"GET", "application/json", 401},
		"a form":    {"POST", "text/html", 401},
		"no method": {"", "text/html", 401},
	} {
		w := h.ask("/forward-auth/redirect", "", "", "X-Forwarded-Method", c.method, "X-Forwarded-Host", "app.example.com",
			"X-Forwarded-Uri", "/notes?q=a%26b", "X-Forwarded-Proto", "https", "Accept", c.accept)
		if w.Code != c.want || c.want == 303 && w.Header().Get("Location") != "https://id.example.com/apps/continue?to="+url.QueryEscape(anApp) {
			t.Errorf("%s: %d %s", name, w.Code, w.Header().Get("Location"))
		}
	}
}

// What is put together from a host that is none reads as another path than the
// one that the app will serve.
func TestAHostThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	in := h.cookie(h.person(nil, session.Password))
	for original, want := range map[string]int{
		"https://app.example.com/":               200,
		"https://APP.example.com/":               200,
		"https://app.example.com/?q=%23":         200,
		"https://app.example.com":                403,
		"https://app.example.com?/admin":         403,
		"https://app.example.com?x=/admin":       403,
		"https://app.example.com#/admin":         403,
		"https://app.example.com/#/admin":        403,
		"https://app.example.com/notes#":         403,
		"https://app.example.com%2fpublic/admin": 403,
		"https://app.example.com;/admin":         403,
		"https://app.example.com,b/admin":        403,
		"https://app.exämple.com/":               403,
	} {
		if w := h.ask("/forward-auth", original, in); w.Code != want {
			t.Errorf("%s: %d, want %d", original, w.Code, want)
		}
	}
	for host, want := range map[string]int{
		"app.example.com": 200, "App.Example.com": 200,
		"": 403, "app.example.com?": 403, "app.example.com#": 403, "app.example.com/": 403,
		"app.example.com/public": 403, "app.example.com/public/..": 403, "x@app.example.com": 403,
		"app.example.com%": 403, "app.example.com;": 403, "app.example.com ": 403,
	} {
		w := h.ask("/forward-auth", "", in, "X-Forwarded-Host", host, "X-Forwarded-Uri", "/notes", "X-Forwarded-Proto", "https")
		if w.Code != want {
			t.Errorf("host %q: %d, want %d", host, w.Code, want)
		}
	}
	for _, uri := range []string{"/notes#", "/notes#/public", "?/notes", ""} {
		w := h.ask("/forward-auth", "", in, "X-Forwarded-Host", "app.example.com", "X-Forwarded-Uri", uri, "X-Forwarded-Proto", "https")
		if w.Code != 403 {
			t.Errorf("uri %q: %d", uri, w.Code)
		}
	}
}

// TestTheEndOfASessionIsFeltAtOnce by every app.
func TestTheEndOfASessionIsFeltAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for name, end := range map[string]func(p person){
		"signed out": func(p person) {
			h.tx(func(ctx context.Context, tx *pg.Tx) error {
				_, err := h.app.SignIn.Sessions.EndTx(ctx, tx, p.id, p.session.ID)
				return err
			})
		},
		"disabled": func(p person) { h.exec(`UPDATE users SET status = 'disabled' WHERE id = $1`, p.id) },
		"deleted":  func(p person) { h.exec(`DELETE FROM users WHERE id = $1`, p.id) },
		"idle":     func(person) { h.clock.Advance(time.Hour) },
	} {
		p := h.person(nil, session.TwoFactor)
		cookie := h.cookie(p)
		if w := h.ask("/forward-auth", anApp, cookie); w.Code != 200 {
			t.Fatalf("%s: %d before", name, w.Code)
		}
		end(p)
		if w := h.ask("/forward-auth", anApp, cookie); w.Code != 401 {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}

func (h *house) exec(statement string, args ...any) {
	h.t.Helper()
	if _, err := h.db.ExecContext(h.t.Context(), statement, args...); err != nil {
		h.t.Fatal(err)
	}
}

// TestUseOfAnAppKeepsTheSession: idle time is counted over apps too.
func TestUseOfAnAppKeepsTheSession(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	cookie := h.cookie(h.person(nil, session.Password))
	for range 5 {
		h.clock.Advance(50 * time.Minute)
		if w := h.ask("/forward-auth", anApp, cookie); w.Code != 200 {
			t.Fatalf("%d", w.Code)
		}
	}
}

// TestWithoutADatabaseNobodyPasses, and the answer is still one that a proxy takes.
func TestWithoutADatabaseNobodyPasses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	cookie := h.cookie(h.person(nil, session.Password))
	h.exec(`ALTER TABLE sessions RENAME TO gone`)
	if w := h.ask("/forward-auth", anApp, cookie); w.Code != 403 {
		t.Errorf("%d", w.Code)
	}
}

func TestWithoutRulesNobodyPasses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *config.Config) { c.AppRules = nil })
	if w := h.ask("/forward-auth", anApp, h.cookie(h.person(nil, session.TwoFactor))); w.Code != 403 {
		t.Errorf("%d", w.Code)
	}
}
