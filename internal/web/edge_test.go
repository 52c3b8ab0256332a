package web_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/internal/config"
	"latchkey/internal/factor"
	"latchkey/internal/policy"
)

// Another site's form changes nothing, on any route.
func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b := h.person(factor.App), h.browser()
	b.in(p)
	before := h.everything()
	for _, route := range h.app.Routes() {
		method, path, _ := strings.Cut(route, " ")
		if method != "POST" || strings.HasPrefix(path, "/api/") {
			continue
		}
		path = strings.ReplaceAll(path, ":id", "0197c2f1-7a3b-7c1d-8e2f-0123456789ab")
		for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
			req, err := http.NewRequestWithContext(t.Context(), "POST", h.base+path, strings.NewReader("saved=yes"))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set(name, value)
			b.do(req).want("failure", 403)
		}
	}
	if after := h.everything(); after != before {
		t.Errorf("something changed:\n%s\n%s", before, after)
	}
}

// GET and HEAD change nothing, signed in, half signed in or out.
func TestLookingChangesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(factor.App, factor.Email)
	member, half, out := h.browser(), h.browser(), h.browser()
	member.in(p)
	member.sure(p, "/account/password")
	half.signIn(p.email, password)
	must := h.person()
	enrolling := h.browser()
	h.exec(`UPDATE users SET required_from = '2026-01-01' WHERE id = $1`, must.id)
	enrolling.signIn(must.email, password).want("enrol", 200)
	before := h.everything()
	for _, route := range h.app.Routes() {
		method, path, _ := strings.Cut(route, " ")
		if method != "GET" || strings.HasPrefix(path, "/api/") || strings.Contains(path, ":token") {
			continue
		}
		path = strings.ReplaceAll(path, ":id", "0197c2f1-7a3b-7c1d-8e2f-0123456789ab")
		for _, b := range []*browser{member, half, enrolling, out} {
			for _, verb := range []string{"GET", "HEAD"} {
				req, err := http.NewRequestWithContext(t.Context(), verb, h.base+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				if got := b.do(req); got.Status >= 500 && path != "/readyz" {
					t.Errorf("%s %s: %d", verb, path, got.Status)
				}
			}
		}
	}
	if after := h.everything(); after != before {
		t.Errorf("something changed:\n%s\n%s", before, after)
	}
}

// everything is a digest of each table.
func (h *house) everything() string {
	h.t.Helper()
	var out strings.Builder
	for line := range strings.Lines(h.rows()) {
		table, _, _ := strings.Cut(line, " ")
		fmt.Fprintf(&out, "%s %x\n", table, sha256.Sum256([]byte(line)))
	}
	return out.String()
}

// rows are all that the database holds: a line for each table.
func (h *house) rows() string {
	h.t.Helper()
	var tables []string
	err := h.db.SelectContext(h.t.Context(), &tables, `
		SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'goose%' ORDER BY tablename`)
	if err != nil {
		h.t.Fatal(err)
	}
	var out strings.Builder
	for _, table := range tables {
		var rows string
		err := h.db.GetContext(h.t.Context(), &rows, `
			SELECT coalesce(string_agg(r::text, '' ORDER BY r::text), '') FROM `+table+` r`)
		if err != nil {
			h.t.Fatal(err)
		}
		fmt.Fprintf(&out, "%s %s\n", table, rows)
	}
	return out.String()
}

// A form that is broken or too large is a friendly page, not a half-read one.
func TestBrokenForms(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	for kind, body := range map[string]string{
		"application/json": `{"email":"a"}`, "multipart/form-data; boundary=x": "--x--", "": "email=a",
		"application/x-www-form-urlencoded":                "email=%zz",
		"application/x-www-form-urlencoded; charset=utf-8": "email=" + strings.Repeat("a", 70<<10),
	} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", h.base+"/sign-in", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", kind)
		b.do(req).want("failure", 400)
	}
	b.post("/sign-in", url.Values{"email": {"a\x00b\xff"}, "password": {"x"}}).want("sign_in", 400)
}

func TestNoPageIsAPage(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	at := h.browser().get("/account/nothing").want("failure", 404)
	at.says("main", "Nothing here")
	at.says("footer", "help@example.com")
	req, err := http.NewRequestWithContext(t.Context(), "GET", h.base+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "other.example"
	h.browser().do(req).want("failure", 400).says("main", "other.example")
}

func TestSignUpErrorsGiveBackWhatWasTyped(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.browser()
	at := b.submit(b.get("/sign-up"), "sign-up", M{"name": `<b>"Ann`, "email": "nope", "password": "short"}).want("sign_up", 400)
	if at.attr("#name", "value") != `<b>"Ann` || at.attr("#email", "value") != "nope" {
		t.Error("typed in vain")
	}
	at.says("#email-error", "not an email address")
	at.says("#password-error", "at least 10")
	if at.attr("#password", "autocomplete") != "new-password" || at.attr("#email", "autocomplete") != "username" {
		t.Error("password managers don't know the fields")
	}
	wrong := b.signIn("nobody@example.com", "wrong").want("sign_in", 401)
	wrong.says("#error-summary", "do not belong together")
	if wrong.attr("#email", "value") != "nobody@example.com" || wrong.attr("#password", "autocomplete") != "current-password" {
		t.Error("typed in vain")
	}
	// A taken address is answered like a free one.
	p := h.person()
	b.submit(b.get("/sign-up"), "sign-up", M{"name": "Eve", "email": p.email, "password": "lamp orbit cabbage quartz"}).
		want("sign_in", 200).says("#notice", "Almost there")
	opened := b.get("/sign-up")
	h.rules(func(r *policy.Rules) { r.SignUpOpen = false })
	b.submit(opened, "sign-up", M{"name": "Eve", "email": "e@example.com", "password": "lamp orbit cabbage quartz"}).
		want("sign_up", 403).says("#error-summary", "by invitation")
}

// The files of the pages may be kept, and change their names with what is in
// them; the brand's own are among them.
func TestAssets(t *testing.T) {
	t.Parallel()
	logo := filepath.Join(t.TempDir(), "logo.svg")
	if err := os.WriteFile(logo, []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), 0o600); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, func(c *config.Config) {
		c.Brand = config.Brand{Name: "Acme <ID>", Color: "#ffcc00", LogoFile: logo}
	})
	b := h.browser()
	at := b.get("/sign-in")
	at.says("title", "Acme <ID>")
	paths := []string{at.attr("script", "src"), at.attr(".brand img", "src")}
	for _, s := range at.Doc.Find(`link[rel="stylesheet"]`).EachIter() {
		paths = append(paths, s.AttrOr("href", ""))
	}
	if len(paths) != 4 {
		t.Fatalf("%v", paths)
	}
	for _, path := range paths {
		got := b.peek(path)
		if got.Status != 200 || !strings.Contains(got.Header.Get("Cache-Control"), "immutable") || got.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", path, got.Status, got.Header)
		}
		for _, c := range (&http.Response{Header: got.Header}).Cookies() {
			t.Errorf("%s sets %s", path, c.Name)
		}
	}
	b.get("/static/").want("failure", 404)
}
