package api_test

import (
	"context"
	"testing"

	"latchkey/internal/account"
	"latchkey/internal/api/apitest"
	"latchkey/internal/factor"
	"latchkey/internal/pg"
)

// before is what a person has signed in and open when a change is made.
type before struct {
	session, other, device, open, reset string
}

func (p *person) everythingOpen() before {
	p.h.t.Helper()
	var b before
	b.device, b.other = p.trusting()
	b.session = p.confirmed()
	b.open = p.signIn()
	b.reset = p.resetLink()
	p.h.api.As(b.other).Get("/me").Want(200)
	return b
}

func (p *person) resetLink() (token string) {
	p.h.t.Helper()
	p.h.tx(func(ctx context.Context, tx *pg.Tx) (err error) {
		token, _, err = p.h.app.SignIn.Links.MakeTx(ctx, tx, p.id, account.PasswordResetLink, account.LinkData{})
		return err
	})
	return token
}

// Invariant 7, for each change of method, password or address: a second
// session's next request is refused, its trusted device is asked for the
// second factor again, open sign-ins and reset links are dead.
func TestEachChangeEndsWhatWasOpen(t *testing.T) {
	t.Parallel()
	const fresh = "seven lazy herons wade"
	for name, c := range map[string]struct {
		do       func(*person, *apitest.Client, before)
		out      bool   // the session that made it ends too
		password string // afterwards; empty: the same
		bare     bool   // no method is left to ask for
	}{
		"password changed": {do: func(_ *person, me *apitest.Client, _ before) {
			me.Post("/me/password", apitest.M{"password": fresh}).Want(204)
		}, password: fresh},
		"password reset": {do: func(p *person, _ *apitest.Client, _ before) {
			p.h.api.Post("/password-resets/confirm", apitest.M{"token": p.resetLink(), "password": fresh}).Want(204)
		}, password: fresh, out: true},
		"address changed": {do: func(p *person, me *apitest.Client, _ before) {
			me.Post("/me/email-change", apitest.M{"email": "moved-" + p.email}).Want(202)
			p.email = me.Post("/me/email-change/confirm", apitest.M{"code": p.mailed(factor.EmailChange)}).Want(200).Text("email")
		}},
		"app added": {do: func(p *person, me *apitest.Client, _ before) {
			secret := me.Post("/me/two-factor/enrolments", apitest.M{"method": "app", "name": "Tablet"}).Want(201).Text("secret")
			me.Post("/me/two-factor/enrolments/confirm", codeBody("app", codeOf(p.h, secret, 0))).Want(200)
		}},
		"app replaced": {do: func(p *person, me *apitest.Client, _ before) {
			old := me.Get("/me/two-factor").Want(200).Text("methods.0.id")
			secret := me.Post("/me/two-factor/enrolments", apitest.M{"method": "app", "replaces": old}).Want(201).Text("secret")
			me.Post("/me/two-factor/enrolments/confirm", codeBody("app", codeOf(p.h, secret, 0))).Want(200)
		}},
		"method off": {do: func(_ *person, me *apitest.Client, _ before) {
			me.Delete("/me/two-factor/methods/" + me.Get("/me/two-factor").Want(200).Text("methods.1.id")).Want(200)
		}},
		"two-factor off": {do: func(_ *person, me *apitest.Client, _ before) { me.Delete("/me/two-factor").Want(200) }, bare: true},
		"app reset":      {do: func(_ *person, me *apitest.Client, _ before) { me.Post("/me/two-factor/app/reset", nil).Want(204) }, out: true},
		"reported": {do: func(p *person, _ *apitest.Client, b before) {
			p.press("/not-me/", p.link(account.NotMeLink))
		}, out: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t) // a clock of its own: codes wait for it
			p := h.person(withApp, withEmail)
			b := p.everythingOpen()
			c.do(p, h.api.As(b.session), b)
			if c.out {
				h.api.As(b.session).Get("/me").WantProblem(401, "unauthenticated")
			} else {
				h.api.As(b.session).Get("/me").Want(200)
			}
			h.api.As(b.other).Get("/me").WantProblem(401, "unauthenticated")
			h.api.As(b.open).Get("/sign-ins/current").WantProblem(401, "unauthenticated")
			h.api.Post("/password-resets/confirm", apitest.M{"token": b.reset, "password": "nine loud parrots argue"}).WantProblem(422, "code_used")
			if n := h.count(`SELECT count(*) FROM trusted_devices WHERE user_id = $1`, p.id); n != 0 {
				t.Errorf("%d devices are trusted", n)
			}
			pass := password
			if c.password != "" {
				pass = c.password
			}
			next := h.api.Post("/sign-ins", apitest.M{"email": p.email, "password": pass, "trusted_device": b.device}).Want(200)
			if got := next.Text("status"); (got == "second_factor") == c.bare {
				t.Errorf("the device that was trusted is led to %s", got)
			}
		})
	}
}

// An account that was prepared by somebody else loses everything when its
// owner arrives by a reset link: methods, keys, sessions, access tokens.
func TestAnUnprovedAccountIsTakenOverByAResetLink(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(unverified, withApp)
	b := p.everythingOpen()
	token := p.token(b.session, "read")
	h.api.As(token).Get("/me").Want(200)
	h.api.Post("/password-resets/confirm", apitest.M{"token": b.reset, "password": "seven lazy herons wade"}).Want(204)
	for _, dead := range []string{b.session, b.other, token} {
		h.api.As(dead).Get("/me").WantProblem(401, "unauthenticated")
	}
	h.api.As(b.open).Get("/sign-ins/current").WantProblem(401, "unauthenticated")
	for _, table := range []string{"methods", "trusted_devices", "access_tokens"} {
		if n := h.count(`SELECT count(*) FROM `+table+` WHERE user_id = $1`, p.id); n != 0 {
			t.Errorf("%d left in %s", n, table)
		}
	}
	done := h.api.Post("/sign-ins", apitest.M{"email": p.email, "password": "seven lazy herons wade"}).Want(200)
	if done.Text("status") != "complete" || done.Field("user.email_verified") != true {
		t.Errorf("%s", done.Body)
	}

	// One whose address was proved keeps its methods, and is asked for them.
	q := h.person(withApp)
	h.api.Post("/password-resets/confirm", apitest.M{"token": q.resetLink(), "password": "seven lazy herons wade"}).Want(204)
	if got := h.api.Post("/sign-ins", apitest.M{"email": q.email, "password": "seven lazy herons wade"}).Want(200).Text("status"); got != "second_factor" {
		t.Errorf("led to %s", got)
	}
}
