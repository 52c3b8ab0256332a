package api_test

import (
	"testing"

	"latchkey/internal/api/apitest"
	"latchkey/internal/factor"
	"latchkey/internal/pg/pgtest"
)

// Invariant 2: under any concurrency exactly one use of a code wins.
const crowd = 24

// one fails unless exactly one answer is a success and the rest are among
// these.
func one(t *testing.T, h *house, answers []*apitest.Response, rest ...string) {
	t.Helper()
	got := tally(answers)
	if got["200"] != 1 {
		t.Errorf("%d won, want one: %v", got["200"], got)
	}
	n := got["200"]
	for _, r := range rest {
		n += got[r]
	}
	if n != len(answers) {
		t.Errorf("answers %v, want only one 200 and %q", got, rest)
	}
}

func codeBody(method, code string) apitest.M { return apitest.M{"method": method, "code": code} }

func TestOneAppCodeOverManySignInsWinsOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.MaxConns(crowd))
	p := h.person(withApp)
	var asks []ask
	for _, token := range p.signIns(crowd) {
		asks = append(asks, h.post(token, "/sign-ins/current/verify", codeBody("app", p.appCode())))
	}
	answers := h.together(asks...)
	// A used code is charged like a wrong one: five are, then the account waits.
	one(t, h, answers, "422 code_used", "429 too_many_attempts")
	if n := h.count(`SELECT count(*) FROM sessions`); n != 1 {
		t.Errorf("%d sessions", n)
	}
	if n := h.charged(p.id); n > 5 || n != tally(answers)["422 code_used"] {
		t.Errorf("%d charged", n)
	}
}

func TestOneAppCodeOverOneSignInWinsOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.MaxConns(crowd))
	p := h.person(withApp)
	answers := h.together(times(crowd, h.post(p.signIn(), "/sign-ins/current/verify", codeBody("app", p.appCode())))...)
	one(t, h, answers, "401 unauthenticated")
	if n := h.count(`SELECT count(*) FROM sessions`); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

func TestOneEmailCodeWinsOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.MaxConns(crowd))
	p := h.person(withEmail)
	token := p.signIn()
	answers := h.together(times(crowd, h.post(token, "/sign-ins/current/verify", codeBody("email", p.mailed(factor.SignInCode))))...)
	one(t, h, answers, "401 unauthenticated")
	if n := h.count(`SELECT count(*) FROM sessions`); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

func TestOneRecoveryKeyOverManySignInsWinsOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.MaxConns(crowd))
	p := h.person(withApp)
	var asks []ask
	for _, token := range p.signIns(crowd) {
		asks = append(asks, h.post(token, "/sign-ins/current/verify", codeBody("recovery_key", p.keys[3])))
	}
	one(t, h, h.together(asks...), "422 code_used", "429 too_many_attempts")
	if n := h.count(`SELECT count(*) FROM recovery_keys WHERE used_at IS NOT NULL`); n != 1 {
		t.Errorf("%d keys were spent", n)
	}
	if n := h.mails("recovery_key_used", p.email); n != 1 {
		t.Errorf("%d mails tell of it", n)
	}
}

func TestOneConfirmationCodeWinsOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.MaxConns(crowd))
	p := h.person(withEmail)
	session := p.in()
	h.api.As(session).Post("/me/confirmations/email-code", nil).Want(202)
	body := apitest.M{"password": password, "method": "email", "code": p.mailed(factor.Confirmation)}
	// Each costs an argon2, one a core: on a busy machine some wait too long.
	answers := h.together(times(crowd, h.post(session, "/me/confirmations", body))...)
	one(t, h, answers, "422 code_used", "429 too_many_attempts", "503 unavailable")
}

func TestOneEnrolmentIsConfirmedOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.MaxConns(crowd))
	p := h.person()
	session := p.confirmed()
	secret := h.api.As(session).Post("/me/two-factor/enrolments", apitest.M{"method": "app"}).Want(201).Text("secret")
	answers := h.together(times(crowd, h.post(session, "/me/two-factor/enrolments/confirm", codeBody("app", codeOf(h, secret, 0))))...)
	one(t, h, answers, "409 already_enabled")
	if n := h.count(`SELECT count(*) FROM methods`); n != 1 {
		t.Errorf("%d methods", n)
	}
	if n := h.count(`SELECT count(*) FROM recovery_sets`); n != 1 {
		t.Errorf("%d sets of recovery keys", n)
	}
	if n := h.mails("method_on", p.email); n != 1 {
		t.Errorf("%d mails tell of it", n)
	}
}

func TestOneEnrolmentAtSignInIsConfirmedOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.MaxConns(crowd))
	p := h.person()
	p.require()
	token := p.signIn()
	secret := h.api.As(token).Post("/sign-ins/current/enrolments", apitest.M{"method": "app"}).Want(201).Text("secret")
	answers := h.together(times(crowd, h.post(token, "/sign-ins/current/enrolments/confirm", codeBody("app", codeOf(h, secret, 0))))...)
	one(t, h, answers, "409 already_enabled")
	// Then two who say at once that the keys are saved: one session.
	answers = h.together(times(2, h.post(token, "/sign-ins/current/complete", apitest.M{"recovery_keys_saved": true}))...)
	one(t, h, answers, "401 unauthenticated")
	if n := h.count(`SELECT count(*) FROM sessions`); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

func TestSkippingAtOnceGivesOneSession(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.MaxConns(crowd))
	h.rules(requireEveryone)
	p := h.person()
	answers := h.together(times(crowd, h.post(p.signIn(), "/sign-ins/current/complete", apitest.M{"skip": true}))...)
	one(t, h, answers, "401 unauthenticated")
	if n := h.count(`SELECT count(*) FROM sessions`); n != 1 {
		t.Errorf("%d sessions", n)
	}
}

func TestOneVerificationCodeWinsOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.MaxConns(crowd))
	p := h.person(unverified)
	session := p.in()
	h.api.As(session).Post("/me/email-verification", nil).Want(202)
	answers := h.together(times(crowd, h.post(session, "/me/email-verification/confirm", apitest.M{"code": p.mailed(factor.VerifyEmail)}))...)
	one(t, h, answers, "409 conflict")
	if got := h.events(p.id); got != "signed_in email_verified" {
		t.Errorf("events %q", got)
	}
}

// Of forty parallel wrong guesses five are judged; what is refused costs
// nothing, and neither does what came too late.
func TestFortyParallelGuessesOnOneSignInAreFive(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.MaxConns(40))
	p := h.person(withApp)
	answers := h.together(times(40, h.post(p.signIn(), "/sign-ins/current/verify", codeBody("app", p.wrongCode())))...)
	got := tally(answers)
	if got["422 wrong_code"] != 5 || got["422 wrong_code"]+got["429 too_many_attempts"]+got["401 unauthenticated"] != 40 {
		t.Errorf("answers %v, want five judged", got)
	}
	if n := h.charged(p.id); n != 5 {
		t.Errorf("%d charged, want 5", n)
	}
	if n := h.count(`SELECT failures FROM sign_ins`); n != 5 {
		t.Errorf("%d charged to the sign-in", n)
	}
}

func TestParallelGuessesOverManySignInsAreFive(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.MaxConns(crowd))
	p := h.person(withApp)
	var asks []ask
	for _, token := range p.signIns(crowd) {
		asks = append(asks, h.post(token, "/sign-ins/current/verify", codeBody("app", p.wrongCode())))
	}
	got := tally(h.together(asks...))
	if got["422 wrong_code"] != 5 || got["429 too_many_attempts"] != crowd-5 {
		t.Errorf("answers %v, want five judged", got)
	}
	if n := h.charged(p.id); n != 5 {
		t.Errorf("%d charged", n)
	}
}

func TestParallelWrongPasswordsAreFive(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.MaxConns(crowd))
	p := h.person()
	for _, email := range []string{p.email, "nobody@example.org"} {
		answers := h.together(times(crowd, h.post("", "/sign-ins", apitest.M{"email": email, "password": "not it"}))...)
		got := tally(answers)
		// 503: more than wait for a core are not judged at all.
		if got["401 wrong_credentials"] != 5 || got["401 wrong_credentials"]+got["429 too_many_attempts"]+got["503 unavailable"] != crowd {
			t.Errorf("%s: answers %v, want five judged", email, got)
		}
	}
}

func TestManyRequestsForACodeMailOne(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.MaxConns(crowd))
	p := h.person(withApp, withEmail) // the app is preferred: nothing goes out by itself
	token := p.signIn()
	answers := h.together(times(crowd, h.post(token, "/sign-ins/current/email-code", nil))...)
	for _, a := range answers {
		if a.Status != 202 || string(a.Body) != string(answers[0].Body) {
			t.Fatalf("%d %s, the first was told %s", a.Status, a.Body, answers[0].Body)
		}
	}
	if n := h.mails("sign_in_code", p.email); n != 1 {
		t.Errorf("%d mails", n)
	}
}

func TestManySignUpsOfOneAddressMakeOneAccount(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.MaxConns(8))
	body := apitest.M{"email": "ada@example.org", "name": "Ada", "password": password}
	for _, a := range h.together(times(8, h.post("", "/sign-ups", body))...) {
		if a.Status != 201 {
			t.Errorf("%d %s", a.Status, a.Body)
		}
	}
	if n := h.count(`SELECT count(*) FROM users`); n != 1 {
		t.Errorf("%d accounts", n)
	}
	if verify, taken := h.mails("verify_email", "ada@example.org"), h.mails("address_taken", "ada@example.org"); verify != 1 || taken != 3 {
		t.Errorf("%d codes and %d notices, want one and three", verify, taken)
	}
}
