package api_test

import (
	"encoding/json"
	"testing"
	"time"

	"latchkey/internal/account"
	"latchkey/internal/api/apitest"
	"latchkey/internal/factor"
)

func asSupport(u *account.User, _ *traits) { u.Role = account.Support }

// boss is an admin in a session that was just confirmed.
func (h *house) boss() (*person, *apitest.Client) {
	h.t.Helper()
	p := h.person(asAdmin)
	return p, h.api.As(p.confirmed())
}

func at(p *person, rest string) string { return "/admin/users/" + p.id.String() + rest }

// enrolApp turns an app on inside a sign-in that asks for it, and gives the session.
func (p *person) enrolApp(token string) (session string, keys []string) {
	p.h.t.Helper()
	api := p.h.api.As(token)
	p.secret = api.Post("/sign-ins/current/enrolments", apitest.M{"method": "app", "name": "New phone"}).Want(201).Text("secret")
	keys = api.Post("/sign-ins/current/enrolments/confirm", codeBody("app", p.nextAppCode())).Want(200).Texts("recovery_keys")
	return api.Post("/sign-ins/current/complete", apitest.M{"recovery_keys_saved": true}).Want(200).Text("session_token"), keys
}

// turnOnApp turns an app on under /me, in a confirmed session.
func (p *person) turnOnApp(session string) {
	p.h.t.Helper()
	api := p.h.api.As(session)
	p.secret = api.Post("/me/two-factor/enrolments", apitest.M{"method": "app"}).Want(201).Text("secret")
	p.keys = api.Post("/me/two-factor/enrolments/confirm", codeBody("app", p.appCode())).Want(200).Texts("recovery_keys")
}

// status is how far the password alone gets.
func (p *person) status() string {
	p.h.t.Helper()
	return p.start().Text("status")
}

// The first system: a portal where people guard themselves and admins help.
func TestStoryOfThePortal(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, boss := h.boss()
	own := h.person()
	own.turnOnApp(own.confirmed())
	if own.status() != "second_factor" {
		t.Error("the app is on and not asked for")
	}

	other := h.person()
	before := other.in()
	boss.Do("PUT", at(other, "/requirement"), apitest.M{"reason": "handles invoices"}).Want(204)
	h.api.As(before).Get("/me").Want(200) // a running session goes on
	first := other.start()
	if first.Text("status") != "enrolment" || first.Field("skippable_until") != nil {
		t.Fatalf("%s", first.Body)
	}
	session, keys := other.enrolApp(first.Text("sign_in_token"))
	h.api.As(before).Get("/me").WantProblem(401, "unauthenticated") // turning a method on ends the rest
	if len(keys) != 10 {
		t.Errorf("%d recovery keys", len(keys))
	}

	boss.Post(at(other, "/two-factor/app/reset"), apitest.M{"reason": "lost the phone"}).Want(204)
	h.api.As(session).Get("/me").WantProblem(401, "unauthenticated")
	if got := boss.Get(at(other, "")).Want(200); got.Text("required.by") != "reset" || got.Field("two_factor") != false {
		t.Errorf("%s", got.Body)
	}
	other.enrolApp(other.signIn())

	// While an admin requires it, it can be reset and not turned off.
	boss.Delete(at(other, "/two-factor")).WantProblem(403, "two_factor_required")
	boss.Delete(at(other, "/requirement?reason=left+the+team")).Want(204)
	boss.Post(at(other, "/two-factor/app/reset"), nil).Want(204)
	boss.Delete(at(other, "/two-factor")).Want(204)
	if other.status() != "complete" {
		t.Error("two-factor is off and still asked for")
	}
	if n := h.mails("admin_changed_two_factor", other.email); n != 5 {
		t.Errorf("%d mails, want one for each act", n)
	}
}

// The second: a telephone system.
func TestStoryOfThePBX(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, boss := h.boss()
	p := h.person()
	session := h.api.As(p.in())
	session.Post("/me/two-factor/enrolments", apitest.M{"method": "app"}).WantProblem(403, "confirmation_required")
	session.Post("/me/confirmations", apitest.M{"password": "not it"}).WantProblem(401, "wrong_credentials")
	session.Post("/me/confirmations", apitest.M{"password": password}).Want(200)
	begun := session.Post("/me/two-factor/enrolments", apitest.M{"method": "app"}).Want(201)
	if len(begun.Text("secret")) != 32 {
		t.Error("no secret to type in")
	}
	p.secret = begun.Text("secret")
	session.Post("/me/two-factor/enrolments/confirm", codeBody("app", p.appCode())).Want(200)
	if p.status() != "second_factor" {
		t.Error("not asked for")
	}
	boss.Delete(at(p, "/two-factor?reason=wrong+phone")).Want(204)
	session.Get("/me").WantProblem(401, "unauthenticated")
	if p.status() != "complete" {
		t.Error("the password alone does not sign in")
	}
}

// The third: codes by email, and an app after the first login.
func TestStoryOfCodesByEmail(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(unverified)
	session := p.confirmed()
	api := h.api.As(session)
	api.Post("/me/two-factor/enrolments", apitest.M{"method": "email"}).WantProblem(409, "email_not_verified")
	api.Post("/me/email-verification", nil).Want(202)
	api.Post("/me/email-verification/confirm", apitest.M{"code": p.mailed(factor.VerifyEmail)}).Want(200)
	api.Post("/me/two-factor/enrolments", apitest.M{"method": "email"}).Want(201)
	p.keys = api.Post("/me/two-factor/enrolments/confirm", codeBody("email", p.mailed(factor.Enrolling))).Want(200).Texts("recovery_keys")

	// New keys and turning it off, each after a code by email.
	h.clock.Advance(11 * time.Minute)
	api.Post("/me/confirmations/email-code", nil).Want(202)
	api.Post("/me/confirmations", apitest.M{"password": password, "method": "email", "code": p.mailed(factor.Confirmation)}).Want(200)
	fresh := api.Post("/me/recovery-keys", nil).Want(201)
	old := p.keys[0]
	p.verify(p.signIn(), "recovery_key", old).WantProblem(422, "wrong_code")
	done := p.verify(p.signIn(), "recovery_key", fresh.Text("keys.0.key")).Want(200)
	if done.Text("status") != "complete" || done.Field("recovery_keys_left") != 9.0 {
		t.Errorf("%s", done.Body)
	}
	api.Delete("/me/two-factor").Want(200)
	if p.status() != "complete" {
		t.Error("turned off and still asked for")
	}

	// Required after the first login: the next one enrols an app.
	h.rules(requireEveryone)
	first := p.start()
	if first.Text("status") != "enrolment" || first.Field("skippable_until") == nil {
		t.Fatalf("%s", first.Body)
	}
	p.enrolApp(first.Text("sign_in_token"))
}

// The fourth: keys that can be viewed, sign-in by API, and tokens.
func TestStoryOfTheAPI(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	session := p.confirmed()
	api := h.api.As(session)
	shown := api.Get("/me/recovery-keys").Want(200).Text("keys.0.key")
	if shown != p.keys[0] {
		t.Error("the keys can't be viewed again")
	}
	p.verify(p.signIn(), "recovery_key", shown).Want(200)
	p.verify(p.signIn(), "recovery_key", shown).WantProblem(422, "code_used")
	fresh := api.Post("/me/recovery-keys", nil).Want(201).Text("keys.0.key")
	p.verify(p.signIn(), "recovery_key", p.keys[1]).WantProblem(422, "wrong_code")
	p.verify(p.signIn(), "recovery_key", fresh).Want(200)

	token := api.Post("/me/tokens", apitest.M{"name": "backup", "scopes": []string{"read"}}).Want(201).Text("token")
	if got := h.api.As(token).Get("/me").Want(200); got.Text("email") != p.email {
		t.Errorf("%s", got.Body)
	}
}

// The fifth: required of everyone.
func TestStoryOfRequiringItOfEveryone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, boss := h.boss()
	p, has := h.person(), h.person(withApp)
	running := p.in()
	now := boss.Get("/admin/policy").Want(200)
	p0 := apitest.As[apitest.M](now)
	p0["require"], p0["grace_days"] = "everyone", 0
	preview := boss.Post("/admin/policy/preview", p0).Want(200)
	if preview.Field("must_enrol") != 2.0 || preview.Field("email_only") != 0.0 { // p, and the boss
		t.Errorf("%s", preview.Body)
	}
	saved := boss.Header("If-Match", now.Header.Get("ETag")).Do("PUT", "/admin/policy", p0).Want(200)
	if saved.Header.Get("ETag") != `"2"` || saved.Field("version") != 2.0 || saved.Text("preset") != "compatible" {
		t.Errorf("%s %s", saved.Header.Get("ETag"), saved.Body)
	}
	h.api.As(running).Get("/me").Want(200)
	if has.status() != "second_factor" {
		t.Error("who has one is led to enrol")
	}
	first := p.start()
	if first.Text("status") != "enrolment" || first.Field("skippable_until") != nil {
		t.Fatalf("%s", first.Body)
	}
	p.enrolApp(first.Text("sign_in_token"))

	p0["require"] = "nobody"
	boss.Header("If-Match", `"2"`).Do("PUT", "/admin/policy", p0).Want(200)
	if p.status() != "second_factor" || has.status() != "second_factor" {
		t.Error("lifting the requirement turned two-factor off")
	}
}

// link is the token in the newest mail of a kind to an address.
func (h *house) link(kind, to string) string {
	h.t.Helper()
	var row struct {
		ID     string `db:"id"`
		Sealed []byte `db:"sealed"`
	}
	err := h.db.GetContext(h.t.Context(), &row, `
		SELECT id, sealed FROM mails WHERE kind = $1 AND recipient = $2 ORDER BY created_at DESC, id DESC LIMIT 1`, kind, to)
	if err != nil {
		h.t.Fatalf("no %s mail: %v", kind, err)
	}
	plain, err := h.keys.Mail.Open(row.Sealed, "mail", row.ID, kind, to)
	if err != nil {
		h.t.Fatal(err)
	}
	var content struct{ Mail struct{ Token string } }
	if err := json.Unmarshal(plain, &content); err != nil {
		h.t.Fatal(err)
	}
	return content.Mail.Token
}
