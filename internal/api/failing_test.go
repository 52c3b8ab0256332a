package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/api/apitest"
	"latchkey/internal/factor"
	"latchkey/internal/pg/pgtest"
)

// Whatever can't be read or written, nothing is said to be done: each
// statement of every call that changes something fails once, the first, the
// second and so on, as if the connection had broken there. The answer is a
// failure of ours, and the very same call then does all of it: nothing was
// half done. Every tenth is tried; with LATCHKEY_STATEMENTS=all, all are.
func TestEveryStatementMayFail(t *testing.T) {
	t.Parallel()
	for route, row := range mutatingRoutes {
		who := ""
		for name, want := range map[string]string{"nobody": row.want.nobody, "sign-in": row.want.signIn, "confirmed": row.want.sure} {
			if strings.HasPrefix(want, "2") && (who == "" || name < who) {
				who = name
			}
		}
		if who == "" {
			continue // a link from a mail, which none of the table's people holds
		}
		t.Run(route, func(t *testing.T) {
			t.Parallel()
			eachFails(t, func(h *house) func() *apitest.Response { return h.ready(route, row, who) })
		})
	}
	for name, ready := range otherWays {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachFails(t, ready)
		})
	}
}

// eachFails makes a call as often as it has statements.
func eachFails(t *testing.T, ready func(*house) func() *apitest.Response) {
	f := pgtest.NewFailing()
	f.Held = asksHeld
	h := limited(t, pgtest.Before(f.Before))
	call := ready(h)
	h.quiet()
	f.From(0)
	want := call()
	if want.Status >= 500 {
		t.Fatalf("with nothing failing: %d %s", want.Status, want.Body)
	}
	for n, query := range f.Stop() {
		if pgtest.Spared(t, query) {
			continue
		}
		h.exec(`DELETE FROM ip_meters`) // of so many calls
		call := ready(h)
		h.quiet()
		f.From(n + 1)
		answer := call()
		f.Stop()
		if answer.Status < 500 {
			t.Errorf("statement %d failed, and the answer is %d: %s", n+1, answer.Status, query)
		} else if again := call(); again.Status != want.Status {
			t.Errorf("after statement %d failed, the same call is answered %d %s, want %d: %s", n+1, again.Status, again.Body, want.Status, query)
		}
	}
}

// otherWays are calls that take another way through a route of the table.
var otherWays = map[string]func(*house) func() *apitest.Response{
	"an email code": func(h *house) func() *apitest.Response {
		p := h.person(withEmail)
		token := p.signIn()
		return h.verifies(token, codeBody("email", p.mailed(factor.SignInCode)))
	},
	"a wrong email code": func(h *house) func() *apitest.Response {
		p := h.person(withEmail)
		token := p.signIn()
		return h.verifies(token, codeBody("email", other(p.mailed(factor.SignInCode))))
	},
	"a wrong app code": func(h *house) func() *apitest.Response {
		p := h.person(withApp)
		return h.verifies(p.signIn(), codeBody("app", p.wrongCode()))
	},
	"an app code that was used": func(h *house) func() *apitest.Response {
		p := h.person(withApp)
		code := p.appCode()
		p.verify(p.signIn(), "app", code).Want(200)
		return h.verifies(p.signIn(), codeBody("app", code))
	},
	"a device is trusted": func(h *house) func() *apitest.Response {
		p := h.person(withApp)
		return h.verifies(p.signIn(), apitest.M{"method": "app", "code": p.appCode(), "trust_device": true})
	},
	"a trusted device": func(h *house) func() *apitest.Response {
		p := h.person(withApp)
		device, _ := p.trusting()
		return h.calls("", "/sign-ins", apitest.M{"email": p.email, "password": password, "trusted_device": device})
	},
	"a recovery key": func(h *house) func() *apitest.Response {
		p := h.person(withApp)
		return h.verifies(p.signIn(), codeBody("recovery_key", p.keys[0]))
	},
	"a recovery key leads into an enrolment": func(h *house) func() *apitest.Response {
		p := h.person(withApp)
		h.exec(`UPDATE users SET reset_at = $2 WHERE id = $1`, p.id, h.clock.Now())
		return h.verifies(p.signIn(), codeBody("recovery_key", p.keys[0]))
	},
	"what a recovery key led into is put to an end": func(h *house) func() *apitest.Response {
		p := h.person(withApp)
		h.exec(`UPDATE users SET reset_at = $2 WHERE id = $1`, p.id, h.clock.Now())
		token := p.signIn()
		p.verify(token, "recovery_key", p.keys[0]).Want(200)
		open := h.api.As(token)
		open.Post("/sign-ins/current/enrolments", apitest.M{"method": "email"}).Want(201)
		open.Post("/sign-ins/current/enrolments/confirm", codeBody("email", p.mailed(factor.Enrolling))).Want(200)
		return h.calls(token, "/sign-ins/current/complete", apitest.M{"recovery_keys_saved": true})
	},
	"a recovery key that was used": func(h *house) func() *apitest.Response {
		p := h.person(withApp)
		p.verify(p.signIn(), "recovery_key", p.keys[0]).Want(200)
		return h.verifies(p.signIn(), codeBody("recovery_key", p.keys[0]))
	},
	"a recovery pass": func(h *house) func() *apitest.Response {
		p := h.person(withApp)
		return h.verifies(p.signIn(), codeBody("recovery_pass", p.pass()))
	},
	"another's recovery pass": func(h *house) func() *apitest.Response {
		p := h.person(withApp)
		return h.verifies(p.signIn(), codeBody("recovery_pass", h.person(withApp).pass()))
	},
	"a wrong password": func(h *house) func() *apitest.Response {
		return h.calls("", "/sign-ins", apitest.M{"email": h.person(withApp).email, "password": "not it"})
	},
	"no account": func(h *house) func() *apitest.Response {
		return h.calls("", "/sign-ins", apitest.M{"email": "nobody-" + uuid.NewString() + "@example.org", "password": "not it"})
	},
	"a mail that is held back": func(h *house) func() *apitest.Response {
		p := h.person(withEmail)
		p.signIns(5)
		return h.calls("", "/sign-ins", apitest.M{"email": p.email, "password": password})
	},
	"an enrolment is put off": func(h *house) func() *apitest.Response {
		h.rules(requireEveryone)
		return h.calls(h.person().signIn(), "/sign-ins/current/complete", apitest.M{"skip": true})
	},
	"email is enrolled at sign-in": func(h *house) func() *apitest.Response {
		p := h.person(unverified)
		p.require()
		token := p.signIn()
		h.api.As(token).Post("/sign-ins/current/enrolments", apitest.M{"method": "email"}).Want(201)
		return h.calls(token, "/sign-ins/current/enrolments/confirm", codeBody("email", p.mailed(factor.Enrolling)))
	},
	"a wrong code at an enrolment": func(h *house) func() *apitest.Response {
		p := h.person()
		p.require()
		token := p.signIn()
		h.api.As(token).Post("/sign-ins/current/enrolments", apitest.M{"method": "app"}).Want(201)
		return h.calls(token, "/sign-ins/current/enrolments/confirm", codeBody("app", "123456"))
	},
	"an enrolment that was never begun": func(h *house) func() *apitest.Response {
		return h.calls(h.person(withEmail).confirmed(), "/me/two-factor/enrolments/confirm", codeBody("app", "123456"))
	},
	"a recovery key confirms": func(h *house) func() *apitest.Response {
		p := h.person(withApp)
		return h.calls(p.in(), "/me/confirmations", apitest.M{"password": password, "method": "recovery_key", "code": p.keys[0]})
	},
	"an email code confirms": func(h *house) func() *apitest.Response {
		p := h.person(withEmail)
		session := p.in()
		h.api.As(session).Post("/me/confirmations/email-code", nil).Want(202)
		return h.calls(session, "/me/confirmations", apitest.M{"password": password, "method": "email", "code": p.mailed(factor.Confirmation)})
	},
	"a wrong code confirms nothing": func(h *house) func() *apitest.Response {
		p := h.person(withApp)
		return h.calls(p.in(), "/me/confirmations", apitest.M{"password": password, "method": "app", "code": p.wrongCode()})
	},
	"a wrong password confirms nothing": func(h *house) func() *apitest.Response {
		p := h.person(withApp)
		return h.calls(p.in(), "/me/confirmations", apitest.M{"password": "not it", "method": "app", "code": p.nextAppCode()})
	},
	"a reset link": func(h *house) func() *apitest.Response {
		return h.calls("", "/password-resets/confirm", apitest.M{"token": h.person(withApp).resetLink(), "password": "lamp orbit cabbage quartz"})
	},
	"a reset link to an account that was never proved": func(h *house) func() *apitest.Response {
		p := h.person(unverified)
		h.exec(`UPDATE users SET ever_verified = false WHERE id = $1`, p.id)
		return h.calls("", "/password-resets/confirm", apitest.M{"token": p.resetLink(), "password": "lamp orbit cabbage quartz"})
	},
	"the steps of a sign-in": func(h *house) func() *apitest.Response {
		token := h.person(withEmail).signIn()
		return func() *apitest.Response { return h.api.Bad().As(token).Get("/sign-ins/current") }
	},
	"how a mail is doing": func(h *house) func() *apitest.Response {
		token := h.person(withEmail).signIn()
		return func() *apitest.Response { return h.api.Bad().As(token).Get("/sign-ins/current/email-code") }
	},
	"the recovery keys": func(h *house) func() *apitest.Response {
		session := h.person(withApp).confirmed()
		return func() *apitest.Response { return h.api.Bad().As(session).Get("/me/recovery-keys") }
	},
	"an access token": func(h *house) func() *apitest.Response {
		p := h.person(withApp)
		token := p.token(h.session(p, true), "read")
		return func() *apitest.Response { return h.api.Bad().As(token).Get("/me") }
	},
}

func (h *house) calls(token, path string, body any) func() *apitest.Response {
	return func() *apitest.Response { return h.api.Bad().As(token).Post(path, body) }
}

func (h *house) verifies(token string, body any) func() *apitest.Response {
	return h.calls(token, "/sign-ins/current/verify", body)
}

// pass is a recovery pass from an admin.
func (p *person) pass() string {
	p.h.t.Helper()
	_, boss := p.h.boss()
	return boss.Post(at(p, "/recovery-pass"), apitest.M{"reason": "lost the phone"}).Want(201).Text("recovery_pass")
}

// quiet waits until nobody has a request about an address left to answer.
func (h *house) quiet() {
	h.t.Helper()
	for end := time.Now().Add(20 * time.Second); h.count(`SELECT count(*) FROM address_requests`) > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatal("requests about addresses are not answered")
		}
	}
}

// asksHeld is the statement of whoever answers requests about addresses, after
// the call.
const asksHeld = "DELETE FROM address_requests"

// The same of what is answered by mail after the call: a request is answered
// whole or not at all, and then again. Each makes one mail and one event.
func TestEveryStatementOfAnAnswerMayFail(t *testing.T) {
	t.Parallel()
	for kind, ask := range map[string]struct {
		mail string
		whom []trait
		call func(*house, *person) *apitest.Response
	}{
		"a reset": {"password_reset", []trait{withApp}, func(h *house, p *person) *apitest.Response {
			return h.api.Post("/password-resets", apitest.M{"email": p.email})
		}},
		"a reset where nobody proved the address": {"password_reset", []trait{unverified}, func(h *house, p *person) *apitest.Response {
			return h.api.Post("/password-resets", apitest.M{"email": p.email})
		}},
		"a sign-up with an address that nobody proved": {"address_taken", []trait{unverified}, func(h *house, p *person) *apitest.Response {
			return h.api.Post("/sign-ups", apitest.M{"email": p.email, "password": "lamp orbit cabbage quartz", "name": "Eve"})
		}},
		"a sign-up with an address that is taken": {"address_taken", []trait{withApp}, func(h *house, p *person) *apitest.Response {
			return h.api.Post("/sign-ups", apitest.M{"email": p.email, "password": "lamp orbit cabbage quartz", "name": "Eve"})
		}},
		"a change to an address that is taken": {"address_taken", []trait{withApp}, func(h *house, p *person) *apitest.Response {
			return h.api.As(h.person(withApp).confirmed()).Post("/me/email-change", apitest.M{"email": p.email})
		}},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			f := pgtest.NewFailing()
			f.Held = asksHeld
			h := newHouse(t, pgtest.Before(f.Before))
			beside := &house{t: t, db: pgtest.Open(t, h.url)}
			answered := func(at int) (p *person, seen []string) {
				p = h.person(ask.whom...)
				h.quiet()
				f.From(0)
				if got := ask.call(h, p); got.Status >= 300 {
					t.Fatalf("%d %s", got.Status, got.Body)
				}
				f.Release(at)
				for end := time.Now().Add(time.Minute); beside.count(`SELECT count(*) FROM address_requests`) > 0; time.Sleep(10 * time.Millisecond) {
					if time.Now().After(end) {
						t.Fatalf("with statement %d failing: never answered", at)
					}
					h.app.SignIn.Wake()
				}
				return p, f.Stop()
			}
			told := func(p *person) (mails, events int) {
				return h.count(`SELECT count(*) FROM mails WHERE user_id = $1 AND kind = $2`, p.id, ask.mail),
					h.count(`SELECT count(*) FROM events WHERE subject_id = $1`, p.id)
			}
			p, seen := answered(0)
			_, want := told(p)
			for n, query := range seen {
				if pgtest.Spared(t, query) {
					continue
				}
				p, _ := answered(n + 1)
				if mails, events := told(p); mails != 1 || events != want {
					t.Errorf("after statement %d failed: %d mails and %d events, want 1 and %d: %s", n+1, mails, events, want, query)
				}
			}
		})
	}
}
