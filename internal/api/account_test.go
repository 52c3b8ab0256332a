package api_test

import (
	"fmt"
	"testing"
	"time"

	"latchkey/internal/api/apitest"
	"latchkey/internal/factor"
)

// Invariant 7: a change of password, or of a method, ends everything else.
func TestAChangeEndsEverythingElse(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for name, c := range map[string]struct {
		mail string
		do   func(*person, *apitest.Client)
	}{
		"password": {"password_changed", func(_ *person, me *apitest.Client) {
			me.Post("/me/password", apitest.M{"password": "seven lazy herons wade"}).Want(204)
		}},
		"method on": {"method_on", func(_ *person, me *apitest.Client) {
			secret := me.Post("/me/two-factor/enrolments", apitest.M{"method": "app", "name": "Tablet"}).Want(201).Text("secret")
			me.Post("/me/two-factor/enrolments/confirm", codeBody("app", codeOf(h, secret, 0))).Want(200)
		}},
		"method off": {"method_off", func(_ *person, me *apitest.Client) {
			me.Delete("/me/two-factor/methods/" + me.Get("/me/two-factor").Want(200).Text("methods.0.id")).Want(200)
		}},
	} {
		p := h.person(withApp, withEmail)
		session, other, open := p.confirmed(), p.in(), p.signIn()
		c.do(p, h.api.As(session))
		h.api.As(session).Get("/me").Want(200)
		h.api.As(other).Get("/me").WantProblem(401, "unauthenticated")
		h.api.As(open).Get("/sign-ins/current").WantProblem(401, "unauthenticated")
		if n := h.mails(c.mail, p.email); n != 1 {
			t.Errorf("%s: %d mails tell of it", name, n)
		}
	}
}

func TestAPasswordIsChangedOnlyAfterAConfirmation(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	me := h.api.As(p.in())
	body := apitest.M{"password": "seven lazy herons wade"}
	me.Post("/me/password", body).WantProblem(403, "confirmation_required")
	for name, proofs := range map[string]apitest.M{
		"nothing": {}, "password alone": {"password": password}, "code alone": {"method": "app", "code": p.appCode()},
		"no method": {"password": password, "code": p.appCode()}, "no code": {"password": password, "method": "app"},
	} {
		if got := me.Post("/me/confirmations", proofs); got.Status != 400 {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
	}
	h.clock.Advance(30 * time.Second)
	until := me.Post("/me/confirmations", apitest.M{"password": password, "method": "app", "code": p.appCode()}).Want(200).Time("confirmed_until")
	if !until.Equal(h.clock.Now().Add(10 * time.Minute)) {
		t.Errorf("until %s", until)
	}
	h.clock.Set(until)
	me.Post("/me/password", body).WantProblem(403, "confirmation_required")
	h.clock.Advance(-time.Second)
	me.Post("/me/password", apitest.M{"password": "short"}).WantProblem(400, "invalid_request")
	me.Post("/me/password", body).Want(204)
	h.password(p.email, password).WantProblem(401, "wrong_credentials")
	h.password(p.email, "seven lazy herons wade").Want(200)
}

func TestSessions(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, stranger := h.person(withApp), h.person()
	first := p.in()
	h.clock.Advance(time.Second)
	second, foreign := p.in(), stranger.in()
	me := h.api.As(second)
	list := me.Get("/me/sessions").Want(200)
	if list.Field("items.0.current") != true || list.Field("items.1.current") != false || list.Field("items.2") != nil || list.Text("items.0.address") != "127.0.0.1" || list.Text("items.0.device") != "apitest" {
		t.Fatalf("%s", list.Body)
	}
	other := h.api.As(foreign).Get("/me/sessions").Want(200).Text("items.0.id")
	me.Delete("/me/sessions/"+other).WantProblem(404, "not_found")
	h.api.As(foreign).Get("/me").Want(200)
	me.Delete("/me/sessions/" + list.Text("items.1.id")).Want(204)
	h.api.As(first).Get("/me").WantProblem(401, "unauthenticated")
	third := p.in()
	me.Delete("/me/sessions").Want(204)
	h.api.As(third).Get("/me").WantProblem(401, "unauthenticated")
	// On the server: the very next request fails.
	me.Delete("/me/sessions/current").Want(204)
	me.Get("/me").WantProblem(401, "unauthenticated")

	idle := p.in()
	h.clock.Advance(12*time.Hour - time.Second)
	h.api.As(idle).Get("/me").Want(200)
	h.clock.Advance(12*time.Hour - time.Second)
	h.api.As(idle).Get("/me").Want(200)
	h.clock.Advance(12 * time.Hour)
	h.api.As(idle).Get("/me").WantProblem(401, "unauthenticated")

	old := p.in()
	for range 29 * 3 {
		h.clock.Advance(8 * time.Hour)
		h.api.As(old).Get("/me").Want(200)
	}
	h.clock.Advance(8 * time.Hour)
	h.api.As(old).Get("/me").Want(200)
	h.clock.Advance(16 * time.Hour)
	h.api.As(old).Get("/me").WantProblem(401, "unauthenticated")
}

func TestEventsAreTheUsersOwnAndPaged(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, stranger := h.person(), h.person()
	me := h.api.As(p.in())
	stranger.in()
	for i := range 60 {
		me.Patch("/me", apitest.M{"name": fmt.Sprint("Ada ", i)}).Want(200)
	}
	h.password(p.email, "not it").WantProblem(401, "wrong_credentials")
	first := me.Get("/me/events").Want(200)
	if first.Text("items.0.action") != "password_refused" || first.Text("items.0.actor.kind") != "anonymous" || first.Field("items.50") != nil {
		t.Errorf("%s", first.Body)
	}
	rest := me.Get("/me/events?cursor=" + first.Text("next_cursor")).Want(200)
	if rest.Text("items.11.action") != "signed_in" || rest.Field("items.12") != nil || rest.Field("next_cursor") != nil {
		t.Errorf("%s", rest.Body)
	}
	h.api.Bad().As(p.in()).Get("/me/events?cursor=x").WantProblem(400, "invalid_request")
}

// Personal data is erased; events keep the id alone.
func TestADeletedAccountLeavesItsIdAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp, withEmail)
	session, other, open := p.confirmed(), p.in(), p.signIn()
	h.api.As(open).Post("/sign-ins/current/email-code", nil).Want(202)
	h.api.As(other).Delete("/me").WantProblem(403, "confirmation_required")
	h.api.As(session).Delete("/me").Want(204)
	for _, gone := range []string{session, other} {
		h.api.As(gone).Get("/me").WantProblem(401, "unauthenticated")
	}
	h.api.As(open).Get("/sign-ins/current").WantProblem(401, "unauthenticated")
	h.password(p.email, password).WantProblem(401, "wrong_credentials")
	for _, table := range []string{"users WHERE id", "methods WHERE user_id", "codes WHERE user_id", "recovery_keys WHERE user_id", "guards WHERE user_id", "sign_ins WHERE user_id", "sessions WHERE user_id"} {
		if n := h.count(`SELECT count(*) FROM `+table+` = $1`, p.id); n != 0 {
			t.Errorf("%d left in %s", n, table)
		}
	}
	if n := h.count(`SELECT count(*) FROM mails WHERE recipient = $1 AND kind <> 'account_deleted'`, p.email); n != 0 {
		t.Errorf("%d mails to the address are kept", n)
	}
	if n := h.mails("account_deleted", p.email); n != 1 {
		t.Errorf("%d mails tell of it", n)
	}
	if n := h.count(`SELECT count(*) FROM events WHERE subject_id = $1 AND action = 'account_deleted'`, p.id); n != 1 {
		t.Errorf("%d events", n)
	}
}

func TestTheLastAdminStays(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	one, two := h.person(asAdmin), h.person(asAdmin)
	h.person(asAdmin, disabled)
	sessions := []string{one.confirmed(), two.confirmed()}
	answers := h.together(
		func(c *apitest.Client) *apitest.Response { return c.As(sessions[0]).Delete("/me") },
		func(c *apitest.Client) *apitest.Response { return c.As(sessions[1]).Delete("/me") })
	if got := tally(answers); got["204"] != 1 || got["409 conflict"] != 1 {
		t.Errorf("two admins who leave at once: %v", got)
	}
}

func TestARepeatedRequestIsNotDoneTwice(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp, withEmail)
	token := p.signIn()
	open := h.api.As(token).Header("Idempotency-Key", "one")
	// A wrong code is charged once, however often its request is repeated.
	wrong := open.Post("/sign-ins/current/verify", codeBody("app", p.wrongCode())).Want(422)
	again := open.Post("/sign-ins/current/verify", codeBody("app", p.wrongCode())).Want(422)
	if string(wrong.Body) != string(again.Body) || h.charged(p.id) != 1 {
		t.Errorf("%d charged, %s", h.charged(p.id), again.Body)
	}
	open.Post("/sign-ins/current/verify", codeBody("app", p.appCode())).WantProblem(409, "conflict")
	first := open.Post("/sign-ins/current/email-code", nil).Want(202)
	h.clock.Advance(time.Minute)
	if got := open.Post("/sign-ins/current/email-code", nil).Want(202); string(got.Body) != string(first.Body) || h.mails("sign_in_code", p.email) != 1 {
		t.Errorf("%s", got.Body)
	}
	// An answer with a secret is not kept: its repeat is a conflict.
	session := p.confirmed()
	me := h.api.As(session).Header("Idempotency-Key", "two")
	me.Post("/me/recovery-keys", nil).Want(201)
	me.Post("/me/recovery-keys", nil).WantProblem(409, "conflict")
	if n := h.count(`SELECT count(*) FROM recovery_sets`); n != 2 {
		t.Errorf("%d sets", n)
	}
	// What was refused before anything was judged may be sent again as it is.
	fresh := p.in()
	later := h.api.As(fresh).Header("Idempotency-Key", "three")
	later.Post("/me/recovery-keys", nil).WantProblem(403, "confirmation_required")
	p.confirm(fresh)
	later.Post("/me/recovery-keys", nil).Want(201)
}

func TestFewKeysAreToldAtThreeAndAtNone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	for i, key := range p.keys {
		done := p.verify(p.signIn(), string(factor.RecoveryKey), key).Want(200)
		left := 9 - i
		if done.Field("recovery_keys_left") != float64(left) {
			t.Errorf("%s, want %d left", done.Body, left)
		}
		warned := map[bool]int{true: 1}[left <= 3] + map[bool]int{true: 1}[left == 0]
		if n := h.mails("recovery_keys_low", p.email); n != warned {
			t.Errorf("at %d: %d mails, want %d", left, n, warned)
		}
	}
	p.verify(p.signIn(), "recovery_key", p.keys[9]).WantProblem(422, "code_used")
	p.verify(p.signIn(), "app", p.appCode()).Want(200)
}
