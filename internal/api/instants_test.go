package api_test

import (
	"testing"
	"time"

	"latchkey/internal/api/apitest"
	"latchkey/internal/factor"
)

// Everything that lasts is good until its last microsecond, and no longer: at
// the very instant that is its end it is over.
func TestEverythingEndsAtItsInstant(t *testing.T) {
	t.Parallel()
	// Each makes something and says how long it lasts and whether it works.
	for name, c := range map[string]struct {
		lasts time.Duration
		make  func(*house) (works func() bool)
	}{
		"a sign-in": {15 * time.Minute, func(h *house) func() bool {
			open := h.api.As(h.person(withApp).signIn())
			return func() bool { return open.Get("/sign-ins/current").Status == 200 }
		}},
		"a mailed code": {10 * time.Minute, func(h *house) func() bool {
			p := h.person(withEmail)
			token := p.signIn()
			code := p.mailed(factor.SignInCode)
			return func() bool { return p.verify(token, "email", code).Status == 200 }
		}},
		"a code that proves the address": {30 * time.Minute, func(h *house) func() bool {
			p := h.person(unverified)
			me := h.api.As(h.session(p, false))
			me.Post("/me/email-verification", nil).Want(202)
			code := p.mailed(factor.VerifyEmail)
			return func() bool { return me.Post("/me/email-verification/confirm", apitest.M{"code": code}).Status == 200 }
		}},
		"a code to a new address": {30 * time.Minute, func(h *house) func() bool {
			p := h.person(withApp)
			me := h.api.As(h.session(p, true))
			me.Post("/me/email-change", apitest.M{"email": "new-" + p.email}).Want(202)
			code := p.mailed(factor.EmailChange)
			return func() bool { return me.Post("/me/email-change/confirm", apitest.M{"code": code}).Status == 200 }
		}},
		"an enrolment": {10 * time.Minute, func(h *house) func() bool {
			p := h.person()
			p.require()
			open := h.api.As(p.signIn())
			secret := open.Post("/sign-ins/current/enrolments", apitest.M{"method": "app"}).Want(201).Text("secret")
			return func() bool {
				return open.Post("/sign-ins/current/enrolments/confirm", codeBody("app", codeOf(h, secret, 0))).Status == 200
			}
		}},
		"an idle session": {12 * time.Hour, func(h *house) func() bool {
			me := h.api.As(h.person(withApp).in())
			return func() bool { return me.Get("/me").Status == 200 }
		}},
		"a session": {time.Hour, func(h *house) func() bool {
			me := h.api.As(h.session(h.person(withApp), false))
			return func() bool { return me.Get("/me").Status == 200 }
		}},
		"a session's admin pages": {15 * time.Minute, func(h *house) func() bool {
			me := h.api.As(h.person(asAdmin, withApp).in())
			return func() bool { return me.Get("/admin/policy").Status == 200 }
		}},
		"a confirmation": {10 * time.Minute, func(h *house) func() bool {
			me := h.api.As(h.person(withApp).confirmed())
			return func() bool { return me.Get("/me/recovery-keys").Status == 200 }
		}},
		"trust in a device": {30 * 24 * time.Hour, func(h *house) func() bool {
			p := h.person(withApp)
			device, _ := p.trusting()
			return func() bool { return p.startWith(device).Text("status") == "complete" }
		}},
		"an access token": {90 * 24 * time.Hour, func(h *house) func() bool {
			p := h.person(withApp)
			token := p.token(h.session(p, true), "read")
			return func() bool { return h.api.As(token).Get("/me").Status == 200 }
		}},
		"a reset link": {30 * time.Minute, func(h *house) func() bool {
			token := h.person(withApp).resetLink()
			return func() bool {
				return h.api.Post("/password-resets/confirm", apitest.M{"token": token, "password": "lamp orbit cabbage quartz"}).Status == 204
			}
		}},
		"a recovery pass": {time.Hour, func(h *house) func() bool {
			p := h.person(withApp)
			pass := p.pass()
			return func() bool { return p.verify(p.signIn(), "recovery_pass", pass).Status == 200 }
		}},
		"the rest between two mails": {30 * time.Second, func(h *house) func() bool {
			p := h.person(withEmail)
			open := h.api.As(p.signIn())
			return func() bool {
				open.Post("/sign-ins/current/email-code", nil).Want(202)
				return h.mails("sign_in_code", p.email) == 1
			}
		}},
		"the wait after five wrong codes": {30 * time.Second, func(h *house) func() bool {
			p := h.person(withApp)
			for _, token := range p.signIns(5) {
				p.verify(token, "app", p.wrongCode()).WantProblem(422, "wrong_code")
			}
			token := p.signIn()
			return func() bool { return p.verify(token, "app", p.appCode()).Status == 429 }
		}},
		"the wait after five wrong passwords": {2 * time.Second, func(h *house) func() bool {
			p := h.person(withApp)
			for range 5 {
				h.api.Post("/sign-ins", apitest.M{"email": p.email, "password": "not it"}).WantProblem(401, "wrong_credentials")
			}
			return func() bool {
				return h.api.Post("/sign-ins", apitest.M{"email": p.email, "password": password}).Status == 429
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for late, want := range map[time.Duration]bool{-time.Microsecond: true, 0: false} {
				h := newHouse(t)
				works := c.make(h)
				h.clock.Advance(c.lasts + late)
				if works() != want {
					t.Errorf("%s after %s: %v", name, c.lasts+late, !want)
				}
			}
		})
	}
}
