package attack_test

import (
	"net/http"
	"strings"

	"latchkey/internal/account"
	"latchkey/internal/api/apitest"
	"latchkey/internal/factor"
)

// token makes an access token in a confirmed session.
func token(me *apitest.Client, scopes ...string) string {
	return me.Post("/me/tokens", M{"name": "script", "scopes": scopes}).Want(http.StatusCreated).Text("token")
}

func tokenOutlivesUser(t *scene) {
	boss := t.personAs(account.Admin, factor.App).confirmed()
	for name, end := range map[string]func(p *person, me *apitest.Client){
		"disabled": func(p *person, _ *apitest.Client) {
			boss.Patch("/admin/users/"+p.id.String(), M{"disabled": true}).Want(http.StatusOK)
		},
		"deleted by an admin": func(p *person, _ *apitest.Client) {
			boss.Delete("/admin/users/" + p.id.String()).Want(http.StatusNoContent)
		},
		"deleted": func(_ *person, me *apitest.Client) { me.Delete("/me").Want(http.StatusNoContent) },
		// What ended doesn't come back.
		"enabled again": func(p *person, _ *apitest.Client) {
			for _, disabled := range []bool{true, false} {
				boss.Patch("/admin/users/"+p.id.String(), M{"disabled": disabled}).Want(http.StatusOK)
			}
		},
	} {
		p := t.person()
		me := p.confirmed()
		script := t.api().As(token(me, "read"))
		script.Get("/me").Want(http.StatusOK)
		end(p, me)
		if res := script.Get("/me"); res.Status != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, res.Status)
		}
	}
}

// tokenEscalates tries what is beside the scopes of a token, above the role of
// its user, and behind a confirmation.
func tokenEscalates(t *scene) {
	ada := t.person(factor.App)
	me := ada.confirmed()
	reads, writes := t.api().As(token(me, "read")), t.api().As(token(me, "write"))
	reads.Patch("/me", M{"name": "Eve"}).WantProblem(403, "forbidden")
	reads.Delete("/me/sessions").WantProblem(403, "forbidden")
	writes.Get("/me").WantProblem(403, "forbidden")
	me.Bad().Post("/me/tokens", M{"name": "up", "scopes": []string{"admin:read"}}).WantProblem(400, "invalid_request")
	for _, script := range []*apitest.Client{reads.Bad(), writes.Bad()} {
		script.Post("/me/tokens", M{"name": "up", "scopes": []string{"write"}}).WantProblem(403, "not_with_token")
		script.Post("/me/confirmations", M{"password": password}).WantProblem(403, "not_with_token")
		script.Post("/me/password", M{"password": newPassword}).WantProblem(403, "not_with_token")
		script.Get("/me/recovery-keys").WantProblem(403, "not_with_token")
		script.Delete("/me/two-factor").WantProblem(403, "not_with_token")
		script.Delete("/me").WantProblem(403, "not_with_token")
		script.Get("/admin/users").WantProblem(403, "forbidden")
	}

	boss := t.personAs(account.Admin, factor.App)
	in := boss.confirmed()
	rules := t.api().As(token(in, "admin:read", "admin:write"))
	rules.Get("/admin/users").Want(http.StatusOK)
	at := "/admin/users/" + ada.id.String()
	rules.Bad().Patch(at, M{"role": "admin"}).WantProblem(403, "not_with_token")
	rules.Bad().Delete(at+"/two-factor").WantProblem(403, "not_with_token")
	rules.Bad().Post(at+"/recovery-pass", nil).WantProblem(403, "not_with_token")
	rules.Get("/me").WantProblem(403, "forbidden")
	t.personAs(account.Admin).confirmed().Patch("/admin/users/"+boss.id.String(), M{"role": "user"}).Want(http.StatusOK)
	rules.Get("/admin/users").WantProblem(403, "forbidden")
	rules.Delete(at+"/sessions").WantProblem(403, "forbidden")
}

// truncatedToken tries all beginnings of every kind of token.
func truncatedToken(t *scene) {
	ada := t.person(factor.App)
	in := ada.open().Post("/sign-ins/current/verify", M{"method": "app", "code": ada.app(), "trust_device": true}).Want(http.StatusOK)
	open := t.api().As(in.Text("session_token"))
	open.Get("/me").Want(http.StatusOK)
	script := token(ada.confirmed(), "read")
	t.api().As(script).Get("/me").Want(http.StatusOK)
	for name, c := range map[string]struct{ whole, path string }{
		"session": {in.Text("session_token"), "/me"}, "access token": {script, "/me"},
		"sign-in": {ada.start().Text("sign_in_token"), "/sign-ins/current"},
	} {
		for n := 4; n < len(c.whole); n++ {
			for _, part := range []string{c.whole[:n], c.whole[:n] + strings.Repeat("A", len(c.whole)-n)} {
				if part == c.whole {
					continue
				}
				if res := t.api().As(part).Bad().Get(c.path); res.Status != http.StatusUnauthorized {
					t.Fatalf("%d of %d characters of a %s: %d", n, len(c.whole), name, res.Status)
				}
			}
		}
	}
	device := in.Text("trusted_device")
	for _, n := range []int{8, 24, len(device) - 1} { // a password is hashed for each
		for _, part := range []string{device[:n], device[:n] + flip(strings.Repeat("A", len(device)-n))} {
			if in := ada.with(part, password); in.Text("status") != "second_factor" {
				t.Errorf("%d of %d characters of a trusted device: %s", n, len(device), in.Text("status"))
			}
		}
	}
	t.api().Post("/password-resets", M{"email": ada.email}).Want(http.StatusAccepted)
	link := t.link(ada.email, "/password-resets/")
	for n := range len(link) {
		t.api().Bad().Post("/password-resets/confirm", M{"token": link[:n], "password": newPassword}).WantProblem(422, "code_expired")
	}
}

func tokenUnconfirmed(t *scene) {
	ada := t.person()
	wish := M{"name": "script", "scopes": []string{"read"}}
	ada.session().Post("/me/tokens", wish).WantProblem(403, "confirmation_required")
	b := t.browser()
	b.start(ada)
	b.post("/account/tokens/new", M{"name": "script", "scopes": "read", "scope": "read", "days": "90"})
	if n := t.count(`SELECT count(*) FROM access_tokens WHERE user_id = $1`, ada.id); n != 0 {
		t.Errorf("%d tokens", n)
	}
}

func expiredToken(t *scene) {
	ada := t.person()
	script := t.api().As(token(ada.confirmed(), "read"))
	script.Get("/me").Want(http.StatusOK)
	t.exec(`UPDATE access_tokens SET expires_at = now() - interval '1 second' WHERE user_id = $1`, ada.id)
	script.Get("/me").WantProblem(401, "unauthenticated")
}
