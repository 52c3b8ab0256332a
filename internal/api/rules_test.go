package api_test

import (
	"testing"
	"time"

	"latchkey/internal/api/apitest"
	"latchkey/internal/factor"
	"latchkey/internal/policy"
)

// Under `fallback` an email code confirms adding an app, and nothing else.
func TestUnderFallbackAnEmailCodeConfirmsAddingAnAppAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withEmail)
	session := p.in()
	me := h.api.As(session)
	me.Post("/me/confirmations/email-code", nil).Want(202)
	code := p.mailed(factor.Confirmation)
	me.Post("/me/confirmations", apitest.M{"password": password, "method": "email", "code": code}).Want(200)
	h.rules(func(r *policy.Rules) { r.EmailMethod = policy.Fallback })
	for _, locked := range []*apitest.Response{
		me.Post("/me/password", apitest.M{"password": "seven lazy herons wade"}), me.Get("/me/recovery-keys"),
		me.Post("/me/recovery-keys", nil), me.Delete("/me/two-factor"), me.Delete("/me"),
	} {
		locked.WantProblem(403, "confirmation_required")
	}
	secret := me.Post("/me/two-factor/enrolments", apitest.M{"method": "app"}).Want(201).Text("secret")
	me.Post("/me/two-factor/enrolments/confirm", codeBody("app", codeOf(h, secret, 0))).Want(200)
	// With an app there is no falling back.
	if got := p.start(); got.Text("methods.0.method") != "app" || got.Field("methods.1") != nil || got.Field("delivery") != nil {
		t.Errorf("%s", got.Body)
	}
}

// The mailbox alone must not be the whole account (Kratos #4317).
func TestAfterAResetByMailAnEmailCodeIsNotEnough(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withEmail)
	h.exec(`UPDATE users SET password_reset_at = $2 WHERE id = $1`, p.id, h.clock.Now())
	session := p.in() // Compatible: it signs in, and confirms nothing 🔒
	h.api.As(session).Post("/me/confirmations/email-code", nil).WantProblem(403, "other_channel_required")
	h.rules(func(r *policy.Rules) { r.ResetRequiresOtherChannel = true })
	token := p.signIn()
	if in := h.api.As(token).Get("/sign-ins/current").Want(200); in.Field("delivery") != nil {
		t.Errorf("a code that opens nothing was mailed: %s", in.Body)
	}
	h.api.As(token).Post("/sign-ins/current/email-code", nil).WantProblem(403, "other_channel_required")
	p.verify(token, "email", "271828").WantProblem(403, "other_channel_required")
	if n := h.charged(p.id); n != 0 {
		t.Errorf("%d charged", n)
	}
	p.verify(token, "recovery_key", p.keys[0]).Want(200)
	h.clock.Advance(24 * time.Hour)
	p.verify(p.signIn(), "email", p.mailed(factor.SignInCode)).Want(200)
}

func TestKeysThatMayNotBeViewedAreShownOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.rules(func(r *policy.Rules) { r.RecoveryKeysViewable = false })
	p := h.person()
	me := h.api.As(p.confirmed())
	secret := me.Post("/me/two-factor/enrolments", apitest.M{"method": "app"}).Want(201).Text("secret")
	keys := me.Post("/me/two-factor/enrolments/confirm", codeBody("app", codeOf(h, secret, 0))).Want(200).Texts("recovery_keys")
	list := me.Get("/me/recovery-keys").Want(200)
	if list.Field("keys.0.key") != nil || list.Field("keys.9") == nil {
		t.Errorf("%s", list.Body)
	}
	me.Get("/me/recovery-keys.txt").WantProblem(403, "forbidden")
	if n := h.count(`SELECT count(*) FROM recovery_keys WHERE sealed IS NOT NULL`); n != 0 {
		t.Errorf("%d keys can still be opened", n)
	}
	if got := me.Post("/me/recovery-keys/check", apitest.M{"key": keys[2]}).Want(200).Text("state"); got != "unused" {
		t.Errorf("state %s", got)
	}
}

func TestAStepAheadIsTheRulesMatter(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	h.rules(func(r *policy.Rules) { r.AppStepsAhead = 0 })
	p.verify(p.signIn(), "app", codeOf(h, p.secret, 1)).WantProblem(422, "wrong_code")
	h.rules(func(r *policy.Rules) { r.AppStepsAhead = 1 })
	p.verify(p.signIn(), "app", codeOf(h, p.secret, 1)).Want(200)
}

func TestTheRulesOfSessionsAndPasswords(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.rules(func(r *policy.Rules) {
		r.SessionIdleMinutes, r.SessionLifetimeHours, r.PasswordMinLength, r.ConfirmationMinutes = 15, 1, 30, 5
	})
	p := h.person()
	first := p.start()
	if got := first.Time("expires_at"); !got.Equal(h.clock.Now().Add(15 * time.Minute)) {
		t.Errorf("expires at %s", got)
	}
	me := h.api.As(first.Text("session_token"))
	until := me.Post("/me/confirmations", apitest.M{"password": password}).Want(200).Time("confirmed_until")
	if !until.Equal(h.clock.Now().Add(5 * time.Minute)) {
		t.Errorf("confirmed until %s", until)
	}
	me.Post("/me/password", apitest.M{"password": "seven lazy herons wade"}).WantProblem(400, "invalid_request")
	for range 4 {
		me.Get("/me").Want(200)
		h.clock.Advance(15*time.Minute - time.Second)
	}
	h.clock.Advance(4 * time.Second)
	me.Get("/me").WantProblem(401, "unauthenticated")
}

func TestWhatTurnsAMethodOnNeedsItsProof(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(unverified)
	me := h.api.As(p.confirmed())
	me.Post("/me/two-factor/enrolments", apitest.M{"method": "email"}).WantProblem(409, "email_not_verified")
	me.Post("/me/two-factor/enrolments/confirm", codeBody("email", "123456")).WantProblem(409, "conflict")
	me.Get("/me/recovery-keys").WantProblem(409, "conflict")
	me.Post("/me/recovery-keys", nil).WantProblem(409, "conflict")
	me.Post("/me/confirmations/email-code", nil).WantProblem(409, "conflict")
	me.Post("/me/two-factor/app/reset", nil).WantProblem(409, "conflict")
	me.Patch("/me", apitest.M{"preferred_method": "app"}).WantProblem(400, "invalid_request")
	h.rules(func(r *policy.Rules) { r.AppMethod = policy.Off })
	me.Post("/me/two-factor/enrolments", apitest.M{"method": "app"}).WantProblem(403, "method_not_allowed_by_policy")
	if got := me.Get("/me/two-factor").Want(200); got.Field("enabled") != false {
		t.Errorf("%s", got.Body)
	}
}
