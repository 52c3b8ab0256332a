package api_test

import (
	"testing"
	"time"

	"latchkey/internal/api/apitest"
	"latchkey/internal/policy"
)

// trusting signs in by app and asks for trust.
func (p *person) trusting() (device, session string) {
	p.h.t.Helper()
	done := p.h.api.As(p.signIn()).Post("/sign-ins/current/verify",
		apitest.M{"method": "app", "code": p.nextAppCode(), "trust_device": true}).Want(200)
	return done.Text("trusted_device"), done.Text("session_token")
}

func (p *person) startWith(device string) *apitest.Response {
	p.h.t.Helper()
	return p.h.api.Post("/sign-ins", apitest.M{"email": p.email, "password": password, "trusted_device": device}).Want(200)
}

func TestATrustedDeviceSkipsTheSecondStepNeverThePassword(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, stranger := h.person(withApp), h.person(withApp)
	device, session := p.trusting()
	done := p.startWith(device)
	if done.Text("status") != "complete" || done.Text("assurance") != "password" {
		t.Fatalf("%s", done.Body)
	}
	h.api.Post("/sign-ins", apitest.M{"email": p.email, "password": "not it", "trusted_device": device}).WantProblem(401, "wrong_credentials")
	// It never confirms; a code does, and raises the session.
	quick := done.Text("session_token")
	h.api.As(quick).Post("/me/confirmations", apitest.M{"password": password}).WantProblem(400, "invalid_request")
	p.confirm(quick)
	if got := h.api.As(quick).Get("/me/sessions").Want(200); got.Text("items.0.assurance") != "two_factor" || got.Field("items.0.current") != true {
		t.Errorf("%s", got.Body)
	}
	for name, token := range map[string]string{
		"forged": "lkd_" + device[4:len(device)-1] + "A", "another kind": session, "empty kind": device[4:], "cut": device[:20],
	} {
		if token == device {
			token = "lkd_" + device[4:len(device)-1] + "B"
		}
		if got := p.startWith(token).Text("status"); got != "second_factor" {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := stranger.startWith(device).Text("status"); got != "second_factor" {
		t.Errorf("somebody else's device: %s", got)
	}
	// Its life is absolute: use does not lengthen it.
	h.clock.Advance(29 * 24 * time.Hour)
	if got := p.startWith(device).Text("status"); got != "complete" {
		t.Errorf("after 29 days %s", got)
	}
	h.clock.Advance(24 * time.Hour)
	if got := p.startWith(device).Text("status"); got != "second_factor" {
		t.Errorf("after 30 days %s", got)
	}
}

func TestTrustInADeviceEnds(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for name, end := range map[string]func(*person, *apitest.Client){
		"by its user": func(_ *person, me *apitest.Client) {
			id := me.Get("/me/trusted-devices").Want(200).Text("items.0.id")
			me.Delete("/me/trusted-devices/" + id).Want(204)
			me.Delete("/me/trusted-devices/"+id).WantProblem(404, "not_found")
		},
		"with a password": func(_ *person, me *apitest.Client) {
			me.Post("/me/password", apitest.M{"password": "seven lazy herons wade"}).Want(204)
			me.Post("/me/password", apitest.M{"password": password}).Want(204)
		},
		"with a method": func(_ *person, me *apitest.Client) {
			secret := me.Post("/me/two-factor/enrolments", apitest.M{"method": "app", "name": "Tablet"}).Want(201).Text("secret")
			me.Post("/me/two-factor/enrolments/confirm", codeBody("app", codeOf(h, secret, 0))).Want(200)
		},
		"when the policy ends it": func(*person, *apitest.Client) { h.rules(func(r *policy.Rules) { r.TrustedDeviceDays = 0 }) },
	} {
		h.rules(func(r *policy.Rules) { r.TrustedDeviceDays = 30 })
		p := h.person(withApp)
		device, session := p.trusting()
		p.confirm(session)
		end(p, h.api.As(session))
		if got := p.startWith(device).Text("status"); got != "second_factor" {
			t.Errorf("%s: %s", name, got)
		}
	}
	h.rules(func(r *policy.Rules) { r.TrustedDeviceDays = 0 })
	p := h.person(withApp)
	done := h.api.As(p.signIn()).Post("/sign-ins/current/verify", apitest.M{"method": "app", "code": p.appCode(), "trust_device": true}).Want(200)
	if done.Field("trusted_device") != nil {
		t.Errorf("off, and yet %s", done.Body)
	}
}
