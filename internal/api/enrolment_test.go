package api_test

import (
	"context"
	"testing"
	"time"

	"latchkey/internal/account"
	"latchkey/internal/api/apitest"
	"latchkey/internal/factor"
	"latchkey/internal/pg"
	"latchkey/internal/policy"
)

func TestWhoMustEnrolDoesSoAtSignIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person()
	p.require()
	first := p.start()
	if first.Text("status") != "enrolment" || first.Field("session_token") != nil || first.Field("skippable_until") != nil ||
		first.Text("methods.0.method") != "app" || first.Text("methods.1.method") != "email" {
		t.Fatalf("%s", first.Body)
	}
	token := first.Text("sign_in_token")
	open := h.api.As(token)
	// Nothing else opens, and no step can be left out.
	h.api.Bad().As(token).Get("/me").WantProblem(401, "unauthenticated")
	p.verify(token, "app", "123456").WantProblem(409, "conflict")
	open.Post("/sign-ins/current/complete", apitest.M{"recovery_keys_saved": true}).WantProblem(409, "conflict")
	open.Post("/sign-ins/current/complete", apitest.M{"skip": true}).WantProblem(409, "conflict")
	open.Post("/sign-ins/current/enrolments/confirm", codeBody("app", "123456")).WantProblem(409, "conflict")
	open.Post("/sign-ins/current/email-code", nil).WantProblem(409, "conflict")

	secret := open.Post("/sign-ins/current/enrolments", apitest.M{"method": "app", "name": "Phone"}).Want(201).Text("secret")
	again := open.Post("/sign-ins/current/enrolments", apitest.M{"method": "app", "name": "Phone"}).Want(201).Text("secret")
	open.Post("/sign-ins/current/enrolments/confirm", codeBody("app", codeOf(h, secret, 0))).WantProblem(422, "wrong_code")
	keys := open.Post("/sign-ins/current/enrolments/confirm", codeBody("app", codeOf(h, again, 0))).Want(200).Texts("recovery_keys")
	if len(keys) != 10 {
		t.Fatalf("%d keys", len(keys))
	}
	if n := h.count(`SELECT count(*) FROM sessions`); n != 0 {
		t.Fatalf("%d sessions before the keys are saved", n)
	}
	open.Post("/sign-ins/current/enrolments/confirm", codeBody("app", codeOf(h, again, 0))).WantProblem(409, "already_enabled")
	open.Post("/sign-ins/current/enrolments", apitest.M{"method": "email"}).WantProblem(409, "conflict")
	open.Post("/sign-ins/current/complete", apitest.M{"skip": true}).WantProblem(409, "conflict")
	done := open.Post("/sign-ins/current/complete", apitest.M{"recovery_keys_saved": true}).Want(200)
	if done.Text("status") != "complete" || done.Text("assurance") != "two_factor" || done.Field("user.two_factor") != true {
		t.Errorf("%s", done.Body)
	}
	me := h.api.As(done.Text("session_token"))
	if got := me.Get("/me/policy").Want(200); got.Text("required.by") != "admin" || got.Field("enrol") != false {
		t.Errorf("%s", got.Body)
	}
	// A sign-in alone confirms nothing; and the last method stays.
	me.Delete("/me/two-factor").WantProblem(403, "confirmation_required")
	h.clock.Advance(30 * time.Second)
	me.Post("/me/confirmations", apitest.M{"password": password, "method": "app", "code": codeOf(h, again, 0)}).Want(200)
	me.Delete("/me/two-factor").WantProblem(403, "two_factor_required")
}

// One code proves address and method together.
func TestEnrollingEmailAtSignInProvesTheAddress(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(unverified)
	p.require()
	token := p.signIn()
	open := h.api.As(token)
	if got := open.Post("/sign-ins/current/enrolments", apitest.M{"method": "email"}).Want(201); got.Text("sent_to") != p.email || got.Field("secret") != nil {
		t.Errorf("%s", got.Body)
	}
	code := p.mailed(factor.Enrolling)
	p.verify(token, "email", code).WantProblem(409, "conflict")
	open.Post("/sign-ins/current/enrolments/confirm", codeBody("email", code)).Want(200)
	done := open.Post("/sign-ins/current/complete", apitest.M{"recovery_keys_saved": true}).Want(200)
	if done.Text("assurance") != "two_step" || done.Field("user.email_verified") != true {
		t.Errorf("%s", done.Body)
	}
}

func TestWithinGraceTheEnrolmentCanBeSkipped(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person()
	h.rules(requireEveryone)
	until := h.clock.Now().AddDate(0, 0, 14)
	first := p.start()
	if got := first.Time("skippable_until"); first.Text("status") != "enrolment" || !got.Equal(until) {
		t.Fatalf("%s", first.Body)
	}
	// skip stands alone: not after a method was proved.
	proved := p.signIn()
	secret := h.api.As(proved).Post("/sign-ins/current/enrolments", apitest.M{"method": "app"}).Want(201).Text("secret")
	done := h.api.As(first.Text("sign_in_token")).Post("/sign-ins/current/complete", apitest.M{"skip": true}).Want(200)
	if done.Text("assurance") != "password" {
		t.Errorf("%s", done.Body)
	}
	if got := h.api.As(done.Text("session_token")).Get("/me/policy").Want(200); got.Text("required.by") != "policy" || !got.Time("until").Equal(until) {
		t.Errorf("%s", got.Body)
	}
	h.api.As(proved).Post("/sign-ins/current/enrolments/confirm", codeBody("app", codeOf(h, secret, 0))).Want(200)
	h.api.As(proved).Post("/sign-ins/current/complete", apitest.M{"skip": true}).WantProblem(409, "conflict")
	h.exec(`DELETE FROM methods`)

	h.clock.Set(until.Add(-time.Second))
	late := p.signIn()
	h.clock.Advance(time.Second) // the date comes while it is open
	h.api.As(late).Post("/sign-ins/current/complete", apitest.M{"skip": true}).WantProblem(409, "conflict")
	if got := p.start(); got.Field("skippable_until") != nil {
		t.Errorf("%s", got.Body)
	}
}

// Arming a stricter policy strands nobody: the old method is proved once more.
func TestATakenAwayMethodIsProvedOnceAndReplaced(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withEmail)
	h.rules(func(r *policy.Rules) { r.EmailMethod = policy.Off; r.Require = policy.Everyone })
	token := p.signIn()
	next := p.verify(token, "email", p.mailed(factor.SignInCode)).Want(200)
	if next.Text("status") != "enrolment" || next.Text("methods.0.method") != "app" || next.Field("methods.1") != nil {
		t.Fatalf("%s", next.Body)
	}
	open := h.api.As(token)
	open.Post("/sign-ins/current/complete", apitest.M{"skip": true}).WantProblem(409, "conflict")
	open.Post("/sign-ins/current/enrolments", apitest.M{"method": "email"}).WantProblem(409, "already_enabled")
	secret := open.Post("/sign-ins/current/enrolments", apitest.M{"method": "app"}).Want(201).Text("secret")
	if got := open.Post("/sign-ins/current/enrolments/confirm", codeBody("app", codeOf(h, secret, 0))).Want(200).Texts("recovery_keys"); len(got) != 0 {
		t.Errorf("a second set of keys: %q", got)
	}
	if got := open.Post("/sign-ins/current/complete", apitest.M{"recovery_keys_saved": true}).Want(200); got.Text("assurance") != "two_factor" {
		t.Errorf("%s", got.Body)
	}
	if again := p.start(); again.Text("methods.0.method") != "app" || again.Field("methods.1") != nil || again.Field("delivery") != nil {
		t.Errorf("%s", again.Body)
	}
}

func TestAResetIsSetUpAgainAtTheNextSignIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	session, other := p.confirmed(), p.in()
	h.api.As(session).Post("/me/two-factor/app/reset", nil).Want(204)
	for _, gone := range []string{session, other} {
		h.api.As(gone).Get("/me").WantProblem(401, "unauthenticated")
	}
	if n := h.mails("app_reset", p.email); n != 1 {
		t.Errorf("%d mails tell of it", n)
	}
	first := p.start()
	if first.Text("status") != "enrolment" || first.Field("skippable_until") != nil {
		t.Fatalf("%s", first.Body)
	}
	token := first.Text("sign_in_token")
	// The keys went with the last method.
	p.verify(token, "recovery_key", p.keys[0]).WantProblem(409, "conflict")
	secret := h.api.As(token).Post("/sign-ins/current/enrolments", apitest.M{"method": "app"}).Want(201).Text("secret")
	if keys := h.api.As(token).Post("/sign-ins/current/enrolments/confirm", codeBody("app", codeOf(h, secret, 0))).Want(200).Texts("recovery_keys"); len(keys) != 10 {
		t.Errorf("%d keys", len(keys))
	}
	done := h.api.As(token).Post("/sign-ins/current/complete", apitest.M{"recovery_keys_saved": true}).Want(200)
	if got := h.api.As(done.Text("session_token")).Get("/me/two-factor").Want(200); got.Field("required.by") != nil {
		t.Errorf("proved, and yet %s", got.Body)
	}
}

func TestAResetWithAnotherMethodAsksThatFirst(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp, withEmail)
	h.api.As(p.confirmed()).Post("/me/two-factor/app/reset", nil).Want(204)
	p.secret = ""
	first := p.start()
	if first.Text("status") != "second_factor" || first.Text("delivery") != "queued" {
		t.Fatalf("%s", first.Body)
	}
	token := first.Text("sign_in_token")
	if next := p.verify(token, "email", p.mailed(factor.SignInCode)).Want(200); next.Text("status") != "enrolment" {
		t.Fatalf("%s", next.Body)
	}
	h.api.As(token).Post("/sign-ins/current/complete", apitest.M{"skip": true}).WantProblem(409, "conflict")
}

func TestPolicyWorksAtTheNextSignInAndEndsNoSession(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person()
	session := p.in()
	p.require()
	h.api.As(session).Get("/me").Want(200)
	if got := p.start().Text("status"); got != "enrolment" {
		t.Errorf("the next sign-in is %s", got)
	}
	h.tx(func(ctx context.Context, tx *pg.Tx) error { return account.RequireTx(ctx, tx, p.id, nil) })
	if got := p.start().Text("status"); got != "complete" {
		t.Errorf("after the requirement was lifted it is %s", got)
	}
}

// An enrolment that is not proved counts for nothing, and dies.
func TestAnUnprovedEnrolmentCountsForNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	session := p.confirmed()
	me := h.api.As(session)
	app := me.Get("/me/two-factor").Want(200).Text("methods.0.id")
	secret := me.Post("/me/two-factor/enrolments", apitest.M{"method": "app", "name": "New phone", "replaces": app}).Want(201).Text("secret")
	// Devolutions CVE-2026-9047: the running method must not be demoted by it.
	p.verify(p.signIn(), "app", codeOf(h, secret, 0)).WantProblem(422, "wrong_code")
	p.verify(p.signIn(), "app", p.nextAppCode()).Want(200)
	h.clock.Advance(10 * time.Minute)
	p.confirm(session)
	me.Post("/me/two-factor/enrolments/confirm", codeBody("app", codeOf(h, secret, 0))).WantProblem(422, "code_expired")

	secret = me.Post("/me/two-factor/enrolments", apitest.M{"method": "app", "name": "New phone", "replaces": app}).Want(201).Text("secret")
	// A phone whose clock is off is told so, here only.
	if got := me.Post("/me/two-factor/enrolments/confirm", codeBody("app", codeOf(h, secret, 6))).WantProblem(422, "wrong_code"); got.Detail == "" || !contains(got.Detail, "3 minutes") {
		t.Errorf("%+v", got)
	}
	me.Post("/me/two-factor/enrolments/confirm", codeBody("app", codeOf(h, secret, 0))).Want(200)
	p.verify(p.signIn(), "app", p.nextAppCode()).WantProblem(422, "wrong_code") // the old app has ended
	p.verify(p.signIn(), "app", codeOf(h, secret, 0)).Want(200)
}

func TestThreeAppsAndOneEmailAreTheMost(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp, withEmail)
	session := p.confirmed()
	me := h.api.As(session)
	for _, name := range []string{"Tablet", "Laptop"} {
		secret := me.Post("/me/two-factor/enrolments", apitest.M{"method": "app", "name": name}).Want(201).Text("secret")
		me.Post("/me/two-factor/enrolments/confirm", codeBody("app", codeOf(h, secret, 0))).Want(200)
	}
	me.Post("/me/two-factor/enrolments", apitest.M{"method": "app", "name": "Watch"}).WantProblem(409, "already_enabled")
	me.Post("/me/two-factor/enrolments", apitest.M{"method": "email"}).WantProblem(409, "already_enabled")
	// A code is tried against all apps and charged once.
	p.verify(p.signIn(), "app", "000000")
	if n := h.charged(p.id); n != 1 {
		t.Errorf("%d charged", n)
	}
	if got := p.start(); got.Text("methods.0.hint") != "Phone, Tablet, Laptop" || got.Field("methods.2") != nil {
		t.Errorf("%s", got.Body)
	}
}
