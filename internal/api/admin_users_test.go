package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"latchkey/internal/api/apitest"
	"latchkey/internal/pg/pgtest"
)

// adminCalls are all of /admin, with a body that fits.
func adminCalls(p *person) map[string]any {
	return map[string]any{
		"GET /admin/policy": nil, "GET /admin/policy/history": nil, "GET /admin/users": nil, "GET " + at(p, ""): nil,
		"POST /admin/users":            apitest.M{"email": "new@example.org", "name": "New", "role": "user"},
		"PATCH " + at(p, ""):           apitest.M{"name": "Eve"},
		"DELETE " + at(p, ""):          nil,
		"PUT " + at(p, "/requirement"): nil, "DELETE " + at(p, "/requirement"): nil,
		"DELETE " + at(p, "/two-factor"): nil, "POST " + at(p, "/two-factor/app/reset"): nil,
		"POST " + at(p, "/unlock"): nil, "POST " + at(p, "/verification"): nil, "DELETE " + at(p, "/sessions"): nil,
		"POST " + at(p, "/recovery-pass"): nil, "GET /admin/events": nil, "GET /admin/events.csv": nil,
		"GET /admin/events.jsonl": nil, "GET /admin/coverage": nil, "GET /admin/mails": nil,
		"POST /admin/mails/" + p.id.String() + "/retry": nil,
	}
}

func TestUsersMayDoNothingHere(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	eve := h.person(withApp)
	api := h.api.As(eve.confirmed())
	events := h.count(`SELECT count(*) FROM events`)
	for call, body := range adminCalls(h.person(withApp)) {
		method, path, _ := strings.Cut(call, " ")
		api.Do(method, path, body).WantProblem(403, "forbidden")
	}
	api.Get("/admin/users/01939c1e-8b2a-7c4e-9f31-5a6f2f0e7d11").WantProblem(403, "forbidden") // not even whether it exists
	if n := h.count(`SELECT count(*) FROM events`); n != events {
		t.Errorf("%d things happened", n-events)
	}
}

func TestSupportHelpsUsersAndRulesNobody(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	api := h.api.As(h.person(asSupport).confirmed())
	p, boss := h.person(withApp), h.person(withApp, asAdmin)
	may := map[string]int{
		"GET /admin/users": 200, "GET " + at(p, ""): 200, "POST " + at(p, "/unlock"): 204,
		"POST " + at(p, "/two-factor/app/reset"): 204, "POST " + at(p, "/recovery-pass"): 201,
	}
	for call, body := range adminCalls(p) {
		method, path, _ := strings.Cut(call, " ")
		if _, ok := may[call]; !ok {
			api.Do(method, path, body).WantProblem(403, "forbidden")
		}
	}
	for _, call := range []string{"GET /admin/users", "GET " + at(p, ""), "POST " + at(p, "/unlock"), "POST " + at(p, "/recovery-pass"), "POST " + at(p, "/two-factor/app/reset")} {
		method, path, _ := strings.Cut(call, " ")
		api.Do(method, path, nil).Want(may[call])
	}
	for _, rest := range []string{"/unlock", "/two-factor/app/reset", "/recovery-pass"} {
		api.Post(at(boss, rest), nil).WantProblem(403, "forbidden")
	}
}

func TestNobodyActsOnThemselves(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	me, boss := h.boss()
	h.person(asAdmin)
	for call, body := range adminCalls(me) {
		method, path, _ := strings.Cut(call, " ")
		if strings.Contains(path, me.id.String()) && method != "GET" && !strings.Contains(path, "mails") {
			boss.Do(method, path, body).WantProblem(403, "forbidden")
		}
	}
}

// Each of two admins takes the other's role away at the same moment: one wins.
func TestTwoAdminsDemotingEachOtherLeaveOne(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]apitest.M{"demoted": {"role": "user"}, "disabled": {"disabled": true}, "deleted": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, pgtest.MaxConns(8))
			a, b := h.person(asAdmin), h.person(asAdmin)
			as, bs := a.confirmed(), b.confirmed()
			on := func(token string, other *person) ask {
				return func(c *apitest.Client) *apitest.Response {
					method := "PATCH"
					if change == nil {
						method = "DELETE"
					}
					var body any
					if change != nil {
						body = change
					}
					r, err := c.As(token).Try(method, at(other, ""), body)
					if err != nil {
						t.Error(err)
					}
					return r
				}
			}
			got := tally(h.together(on(as, b), on(bs, a)))
			if got["200"]+got["204"] != 1 {
				t.Errorf("%v, want one to win", got)
			}
			if n := h.count(`SELECT count(*) FROM users WHERE role = 'admin' AND status = 'active'`); n != 1 {
				t.Errorf("%d admins are left", n)
			}
		})
	}
}

func TestUsersAreSearchedFilteredAndPaged(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, boss := h.boss()
	app, plain, dis := h.person(withApp), h.person(), h.person(disabled)
	un, req, ice := h.person(unverified), h.person(), h.person(withEmail)
	req.require()
	thaw := h.clock.Now().Add(time.Hour)
	h.exec(`UPDATE guards SET frozen_until = $2 WHERE user_id = $1`, ice.id, thaw)
	h.exec(`UPDATE users SET name = 'Grace %_ Hopper' WHERE id = $1`, plain.id)
	app.in()
	list := func(query string) string {
		var ids []string
		for _, u := range boss.Get("/admin/users" + query).Want(200).Field("items").([]any) {
			ids = append(ids, u.(map[string]any)["email"].(string))
		}
		return strings.Join(ids, " ")
	}
	for query, want := range map[string]string{
		"?filter=covered":           ice.email + " " + app.email,
		"?filter=disabled":          dis.email,
		"?filter=unverified":        un.email,
		"?filter=required":          req.email,
		"?filter=frozen":            ice.email,
		"?query=" + app.email:       app.email,
		"?query=%25_+hop":           plain.email,
		"?query=%25%25":             "",
		"?filter=covered&query=hop": "",
	} {
		if got := list(query); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	all, cursor, pages := "", "", 0
	for {
		got := boss.Get("/admin/users?limit=3&cursor=" + cursor).Want(200)
		for _, u := range got.Field("items").([]any) {
			all += " " + u.(map[string]any)["email"].(string)
		}
		pages++
		next, more := got.Field("next_cursor").(string)
		if !more {
			break
		}
		cursor = next
	}
	if strings.TrimSpace(all) != list("") || pages != 3 || len(strings.Fields(all)) != 7 {
		t.Errorf("%d pages:%s", pages, all)
	}
	for query, field := range map[string]string{"?filter=bald": "filter", "?limit=201": "limit", "?limit=x": "limit", "?cursor=abc": "cursor"} {
		if got := boss.Bad().Get("/admin/users"+query).WantProblem(400, "invalid_request"); got.Names() != field {
			t.Errorf("%s: %+v", query, got.Errors)
		}
	}
	one := boss.Get(at(app, "")).Want(200)
	if one.Text("methods.0.method") != "app" || one.Field("recovery_keys.left") != 10.0 || !one.Time("last_sign_in_at").Equal(h.clock.Now()) ||
		one.Field("required.by") != nil || one.Field("frozen_until") != nil {
		t.Errorf("%s", one.Body)
	}
	if got := boss.Get(at(ice, "")).Want(200); !got.Time("frozen_until").Equal(thaw) {
		t.Errorf("%s", got.Body)
	}
	boss.Get("/admin/users/01939c1e-8b2a-7c4e-9f31-5a6f2f0e7d11").WantProblem(404, "not_found")
}

func TestInvitedPeopleComeIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, boss := h.boss()
	made := boss.Post("/admin/users", apitest.M{"email": "Grace@Example.org", "name": "Grace", "role": "support"}).Want(201)
	if made.Text("status") != "invited" || made.Field("email_verified") != false {
		t.Errorf("%s", made.Body)
	}
	boss.Post("/admin/users", apitest.M{"email": "grace@example.org", "name": "Grace", "role": "user"}).WantProblem(409, "conflict")
	boss.Bad().Post("/admin/users", apitest.M{"email": "x", "name": "", "role": "root"}).WantProblem(400, "invalid_request")

	h.api.Post("/sign-ins", apitest.M{"email": "grace@example.org", "password": password}).WantProblem(401, "wrong_credentials")
	first := h.link("invitation", "grace@example.org")
	boss.Post("/admin/users/"+made.Text("id")+"/verification", nil).Want(202) // invited again: the link before is dead
	accept := func(token, with string) *apitest.Response {
		return h.api.Post("/invitations/accept", apitest.M{"token": token, "name": "Grace Hopper", "password": with})
	}
	accept(first, password).WantProblem(422, "code_used")
	token := h.link("invitation", "grace@example.org")
	if got := accept(token, "short").WantProblem(400, "invalid_request"); got.Names() != "password" {
		t.Errorf("%+v", got)
	}
	answers := h.together(times(4, h.post("", "/invitations/accept", apitest.M{"token": token, "name": "Grace Hopper", "password": password}))...)
	if got := tally(answers); got["201"] != 1 {
		t.Errorf("%v, want one to win", got)
	}
	in := h.api.Post("/sign-ins", apitest.M{"email": "grace@example.org", "password": password}).Want(200)
	if in.Text("user.role") != "support" || in.Field("user.email_verified") != true || in.Text("user.name") != "Grace Hopper" {
		t.Errorf("%s", in.Body)
	}

	late := boss.Post("/admin/users", apitest.M{"email": "late@example.org", "name": "Late", "role": "user"}).Want(201)
	token = h.link("invitation", late.Text("email"))
	h.clock.Advance(72*time.Hour + time.Second)
	accept(token, password).WantProblem(422, "code_expired")
}

func TestWhoIsDisabledIsOutAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, boss := h.boss()
	p := h.person()
	session, open := p.in(), h.person(withApp)
	sign := open.signIn()
	boss.Patch(at(p, ""), apitest.M{"disabled": true, "reason": "left"}).Want(200)
	h.api.As(session).Get("/me").WantProblem(401, "unauthenticated")
	h.api.Post("/sign-ins", apitest.M{"email": p.email, "password": password}).WantProblem(401, "wrong_credentials")
	boss.Patch(at(open, ""), apitest.M{"disabled": true}).Want(200)
	open.verify(sign, "app", open.appCode()).WantProblem(401, "unauthenticated")
	if got := boss.Patch(at(p, ""), apitest.M{"disabled": false, "name": "Ada L.", "role": "support"}).Want(200); got.Text("status") != "active" || got.Text("role") != "support" {
		t.Errorf("%s", got.Body)
	}
	p.in()
	if got := h.events(p.id); got != "signed_in disabled password_refused renamed role_changed enabled signed_in" {
		t.Errorf("events %q", got)
	}
	if got := boss.Bad().Patch(at(p, ""), apitest.M{"email_verified": true, "role": "root"}).WantProblem(400, "invalid_request"); got.Names() != "role,email_verified" {
		t.Errorf("%+v", got.Errors)
	}
	boss.Bad().Patch(at(p, ""), apitest.M{"reason": strings.Repeat("x", 501)}).WantProblem(400, "invalid_request")
}

func TestAnUnverifiedAddressGetsNoCodes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, boss := h.boss()
	p := h.person(withEmail)
	got := boss.Patch(at(p, ""), apitest.M{"email_verified": false}).Want(200)
	if got.Field("email_verified") != false || got.Field("two_factor") != false || got.Text("required.by") != "reset" {
		t.Errorf("%s", got.Body)
	}
	if p.status() != "enrolment" {
		t.Error("the password alone signs in")
	}
}

func TestALockedOutUserIsUnlocked(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, boss := h.boss()
	p := h.person(withApp)
	token := p.signIn()
	for range 5 {
		p.verify(token, "app", p.wrongCode())
	}
	p.verify(p.signIn(), "app", p.appCode()).WantProblem(429, "too_many_attempts")
	boss.Post(at(p, "/unlock"), apitest.M{"reason": "was them"}).Want(204)
	p.verify(p.signIn(), "app", p.nextAppCode()).Want(200)
	boss.Delete(at(p, "/sessions?reason=to+be+sure")).Want(204)
	if n := h.count(`SELECT count(*) FROM sessions WHERE user_id = $1`, p.id); n != 0 {
		t.Errorf("%d sessions", n)
	}
	if got := fmt.Sprint(h.mails("admin_changed_two_factor", p.email)); got != "2" {
		t.Errorf("%s mails", got)
	}
}

func TestADeletedUserLeavesEventsOnly(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, boss := h.boss()
	p := h.person(withApp)
	p.in()
	boss.Delete(at(p, "?reason=asked")).Want(204)
	boss.Get(at(p, "")).WantProblem(404, "not_found")
	if n := h.mails("account_deleted", p.email); n != 1 || h.count(`SELECT count(*) FROM mails WHERE user_id = $1`, p.id) != 0 {
		t.Errorf("%d last mails", n)
	}
	if got := h.events(p.id); !strings.HasSuffix(got, "account_deleted") {
		t.Errorf("events %q", got)
	}
}
