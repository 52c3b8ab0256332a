package attack_test

import (
	"net/http"

	"latchkey/internal/account"
	"latchkey/internal/api/apitest"
	"latchkey/internal/factor"
)

// lowerActsOnHigher: a member on anybody, support on admins and supporters,
// and everybody on themselves.
func lowerActsOnHigher(t *scene) {
	admin, member := t.personAs(account.Admin, factor.App), t.person(factor.App)
	supporter, other := t.personAs(account.Support, factor.App), t.personAs(account.Support, factor.App)
	helps, boss, user := supporter.confirmed(), admin.confirmed(), member.confirmed()
	acts := func(c *apitest.Client, of *person, want string, which ...string) {
		t.Helper()
		at := "/admin/users/" + of.id.String()
		all := map[string]func() *apitest.Response{
			"unlock":  func() *apitest.Response { return c.Post(at+"/unlock", M{}) },
			"reset":   func() *apitest.Response { return c.Post(at+"/two-factor/app/reset", M{}) },
			"pass":    func() *apitest.Response { return c.Post(at+"/recovery-pass", M{}) },
			"role":    func() *apitest.Response { return c.Patch(at, M{"role": "user"}) },
			"rename":  func() *apitest.Response { return c.Patch(at, M{"name": "X"}) },
			"disable": func() *apitest.Response { return c.Patch(at, M{"disabled": true}) },
			"off":     func() *apitest.Response { return c.Delete(at + "/two-factor") },
			"require": func() *apitest.Response { return c.Do("PUT", at+"/requirement", M{}) },
			"lift":    func() *apitest.Response { return c.Delete(at + "/requirement") },
			"out":     func() *apitest.Response { return c.Delete(at + "/sessions") },
			"delete":  func() *apitest.Response { return c.Delete(at) },
		}
		if which == nil {
			for name := range all {
				which = append(which, name)
			}
		}
		for _, name := range which {
			if res := all[name](); res.Status != http.StatusForbidden || res.Problem().Code != want {
				t.Errorf("%s: %d %s", name, res.Status, res.Body)
			}
		}
	}
	acts(user, admin, "forbidden")
	acts(user, supporter, "forbidden")
	acts(helps, admin, "forbidden")
	acts(helps, other, "forbidden")
	acts(helps, supporter, "forbidden")
	acts(helps, member, "forbidden", "role", "rename", "disable", "off", "require", "lift", "out", "delete")
	acts(boss, admin, "forbidden")
	rules := boss.Get("/admin/policy").Want(http.StatusOK)
	helps.Bad().Header("If-Match", rules.Header.Get("ETag")).Do("PUT", "/admin/policy", rules.Body).WantProblem(403, "forbidden")
	helps.Post("/admin/users", M{"email": "made@example.net", "name": "X", "role": "admin"}).WantProblem(403, "forbidden")
	if n := t.count(`SELECT count(*) FROM methods WHERE user_id = ANY($1)`, `{`+admin.id.String()+`,`+supporter.id.String()+`,`+other.id.String()+`,`+member.id.String()+`}`); n != 4 {
		t.Errorf("%d of four methods are on", n)
	}
	b := t.browser()
	b.start(supporter)
	b.code("recovery_key", supporter.key())
	for _, act := range []string{"role", "disable", "delete", "turn-off", "recovery-pass", "reset-app", "unlock"} {
		if p := b.post("/admin/users/"+admin.id.String()+"/"+act, M{"reason": "because", "role": "user"}); p.Status < 400 {
			t.Errorf("on the page, %s: %d to %s", act, p.Status, p.To())
		}
	}
}
