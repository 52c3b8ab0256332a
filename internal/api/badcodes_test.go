package api_test

import (
	"strings"
	"testing"
	"time"

	"latchkey/internal/api/apitest"
	"latchkey/internal/factor"
)

// What a person may type for a right code.
func TestRightCodesHoweverTyped(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp, withEmail)
	wide := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r >= '!' && r <= '~' {
				return r + 0xfee0
			}
			return r
		}, s)
	}
	for name, typed := range map[string]func(string) string{
		"as it is":   func(s string) string { return s },
		"spaces":     func(s string) string { return " " + s[:3] + " " + s[3:] + " " },
		"hyphen":     func(s string) string { return s[:3] + "-" + s[3:] },
		"full width": wide,
		"NBSP":       func(s string) string { return s[:3] + "\u00a0" + s[3:] },
		"zero width": func(s string) string { return s[:3] + "\u200b" + s[3:] + "\ufeff" },
		"pasted":     func(s string) string { return s + "\r\n" },
	} {
		got := p.verify(p.signIn(), "app", typed(p.nextAppCode()))
		if got.Status != 200 {
			t.Errorf("app, %s: %d %s", name, got.Status, got.Body)
		}
	}
	token := p.signIn()
	h.api.As(token).Post("/sign-ins/current/email-code", nil).Want(202)
	p.verify(token, "email", wide(p.mailed(factor.SignInCode))).Want(200)
	for i, typed := range []func(string) string{
		strings.ToLower, func(s string) string { return strings.ReplaceAll(s, "-", "") }, wide,
		func(s string) string { return strings.ReplaceAll(s, "-", " – ") },
		func(s string) string { return strings.NewReplacer("0", "o", "1", "l").Replace(s) },
	} {
		if got := p.verify(p.signIn(), "recovery_key", typed(p.keys[i])); got.Status != 200 {
			t.Errorf("key %s: %d %s", typed(p.keys[i]), got.Status, got.Body)
		}
	}
	if n := h.charged(p.id); n != 0 {
		t.Errorf("%d charged", n)
	}
}

// What is no code at all is refused before it is judged, and charges nothing.
func TestWhatIsNoStringIsNoCode(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	token, session := p.signIn(), p.confirmed()
	code := p.appCode()
	for code[0] == '0' { // JSON has no such number: it would be no complete object
		code = p.nextAppCode()
	}
	for name, raw := range map[string]string{
		"a number": code, "a list": `["` + code + `"]`, "an object": `{"$eq":"` + code + `"}`, "true": `true`, "null": `null`,
		"empty": `""`, "spaces": `"   "`, "zero width": `"\u200b"`, "a float": code + ".0",
	} {
		for path, c := range map[string]*apitest.Client{
			"/sign-ins/current/verify": h.api.Bad().As(token), "/me/confirmations": h.api.Bad().As(session),
			"/me/two-factor/enrolments/confirm": h.api.Bad().As(session),
		} {
			body := `{"method":"app","code":` + raw + `}`
			if path == "/me/confirmations" {
				body = `{"password":"` + password + `","method":"app","code":` + raw + `}`
			}
			if got := c.Post(path, body); got.Status != 400 || !contains(got.Problem().Names(), "code") {
				t.Errorf("%s, %s: %d %s", path, name, got.Status, got.Body)
			}
		}
	}
	for name, body := range map[string]string{
		"a kind unknown": `{"method":"sms","code":"123456"}`, "no kind": `{"code":"123456"}`, "kind a list": `{"method":["app"],"code":"123456"}`,
	} {
		if got := h.api.Bad().As(token).Post("/sign-ins/current/verify", body); got.Status != 400 {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
	}
	if n := h.charged(p.id); n != 0 {
		t.Errorf("%d charged", n)
	}
	p.verify(token, "app", p.nextAppCode()).Want(200)
}

// Strings that are no code of this lock are wrong, and each is charged.
func TestWrongCodesAreCharged(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for name, c := range map[string]struct {
		method string
		code   func(p, stranger *person) string
		want   string
		free   bool // charges nothing
	}{
		"random":             {"app", func(p, _ *person) string { return p.wrongCode() }, "wrong_code", false},
		"letters":            {"app", func(*person, *person) string { return "abcdef" }, "wrong_code", false},
		"seven digits":       {"app", func(p, _ *person) string { return p.appCode() + "0" }, "wrong_code", false},
		"five digits":        {"app", func(p, _ *person) string { return p.appCode()[:5] }, "wrong_code", false},
		"Arabic digits":      {"app", func(*person, *person) string { return "١٢٣٤٥٦" }, "wrong_code", false},
		"two steps old":      {"app", func(p, _ *person) string { return codeOf(p.h, p.secret, -2) }, "wrong_code", false},
		"two steps ahead":    {"app", func(p, _ *person) string { return codeOf(p.h, p.secret, 2) }, "wrong_code", false},
		"somebody's app":     {"app", func(_, s *person) string { return s.appCode() }, "wrong_code", false},
		"the enrolment's":    {"app", func(p, _ *person) string { return codeOf(p.h, p.secret, -1) }, "code_used", false},
		"never issued":       {"email", func(*person, *person) string { return "123456" }, "wrong_code", false},
		"app as email":       {"email", func(p, _ *person) string { return p.appCode() }, "wrong_code", false},
		"key as app":         {"app", func(p, _ *person) string { return p.keys[0] }, "wrong_code", false},
		"any string as key":  {"recovery_key", func(*person, *person) string { return "letmein" }, "wrong_code", true},
		"a typo":             {"recovery_key", func(p, _ *person) string { return typo(p.keys[0]) }, "wrong_code", true},
		"somebody's key":     {"recovery_key", func(_, s *person) string { return s.keys[0] }, "wrong_code", false},
		"never issued pass":  {"recovery_pass", func(p, _ *person) string { return p.keys[0] }, "wrong_code", false},
		"a very long string": {"app", func(*person, *person) string { return strings.Repeat("1", 60_000) }, "wrong_code", false},
	} {
		t.Run(name, func(t *testing.T) {
			h := h.in(t)
			p, stranger := h.person(withApp, withEmail), h.person(withApp)
			token := p.signIn()
			got := p.verify(token, c.method, c.code(p, stranger)).WantProblem(422, c.want)
			charged, left := 1, 4
			if c.free {
				charged, left = 0, 5
			}
			if n := h.charged(p.id); n != charged || got.AttemptsLeft == nil || *got.AttemptsLeft != left {
				t.Errorf("%d charged, %v left", n, got.AttemptsLeft)
			}
			if n := h.charged(stranger.id); n != 0 {
				t.Errorf("somebody else was charged %d", n)
			}
			p.verify(token, "app", p.appCode()).Want(200)
		})
	}
}

// Invariant 3: a code fits one lock.
func TestACodeFitsOneLock(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, stranger := h.person(withEmail), h.person(withEmail)
	first, second, foreign := p.signIn(), p.signIn(), stranger.signIn()
	newest := p.mailed(factor.SignInCode) // of the second sign-in
	p.verify(first, "email", newest).WantProblem(422, "wrong_code")
	stranger.verify(foreign, "email", newest).WantProblem(422, "wrong_code")
	p.verify(second, "email", newest).Want(200)
	p.verify(second, "email", newest).WantProblem(401, "unauthenticated")

	// A confirmation's opens no sign-in, and a sign-in's confirms nothing.
	q := h.person(withEmail)
	session, other := q.in(), q.in()
	h.api.As(session).Post("/me/confirmations/email-code", nil).Want(202)
	confirmation := q.mailed(factor.Confirmation)
	token := q.signIn()
	signIn := q.mailed(factor.SignInCode)
	confirm := func(session, code string) *apitest.Response {
		return h.api.As(session).Post("/me/confirmations", apitest.M{"password": password, "method": "email", "code": code})
	}
	q.verify(token, "email", confirmation).WantProblem(422, "wrong_code")
	confirm(session, signIn).WantProblem(422, "wrong_code")
	confirm(other, confirmation).WantProblem(422, "wrong_code")
	confirm(session, confirmation).Want(200)
	// Gitea: a code spent on one surface was good on another.
	confirm(session, confirmation).WantProblem(422, "code_used")
	if n := h.charged(q.id); n != 4 {
		t.Errorf("%d charged", n)
	}
}

// Five wrong tries end a code by itself, whatever the account's budget says.
func TestACodeDiesOfFiveWrongTries(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(unverified)
	me := h.api.As(p.in())
	me.Post("/me/email-verification", nil).Want(202)
	code := p.mailed(factor.VerifyEmail)
	for range 5 {
		me.Post("/me/email-verification/confirm", apitest.M{"code": other(code)}).WantProblem(422, "wrong_code")
	}
	h.clock.Advance(time.Minute) // the account may guess again, the code is dead
	me.Post("/me/email-verification/confirm", apitest.M{"code": code}).WantProblem(422, "code_expired")
	me.Post("/me/email-verification", nil).Want(202)
	me.Post("/me/email-verification/confirm", apitest.M{"code": p.mailed(factor.VerifyEmail)}).Want(200)
}

// devise-two-factor CVE-2021-43177: a code must not work again in the trailing
// step, nor elsewhere.
func TestAnAppCodeIsSpentEverywhere(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	code := p.appCode()
	session := p.verify(p.signIn(), "app", code).Want(200).Text("session_token")
	confirm := apitest.M{"password": password, "method": "app", "code": code}
	h.api.As(session).Post("/me/confirmations", confirm).WantProblem(422, "code_used")
	h.clock.Advance(30 * time.Second)
	p.verify(p.signIn(), "app", code).WantProblem(422, "code_used")
	// An older one than the spent one is spent with it.
	next := p.signIn()
	p.verify(next, "app", codeOf(h, p.secret, 1)).Want(200)
	p.verify(p.signIn(), "app", p.appCode()).WantProblem(422, "code_used")
}

func TestForeignIdsAreNotFound(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, owner := h.person(withApp), h.person(withApp)
	me := h.api.As(p.confirmed())
	theirs := owner.confirmed()
	_, _ = owner.trusting()
	method := h.api.As(theirs).Get("/me/two-factor").Want(200).Text("methods.0.id")
	session := h.api.As(theirs).Get("/me/sessions").Want(200).Text("items.0.id")
	device := h.api.As(theirs).Get("/me/trusted-devices").Want(200).Text("items.0.id")
	for _, id := range []string{method, session, device, owner.id.String(), "01939c1e-8b2a-7c4e-9f31-5a6f2f0e7d11"} {
		for _, path := range []string{"/me/two-factor/methods/", "/me/sessions/", "/me/trusted-devices/"} {
			me.Delete(path+id).WantProblem(404, "not_found")
		}
		me.Post("/me/two-factor/enrolments", apitest.M{"method": "app", "replaces": id}).WantProblem(404, "not_found")
	}
	for _, id := range []string{"1", "..", strings.ToUpper(method), "{" + method + "}", strings.ReplaceAll(method, "-", "")} {
		if got := me.Bad().Delete("/me/two-factor/methods/" + id); got.Status != 404 {
			t.Errorf("%s: %d %s", id, got.Status, got.Body)
		}
	}
	if got := h.api.As(theirs).Get("/me/two-factor").Want(200); got.Text("methods.0.id") != method {
		t.Errorf("%s", got.Body)
	}
}

// typo changes one symbol of a key.
func typo(key string) string {
	if key[0] == '7' {
		return "8" + key[1:]
	}
	return "7" + key[1:]
}
