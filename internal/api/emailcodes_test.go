package api_test

import (
	"testing"
	"time"

	"latchkey/internal/api/apitest"
	"latchkey/internal/factor"
)

// A code is mailed by itself only when email is the only or the preferred
// method.
func TestACodeIsMailedByItselfOnlyWhereEmailComesFirst(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for name, c := range map[string]struct {
		p    *person
		want any
	}{
		"email alone":     {h.person(withEmail), "queued"},
		"email preferred": {h.person(withEmail, withApp), "queued"},
		"app preferred":   {h.person(withApp, withEmail), nil},
		"app alone":       {h.person(withApp), nil},
	} {
		first := c.p.start()
		mails := 0
		if c.want != nil {
			mails = 1
		}
		if first.Field("delivery") != c.want || h.mails("sign_in_code", c.p.email) != mails {
			t.Errorf("%s: %d mails, %s", name, h.mails("sign_in_code", c.p.email), first.Body)
		}
	}
}

// Asking again repeats the same live code with its own deadline; a reload or a
// wrong code mails nothing.
func TestTheCodeStaysTheSameUntilItsDeadline(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withEmail)
	token := p.signIn()
	open, code := h.api.As(token), p.mailed(factor.SignInCode)
	first := open.Get("/sign-ins/current/email-code").Want(200)
	if at := first.Time("expires_at"); !at.Equal(h.clock.Now().Add(10 * time.Minute)) {
		t.Errorf("expires at %s", at)
	}
	mails := 1
	for _, countdown := range []time.Duration{30, 60, 120, 300} {
		countdown *= time.Second
		for range 2 {
			open.Get("/sign-ins/current").Want(200)
			got := open.Post("/sign-ins/current/email-code", nil).Want(202)
			if got.Text("reference") != first.Text("reference") || !got.Time("expires_at").Equal(first.Time("expires_at")) {
				t.Errorf("%s, the first was %s", got.Body, first.Body)
			}
			if want := h.clock.Now().Add(countdown); !got.Time("resend_at").Equal(want) {
				t.Errorf("resend at %s, want %s", got.Time("resend_at"), want)
			}
		}
		if n := h.mails("sign_in_code", p.email); n != mails {
			t.Errorf("%d mails, want %d", n, mails)
		}
		h.clock.Advance(countdown - time.Second)
		open.Post("/sign-ins/current/email-code", nil).Want(202)
		if n := h.mails("sign_in_code", p.email); n != mails {
			t.Errorf("%d mails inside the countdown, want %d", n, mails)
		}
		if h.clock.Advance(time.Second); countdown < 300*time.Second {
			open.Post("/sign-ins/current/email-code", nil).Want(202)
			mails++
		}
	}
	if p.mailed(factor.SignInCode) != code {
		t.Error("the code has changed")
	}
	p.verify(token, "email", code).Want(200)
}

func TestAnExpiredCodeIsNeverCalledWrong(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withEmail)
	token := p.signIn()
	code := p.mailed(factor.SignInCode)
	h.clock.Advance(10*time.Minute - time.Microsecond)
	h.clock.Advance(time.Microsecond)
	p.verify(token, "email", code).WantProblem(422, "code_expired")
	if n := h.charged(p.id); n != 0 {
		t.Errorf("%d charged", n)
	}
	fresh := h.api.As(token).Post("/sign-ins/current/email-code", nil).Want(202)
	if p.mailed(factor.SignInCode) == code {
		t.Fatal("the dead code is mailed again")
	}
	if !fresh.Time("expires_at").Equal(h.clock.Now().Add(10 * time.Minute)) {
		t.Errorf("%s", fresh.Body)
	}
	p.verify(token, "email", p.mailed(factor.SignInCode)).Want(200)
}

func TestASignInLivesAQuarterOfAnHour(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	token := p.signIn()
	h.clock.Advance(15*time.Minute - time.Second)
	h.api.As(token).Get("/sign-ins/current").Want(200)
	h.clock.Advance(time.Second)
	p.verify(token, "app", p.appCode()).WantProblem(401, "unauthenticated")
}

// The budget holds the code back; it never refuses the password.
func TestAfterFiveMailsAnHourTheCodeIsHeld(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withEmail)
	tokens := p.signIns(5)
	sixth := p.start()
	if sixth.Text("delivery") != "held" || sixth.Text("status") != "second_factor" {
		t.Fatalf("%s", sixth.Body)
	}
	open := h.api.As(sixth.Text("sign_in_token"))
	if got := open.Get("/sign-ins/current/email-code").Want(200).Text("delivery"); got != "held" {
		t.Errorf("delivery %s", got)
	}
	if got := open.Get("/sign-ins/current").Want(200).Text("delivery"); got != "held" {
		t.Errorf("delivery %s", got)
	}
	wait := open.Post("/sign-ins/current/email-code", nil).WantProblem(429, "too_many_emails").RetryAfter
	if wait != time.Hour {
		t.Errorf("again in %s", wait)
	}
	// One sign-in does not void another's code.
	p.verify(tokens[4], "email", p.mailed(factor.SignInCode)).Want(200)
	// A key is still a way in.
	p.verify(sixth.Text("sign_in_token"), "recovery_key", p.keys[0]).Want(200)
	if n := h.mails("sign_in_code", p.email); n != 5 {
		t.Errorf("%d mails", n)
	}
	h.clock.Advance(time.Hour)
	if got := p.start().Text("delivery"); got != "queued" {
		t.Errorf("an hour later %s", got)
	}
}

func TestSignInAndConfirmationShareABudgetOfMails(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withEmail)
	session := p.in()
	p.signIns(3)
	h.api.As(session).Post("/me/confirmations/email-code", nil).Want(202)
	h.clock.Advance(30 * time.Second)
	h.api.As(session).Post("/me/confirmations/email-code", nil).WantProblem(429, "too_many_emails")
	if got := p.start().Text("delivery"); got != "held" {
		t.Errorf("delivery %s", got)
	}
}

func TestFifteenCodesADay(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withEmail)
	for range 3 {
		p.signIns(5)
		h.clock.Advance(time.Hour)
	}
	first := p.start()
	if first.Text("delivery") != "held" {
		t.Fatalf("the sixteenth: %s", first.Body)
	}
	wait := h.api.As(first.Text("sign_in_token")).Post("/sign-ins/current/email-code", nil).WantProblem(429, "too_many_emails").RetryAfter
	if wait != 21*time.Hour {
		t.Errorf("again in %s, want 21 h", wait)
	}
}

func TestTheCodeOfSignUpIsTheOneOfVerification(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := &person{h: h, email: "ada@example.org"}
	p.id = mustID(h, h.api.Post("/sign-ups", apitest.M{"email": p.email, "name": "Ada", "password": password}).Want(201).Text("id"))
	code := p.mailed(factor.VerifyEmail)
	h.clock.Advance(10 * time.Second)
	me := h.api.As(p.in())
	got := me.Post("/me/email-verification", nil).Want(202)
	if want := h.clock.Now().Add(20 * time.Second); !got.Time("resend_at").Equal(want) || h.mails("verify_email", p.email) != 1 {
		t.Errorf("%d mails, %s", h.mails("verify_email", p.email), got.Body)
	}
	me.Post("/me/email-verification/confirm", apitest.M{"code": other(code)}).WantProblem(422, "wrong_code")
	if done := me.Post("/me/email-verification/confirm", apitest.M{"code": code}).Want(200); done.Field("email_verified") != true {
		t.Errorf("%s", done.Body)
	}
	me.Post("/me/email-verification", nil).WantProblem(409, "conflict")
}
