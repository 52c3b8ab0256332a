package attack_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"latchkey/internal/api/apitest"
	"latchkey/internal/factor"
)

var sessions = []line{
	{"EnablingEndsTheRest", "other sessions survived turning a method on (Redmine)", enablingEndsTheRest, ""},
	{"DisablingEndsTheRest", "other sessions survived turning a method off (OpenProject)", disablingEndsTheRest, ""},
	{"ResetEndsTheRest", "sessions survived a password reset (Rocket.Chat)", resetEndsTheRest, ""},
	{"PasswordEndsTheRest", "other sessions survived a new password (Rocket.Chat)", passwordEndsTheRest, ""},
	{"EmailEndsTheRest", "other sessions survived a new address", emailEndsTheRest, ""},
	{"Fixation", "a session that was planted before sign-in was signed in by it (Zitadel, CVE-2024-28197)", fixation, ""},
	{"FixationAtConfirmation", "the same at a confirmation", fixationAtConfirmation, ""},
	{"ForgedDevice", "a made-up token, or another user's, made a browser a trusted one (scheb)", forgedDevice, ""},
	{"ExpiredDevice", "a trusted device outlived its days (scheb)", expiredDevice, ""},
	{"DeviceAfterItsEnd", "trust in a device survived its end", deviceAfterItsEnd, ""},
	{"RedirectElsewhere", "sign-in led to another site: //e, /\\e, /%5ce, https:e, @, javascript: (Miniflux, Gitea)", redirectElsewhere, ""},
	{"SignOutInTheBrowserOnly", "signing out deleted a cookie and ended nothing", signOutInTheBrowserOnly, ""},
	{"ExpiredSession", "a session lived until a job cleaned it away (authentik, CVE-2025-64708)", expiredSession, ""},
	{"ExpiredSignIn", "the same with an unfinished sign-in", expiredSignIn, ""},
	{"ExpiredCode", "the same with a mailed code", expiredCode, ""},
	{"ExpiredLink", "the same with a mailed link", expiredLink, ""},
	{"ExpiredConfirmation", "the same with a confirmation", expiredConfirmation, ""},
	{"TokenOutlivesUser", "an access token outlived its user", tokenOutlivesUser, ""},
	{"TokenEscalates", "an access token did more than its scopes, or than its user may", tokenEscalates, ""},
	{"TruncatedToken", "the beginning of a token was taken for the whole (Zitadel, CVE-2026-27840)", truncatedToken, ""},
	{"TokenUnconfirmed", "whoever met an open session made a token that outlived it (Nextcloud)", tokenUnconfirmed, ""},
	{"ExpiredToken", "an access token lived until a job cleaned it away", expiredToken, ""},
}

func TestAttackSessions(t *testing.T) { attack(t, sessions) }

// rest is what else is open of somebody while something changes: an app's
// session, a browser's, a sign-in that waits, a trusted device.
type rest struct {
	p      *person
	api    *apitest.Client
	page   *browser
	open   *apitest.Client
	device string
}

func (p *person) rest() rest {
	p.t.Helper()
	r := rest{p: p, page: p.t.browser()}
	r.page.start(p)
	if p.secret == "" {
		r.api = p.session()
	} else {
		r.page.code("recovery_key", p.key())
		in := p.open().Post("/sign-ins/current/verify", M{"method": "app", "code": p.app(), "trust_device": true}).Want(http.StatusOK)
		r.api, r.device, r.open = p.t.api().As(in.Text("session_token")), in.Text("trusted_device"), p.open()
		if in := p.with(r.device, password); in.Text("status") != "complete" {
			p.t.Fatalf("the device is not trusted: %s", in.Body)
		}
	}
	r.api.Get("/me").Want(http.StatusOK)
	if !r.page.in() {
		p.t.Fatal("the browser is not signed in")
	}
	return r
}

// with is the password step from a device that says it is trusted.
func (p *person) with(device, password string) *apitest.Response {
	p.t.Helper()
	return p.t.api().Post("/sign-ins", M{"email": p.email, "password": password, "trusted_device": device}).Want(http.StatusOK)
}

// over checks that nothing of it is left.
func (r rest) over(password string) {
	t := r.p.t
	t.Helper()
	r.api.Get("/me").WantProblem(401, "unauthenticated")
	if r.page.in() {
		t.Error("the other browser is still signed in")
	}
	if r.open != nil {
		r.open.Get("/sign-ins/current").WantProblem(401, "unauthenticated")
	}
	if r.device != "" {
		if in := r.p.with(r.device, password); in.Text("status") != "second_factor" {
			t.Errorf("the device is still trusted: %s", in.Text("status"))
		}
	}
}

const newPassword = "brisk herons wade at 7"

func enablingEndsTheRest(t *scene) {
	ada := t.person()
	rest, me := ada.rest(), ada.confirmed()
	ada.secret = me.Post("/me/two-factor/enrolments", M{"method": "app", "name": "Phone"}).Want(http.StatusCreated).Text("secret")
	me.Post("/me/two-factor/enrolments/confirm", M{"method": "app", "code": ada.app()}).Want(http.StatusOK)
	me.Get("/me").Want(http.StatusOK)
	rest.over(password)
}

func disablingEndsTheRest(t *scene) {
	ada := t.person(factor.App, factor.Email)
	rest, me := ada.rest(), ada.confirmed()
	id := me.Get("/me/two-factor").Want(http.StatusOK).Text("methods.1.id")
	me.Delete("/me/two-factor/methods/" + id).Want(http.StatusOK)
	me.Get("/me").Want(http.StatusOK)
	rest.over(password)
}

func resetEndsTheRest(t *scene) {
	ada := t.person(factor.App)
	rest := ada.rest()
	t.api().Post("/password-resets", M{"email": ada.email}).Want(http.StatusAccepted)
	token := t.link(ada.email, "/password-resets/")
	t.api().Post("/password-resets/confirm", M{"token": token, "password": newPassword}).Want(http.StatusNoContent)
	rest.over(newPassword)
}

func passwordEndsTheRest(t *scene) {
	ada := t.person(factor.App)
	rest, me := ada.rest(), ada.confirmed()
	me.Post("/me/password", M{"password": newPassword}).Want(http.StatusNoContent)
	me.Get("/me").Want(http.StatusOK)
	rest.over(newPassword)
}

func emailEndsTheRest(t *scene) {
	ada := t.person(factor.App)
	rest, me := ada.rest(), ada.confirmed()
	to := "new-" + ada.email
	code := t.code(to, me.Post("/me/email-change", M{"email": to}).Want(http.StatusAccepted).Text("reference"))
	me.Post("/me/email-change/confirm", M{"code": code}).Want(http.StatusOK)
	ada.email = to
	rest.over(password)
}

// fixation plants a session in a browser before somebody signs in there, and
// then looks what that, and the cookie of the unfinished sign-in, are good for.
func fixation(t *scene) {
	ada, b := t.person(factor.App), t.browser()
	planted := "lks_" + strings.Repeat("A", 43)
	b.plant("session", planted)
	b.start(ada)
	signIn, _, _ := strings.Cut(b.cookie("sign-in"), ".")
	b.code("app", ada.app())
	if !b.in() {
		t.Fatal("not signed in")
	}
	for name, value := range map[string]string{"planted session": planted, "token of the sign-in": signIn} {
		thief := t.browser()
		thief.plant("session", value)
		if thief.in() {
			t.Errorf("the %s is signed in", name)
		}
		t.api().As(value).Bad().Get("/me").WantProblem(401, "unauthenticated")
	}
}

// fixationAtConfirmation: whoever saw a browser's token before its user
// confirmed doesn't hold the confirmed session.
func fixationAtConfirmation(t *scene) {
	ada, b, thief := t.person(factor.App), t.browser(), t.browser()
	b.start(ada)
	b.code("app", ada.app())
	thief.plant("session", b.cookie("session"))
	if !thief.in() {
		t.Fatal("the token as it was opens nothing: nothing is shown by its end")
	}
	b.post("/account/confirm", M{"password": password, "method": "recovery_key", "code": ada.key()})
	if b.get("/account/security/off").Status != http.StatusOK {
		t.Fatal("not confirmed")
	}
	if thief.in() {
		t.Error("the token of before the confirmation still opens the account")
	}
}

func forgedDevice(t *scene) {
	ada, eve := t.person(factor.App), t.person(factor.App)
	trust := func(p *person) string {
		return p.open().Post("/sign-ins/current/verify", M{"method": "app", "code": p.app(), "trust_device": true}).
			Want(http.StatusOK).Text("trusted_device")
	}
	adas, eves := trust(ada), trust(eve)
	for name, token := range map[string]string{
		"another user's": eves, "changed at its end": adas[:len(adas)-2] + flip(adas[len(adas)-2:]), "cut": adas[:len(adas)-1],
		"longer": adas + "A", "made up": "lkd_" + strings.Repeat("A", 43), "its body alone": adas[4:], "another kind": "lks_" + adas[4:],
		"a list": adas + "," + eves,
	} {
		if in := ada.with(token, password); in.Text("status") != "second_factor" {
			t.Errorf("%s: %s", name, in.Text("status"))
		}
	}
	b := t.browser()
	b.plant("trusted-device", eves)
	if to := b.start(ada).To(); to != "/sign-in/code" {
		t.Errorf("another user's, on the page: led to %s", to)
	}
}

// flip changes the first of some characters of a token.
func flip(s string) string {
	if s[0] == 'A' {
		return "B" + s[1:]
	}
	return "A" + s[1:]
}

func expiredDevice(t *scene) {
	ada := t.person(factor.App)
	device := ada.rest().device
	t.exec(`UPDATE trusted_devices SET created_at = created_at - interval '31 days', expires_at = now() - interval '1 second' WHERE user_id = $1`, ada.id)
	if in := ada.with(device, password); in.Text("status") != "second_factor" {
		t.Errorf("after its days: %s", in.Text("status"))
	}
}

// deviceAfterItsEnd ends the trust in a list, and by a change.
func deviceAfterItsEnd(t *scene) {
	ada := t.person(factor.App)
	device, me := ada.rest().device, ada.confirmed()
	me.Delete("/me/trusted-devices/" + me.Get("/me/trusted-devices").Want(http.StatusOK).Text("items.0.id")).Want(http.StatusNoContent)
	if in := ada.with(device, password); in.Text("status") != "second_factor" {
		t.Errorf("ended in the list: %s", in.Text("status"))
	}
	in := verify(ada.open().Header("User-Agent", "Second/1.0"), "recovery_key", ada.key()).Want(http.StatusOK)
	me = t.api().As(in.Text("session_token"))
	device = ada.open().Post("/sign-ins/current/verify", M{"method": "app", "code": ada.app(), "trust_device": true}).
		Want(http.StatusOK).Text("trusted_device")
	me.Post("/me/password", M{"password": newPassword}).Want(http.StatusNoContent)
	if in := ada.with(device, newPassword); in.Text("status") != "second_factor" {
		t.Errorf("after a new password: %s", in.Text("status"))
	}
}

// elsewhere are spellings that some browser, or some parser in front, reads as
// another site.
var elsewhere = []string{
	"//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "/%5cevil.example", "/%2fevil.example",
	"https:evil.example", "https:/evil.example", "https://evil.example", "https:\\\\evil.example", "@evil.example",
	"/@evil.example", ".evil.example", ":443@evil.example", "javascript:alert('evil')", "java\nscript:evil", "data:text/html,evil",
	"/\t/evil.example", " //evil.example", "/account/..//evil.example", "/.//evil.example", "//id.example.org@evil.example",
	"/account?return_to=//evil.example", "/account#//evil.example",
}

// redirectElsewhere gives each wherever a way back is taken: the sign-in page,
// its form, the cookie that carries it over the second step, the confirmation.
func redirectElsewhere(t *scene) {
	led := func(where, to string, p page) {
		t.Helper()
		said := p.To() + p.Body + strings.Join(p.Header.Values("Refresh"), "")
		for range 3 { // however often it is escaped
			said, _ = url.PathUnescape(said)
		}
		if strings.Contains(said, "evil") {
			t.Errorf("%s with %q leads to %q", where, to, p.To())
		}
	}
	ada := t.person()
	me := t.browser()
	me.start(ada)
	for i, to := range elsewhere {
		query := "?return_to=" + url.QueryEscape(to)
		b := t.browser()
		led("the page", to, b.get("/sign-in"+query))
		if i%4 == 0 { // a password is hashed for each
			led("its form", to, b.post("/sign-in", M{"email": ada.email, "password": password, "return_to": to}))
			led("confirmation", to, me.post("/account/confirm", M{"password": password, "return_to": to}))
		}
		led("the first page", to, me.get("/account"+query))
		led("confirmation's page", to, me.get("/account/confirm"+query))
		me.plant("sign-in", "lki_"+strings.Repeat("A", 43)+"."+base64.RawURLEncoding.EncodeToString([]byte(to)))
		led("the code's page", to, me.get("/sign-in/code"))
		led("a path", to, me.get("/"+url.PathEscape(to)))
	}
	eve, b := t.person(factor.App), t.browser()
	for _, to := range []string{"//evil.example", "/\\evil.example", "https:evil.example"} {
		b.post("/sign-in", M{"email": eve.email, "password": password, "return_to": to})
		token, _, _ := strings.Cut(b.cookie("sign-in"), ".")
		b.plant("sign-in", token+"."+base64.RawURLEncoding.EncodeToString([]byte(to)))
		led("the second step", to, b.code("recovery_key", eve.key()))
		b.post("/sign-out", M{})
	}
}

func signOutInTheBrowserOnly(t *scene) {
	ada, b, thief := t.person(), t.browser(), t.browser()
	b.start(ada)
	thief.plant("session", b.cookie("session"))
	if !b.in() || !thief.in() {
		t.Fatal("not signed in")
	}
	b.post("/sign-out", M{})
	if b.in() || thief.in() {
		t.Error("a copy of the cookie is still signed in")
	}
	me := ada.session()
	me.Delete("/me/sessions/current").Want(http.StatusNoContent)
	me.Get("/me").WantProblem(401, "unauthenticated")
}
