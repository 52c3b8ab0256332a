package api_test

import (
	"net/http"
	"strings"
	"testing"

	"latchkey/internal/api/apitest"
)

// bodies that no route may take, whatever it does.
var badBodies = map[string]string{
	"cut off":       `{"email":"a@b.example",`,
	"not JSON":      `email=a@b.example`,
	"a list":        `[]`,
	"a text":        `"x"`,
	"null":          `null`,
	"trailing data": `{} {}`,
	"unknown field": `{"is_admin":true}`,
	"twice":         `{"code":"1","code":"2"}`,
	"no UTF-8":      "{\"code\":\"\xff\"}",
	"a comment":     `{/* */}`,
	"two objects":   "{}\n{}",
	"NaN":           `{"code":NaN}`,
	"NUL":           `{"code":"\u0000"}`,
}

// described gives every route that changes something, with a token of the kind
// that it takes.
func mutating(sign, session string) map[string]string {
	out := map[string]string{}
	for _, r := range apitest.Routes() {
		method, path, _ := strings.Cut(r, " ")
		if method == http.MethodGet {
			continue
		}
		path = strings.Replace(strings.TrimPrefix(path, apitest.Prefix), "{id}", "01939c1e-8b2a-7c4e-9f31-5a6f2f0e7d11", 1)
		switch {
		case strings.HasPrefix(path, "/me"), strings.HasPrefix(path, "/admin"):
			out[method+" "+path] = session
		case strings.HasPrefix(path, "/sign-ins/current"):
			out[method+" "+path] = sign
		default:
			out[method+" "+path] = ""
		}
	}
	return out
}

func TestEveryRouteRefusesBadBodies(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp, asAdmin)
	sign, session := p.signIn(), p.confirmed()
	large := `{"code":"` + strings.Repeat("1", 1<<20) + `"}`
	events := h.count(`SELECT count(*) FROM events`)
	for route, token := range mutating(sign, session) {
		method, path, _ := strings.Cut(route, " ")
		api := h.api.Bad().As(token)
		for name, body := range badBodies {
			if got := api.Do(method, path, body); got.Status != 400 || got.Problem().Code != "invalid_request" || len(got.Problem().Errors) == 0 {
				t.Errorf("%s, %s: %d %s", route, name, got.Status, got.Body)
			}
		}
		got, err := api.Try(method, path, large)
		if err == nil && (got.Status != 400 || got.Problem().Names() != "body") {
			t.Errorf("%s, 1 MB: %d %s", route, got.Status, got.Body)
		}
		for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", "application/jsonx"} {
			if got := api.Header("Content-Type", kind).Do(method, path, `{"code":"1"}`); got.Status != 400 {
				t.Errorf("%s as %s: %d %s", route, kind, got.Status, got.Body)
			}
		}
		if got := api.Header("Content-Encoding", "gzip").Do(method, path, `{"code":"1"}`); got.Status != 400 {
			t.Errorf("%s packed: %d %s", route, got.Status, got.Body)
		}
	}
	if n := h.count(`SELECT count(*) FROM events`); n != events {
		t.Errorf("%d things happened all the same", n-events)
	}
	if n := h.charged(p.id); n != 0 {
		t.Errorf("%d guesses charged", n)
	}
	h.api.As(session).Get("/me").Want(200)
	h.api.As(sign).Get("/sign-ins/current").Want(200)
}

// fitting bodies, where the bearer is judged with what it asks.
var fitting = map[string]any{
	"/sign-ins/current/verify":             codeBody("app", "123456"),
	"/sign-ins/current/enrolments":         apitest.M{"method": "app"},
	"/sign-ins/current/enrolments/confirm": codeBody("app", "123456"),
	"/sign-ins/current/complete":           apitest.M{"recovery_keys_saved": true},
}

// Every route that wants a bearer, and no other kind than its own.
func TestEveryRouteRefusesOtherBearers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	sign, session := p.signIn(), p.confirmed()
	device, _ := p.trusting()
	for _, r := range apitest.Routes() {
		method, path, _ := strings.Cut(r, " ")
		path = strings.Replace(strings.TrimPrefix(path, apitest.Prefix), "{id}", "01939c1e-8b2a-7c4e-9f31-5a6f2f0e7d11", 1)
		wrong := map[string]string{
			"none": "", "the other kind": sign, "a device": device, "never issued": "lks_" + strings.Repeat("A", 43),
			"never issued sign-in": "lki_" + strings.Repeat("A", 43), "cut": session[:40], "longer": session + "A",
			"access token": "lkp_" + strings.Repeat("a", 46), "other prefix": "lks_" + sign[4:], "capitals": strings.ToUpper(session[:4]) + session[4:],
		}
		switch {
		case strings.HasPrefix(path, "/sign-ins/current"):
			wrong["the other kind"], wrong["other prefix"] = session, "lki_"+session[4:]
		case !strings.HasPrefix(path, "/me"):
			continue
		}
		for name, token := range wrong {
			if got := h.api.Bad().As(token).Do(method, path, fitting[path]); got.Status != 401 || got.Problem().Code != "unauthenticated" {
				t.Errorf("%s, %s: %d %s", r, name, got.Status, got.Body)
			}
		}
		// Half a session on a second spelling of the path, or by HEAD.
		for _, spelled := range []string{"//" + path[1:], path + "/", "/%2e" + path, strings.Replace(path, "/", "/x/../", 1), strings.ToUpper(path)} {
			if got := h.api.Bad().As(sign).Do(method, spelled, nil); got.Status < 400 {
				t.Errorf("%s as %s: %d", r, spelled, got.Status)
			}
		}
		if method == http.MethodGet {
			if got, err := h.api.Bad().As(wrong["the other kind"]).Try(http.MethodHead, path, nil); err == nil && got.Status < 400 {
				t.Errorf("HEAD %s: %d", path, got.Status)
			}
		}
	}
}

func TestBadAddresses(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for name, email := range map[string]string{
		"empty": "", "no @": "ada.example.org", "two": "ada@b@example.org", "quoted": `"ada l"@example.org`,
		"literal": "ada@[192.0.2.1]", "CR LF": "ada@example.org\r\nBcc: eve@example.org", "LF": "ada\n@example.org",
		"255": strings.Repeat("a", 60) + "@" + strings.Repeat("b123456789.", 18) + "example.org", "no domain": "ada@", "no local": "@example.org",
		"dots": "ada..l@example.org", "dot at end": "ada.@example.org", "space": "ada l@example.org", "one label": "ada@localhost",
		"a name": "Ada <ada@example.org>", "comment": "ada(x)@example.org", "zero width": "a\u200bda@example.org", "two addresses": "ada@example.org,eve@example.org",
		"dash": "ada@-example.org", "underscore": "ada@exa_mple.org",
	} {
		got := h.api.Post("/sign-ups", apitest.M{"email": email, "name": "Ada", "password": password})
		if got.Status != 400 || got.Problem().Names() != "email" {
			t.Errorf("sign-up, %s: %d %s", name, got.Status, got.Body)
		}
		if got := h.api.Post("/sign-ins", apitest.M{"email": email, "password": password}); got.Status != 400 {
			t.Errorf("sign-in, %s: %d %s", name, got.Status, got.Body)
		}
	}
	// GitLab CVE-2023-7028: a list of addresses.
	h.api.Bad().Post("/sign-ups", apitest.M{"email": []string{"a@example.org", "b@example.org"}, "name": "Ada", "password": password}).WantProblem(400, "invalid_request")
	if n := h.count(`SELECT count(*) FROM users`); n != 0 {
		t.Errorf("%d accounts", n)
	}
}

func TestBadPasswords(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person()
	me := h.api.As(p.confirmed())
	for name, bad := range map[string]string{
		"empty": "", "short": "x9!kQ2", "nine": "x9!kQ2#vR", "common": "password1234", "keys in a row": "qwertyuiop123", "repeated": "aaaaaaaaaaaaaaa",
		"the address": "ada@example.org", "the name": "AdaLovelaceAda", "the product": "latchkey-latchkey", "a date": "12.12.2012 12", "257": strings.Repeat("q9!Zk#", 43),
		"spaces": "              ",
	} {
		got := h.api.Post("/sign-ups", apitest.M{"email": "ada@example.org", "name": "Ada Lovelace", "password": bad})
		if got.Status != 400 || got.Problem().Names() != "password" {
			t.Errorf("sign-up, %s: %d %s", name, got.Status, got.Body)
		}
		if name == "the address" || name == "the name" {
			continue // of somebody else
		}
		if got := me.Post("/me/password", apitest.M{"password": bad}); got.Status != 400 {
			t.Errorf("change, %s: %d %s", name, got.Status, got.Body)
		}
	}
	// Every fault at once.
	if got := h.api.Post("/sign-ups", apitest.M{"email": "ada", "name": "", "password": "x"}).WantProblem(400, "invalid_request").Names(); got != "email,name,password" {
		t.Errorf("faults in %q", got)
	}
	if got := h.api.Bad().Post("/sign-ups", "{}").WantProblem(400, "invalid_request").Names(); got != "email,name,password" {
		t.Errorf("missing %q", got)
	}
	// Spaces, another script and one typed in another form are fine.
	for i, good := range []string{"seven lazy herons wade", "пять тихих выдр плывут", "ｓｅｖｅｎ　ｌａｚｙ　ｈｅｒｏｎｓ"} {
		email := string(rune('a'+i)) + "da@example.org"
		h.api.Post("/sign-ups", apitest.M{"email": email, "name": "Ada", "password": good}).Want(201)
	}
	h.api.Post("/sign-ins", apitest.M{"email": "cda@example.org", "password": "seven lazy herons"}).Want(200)
}

func TestClosedSignUpMakesNobody(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.rules(closeSignUp)
	h.api.Post("/sign-ups", apitest.M{"email": "ada@example.org", "name": "Ada", "password": password}).WantProblem(403, "sign_up_closed")
	// Mass assignment.
	h.api.Bad().Post("/sign-ups", apitest.M{"email": "ada@example.org", "name": "Ada", "password": password, "role": "admin"}).WantProblem(400, "invalid_request")
}

// A taken address gets the same answer with a fresh id.
func TestATakenAddressIsToldToItsOwnerAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	body := apitest.M{"email": "ada@example.org", "name": "Ada", "password": password}
	first := h.api.Post("/sign-ups", body).Want(201)
	again := h.api.Post("/sign-ups", apitest.M{"email": "ADA@example.org", "name": "Eve", "password": "seven lazy herons wade"}).Want(201)
	if again.Text("id") == first.Text("id") || again.Text("email") != first.Text("email") || again.Text("name") != "Eve" || again.Field("email_verified") != false {
		t.Errorf("%s, then %s", first.Body, again.Body)
	}
	h.password("ada@example.org", "seven lazy herons wade").WantProblem(401, "wrong_credentials")
	h.password("ada@example.org", password).Want(200)
}
