package api_test

import (
	"testing"
	"time"

	"latchkey/internal/account"
	"latchkey/internal/api/apitest"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"

	"context"
)

func TestAStalePolicyIsRefusedWithBothVersions(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, boss := h.boss()
	p := apitest.As[apitest.M](boss.Get("/admin/policy").Want(200))
	p["grace_days"] = 7
	boss.Header("If-Match", `"1"`).Do("PUT", "/admin/policy", p).Want(200)
	p["grace_days"] = 3
	said := boss.Header("If-Match", `"1"`).Do("PUT", "/admin/policy", p).WantProblem(412, "stale_version")
	if said.Detail != "You read version 1, and version 2 is in force by now. Read it again, look at the difference, and save once more." {
		t.Error(said.Detail)
	}
	for _, tag := range []string{"", `W/"2"`, "*", "2"} {
		boss.Bad().Header("If-Match", tag).Do("PUT", "/admin/policy", p).WantProblem(412, "stale_version")
	}
	history := boss.Get("/admin/policy/history").Want(200)
	if history.Field("items.0.changes.0.field") != "grace_days" || history.Field("items.0.changes.0.from") != 14.0 ||
		history.Field("items.0.changes.0.to") != 7.0 || history.Field("items.1.saved_by") != nil || history.Field("next_cursor") != nil {
		t.Errorf("%s", history.Body)
	}
	// The same rules again are no new version.
	p["grace_days"] = 7
	if got := boss.Header("If-Match", `"2"`).Do("PUT", "/admin/policy", p).Want(200); got.Field("version") != 2.0 {
		t.Errorf("%s", got.Body)
	}
}

func TestOfTwoSavesOfOneVersionOneWins(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.MaxConns(16))
	_, boss := h.boss()
	p := apitest.As[apitest.M](boss.Get("/admin/policy").Want(200))
	var asks []ask
	for i := range 8 {
		body := apitest.M{}
		for k, v := range p {
			body[k] = v
		}
		body["grace_days"] = i
		asks = append(asks, func(*apitest.Client) *apitest.Response {
			r, err := boss.Header("If-Match", `"1"`).Try("PUT", "/admin/policy", body)
			if err != nil {
				t.Error(err)
			}
			return r
		})
	}
	one(t, h, h.together(asks...), "412 stale_version")
}

func TestImpossiblePoliciesAreRefusedByField(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, boss := h.boss()
	whole := apitest.As[apitest.M](boss.Get("/admin/policy").Want(200))
	save := func(change apitest.M) *apitest.Response {
		body := apitest.M{}
		for k, v := range whole {
			body[k] = v
		}
		for k, v := range change {
			if v == "left out" {
				delete(body, k)
			} else {
				body[k] = v
			}
		}
		return boss.Bad().Header("If-Match", `"1"`).Do("PUT", "/admin/policy", body)
	}
	for field, change := range map[string]apitest.M{
		"require":              {"require": "everyone", "app_method": "off", "email_method": "off"},
		"email_method":         {"require": "everyone", "app_method": "off"},
		"starts_at":            {"starts_at": "2026-03-01T00:00:00Z"},
		"grace_days":           {"grace_days": -1},
		"sign_up":              {"sign_up": "ajar"},
		"session_idle_minutes": {"session_idle_minutes": 121, "session_lifetime_hours": 2},
		"token_max_days":       {"token_max_days": 1.5},
		"app_method":           {"app_method": "left out"},
	} {
		if got := save(change).WantProblem(400, "invalid_request"); got.Names() != field {
			t.Errorf("%s: %+v", field, got.Errors)
		}
	}
	if got := save(apitest.M{"starts_at": "left out"}).WantProblem(400, "invalid_request"); got.Names() != "starts_at" {
		t.Errorf("a forgotten date: %+v", got)
	}
	// Once a mail has arrived, email alone will do.
	h.exec(`INSERT INTO events (at, action, actor_kind) VALUES (now(), 'email_verified', 'user')`)
	save(apitest.M{"require": "everyone", "app_method": "off"}).Want(200)
}

func TestAdminChangesWantAFreshConfirmation(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, boss := h.boss()
	p := h.person()
	h.clock.Advance(5*time.Minute + time.Second) // good for /me, not for this
	boss.Do("PUT", at(p, "/requirement"), nil).WantProblem(403, "confirmation_required")
	boss.Get("/admin/users").Want(200)
	h.clock.Advance(15 * time.Minute)
	boss.Get("/admin/users").WantProblem(403, "confirmation_required") // rested
	boss.Get("/me").Want(200)
	boss.Get("/admin/users").WantProblem(403, "confirmation_required") // using the account is no way around
	boss.Post("/me/confirmations", apitest.M{"password": password}).Want(200)
	boss.Get("/admin/users").Want(200)
	boss.Do("PUT", at(p, "/requirement"), nil).Want(204)
	for range 12 * 60 / 10 {
		h.clock.Advance(10 * time.Minute)
		if got := boss.Get("/admin/policy"); got.Status != 200 {
			return // after twelve hours at the latest
		}
	}
	t.Error("open for more than twelve hours")
}

// What the rehearsal says is what sign-in then does.
func TestTheRehearsalIsWhatHappens(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, boss := h.boss()
	people := []*person{
		h.person(), h.person(withApp), h.person(withEmail), h.person(withApp, withEmail), h.person(unverified),
		h.person(asSupport), h.person(asSupport, withEmail), h.person(asAdmin, withEmail), h.person(asAdmin, withApp), h.person(disabled),
		h.person(),
	}
	people[len(people)-1].require()
	h.tx(func(ctx context.Context, tx *pg.Tx) error {
		return account.ResetTx(ctx, tx, people[3].id, "email")
	})
	for preset, rules := range map[string]apitest.M{
		"everyone":  {"require": "everyone", "grace_days": 0},
		"in grace":  {"require": "everyone", "grace_days": 14},
		"no email":  {"require": "nobody", "email_method": "off"},
		"fallback":  {"require": "admins", "grace_days": 0, "email_method": "fallback"},
		"all of it": {"require": "everyone", "grace_days": 0, "email_method": "off"},
	} {
		now := boss.Get("/admin/policy").Want(200)
		body := apitest.As[apitest.M](now)
		for k, v := range rules {
			body[k] = v
		}
		preview := boss.Post("/admin/policy/preview", body).Want(200)
		told := map[string]bool{}
		for _, u := range preview.Field("users").([]any) {
			for _, e := range u.(map[string]any)["effects"].([]any) {
				told[u.(map[string]any)["id"].(string)+" "+e.(string)] = true
			}
		}
		h.exec(`UPDATE users SET enrol_by = NULL`)
		boss.Post("/me/confirmations", apitest.M{"password": password}).Want(200)
		boss.Header("If-Match", now.Header.Get("ETag")).Do("PUT", "/admin/policy", body).Want(200)
		for i, p := range people {
			must := told[p.id.String()+" must_enrol"]
			if got := p.wouldEnrol(); got != must {
				t.Errorf("%s, person %d: rehearsal says must_enrol %v, sign-in %v", preset, i, must, got)
			}
		}
		h.exec(`UPDATE users SET enrol_by = NULL`)
		h.exec(`DELETE FROM sign_ins`)
	}
}

// wouldEnrol reports whether signing in leads to an enrolment.
func (p *person) wouldEnrol() bool {
	p.h.t.Helper()
	first := p.h.api.Post("/sign-ins", apitest.M{"email": p.email, "password": password})
	if first.Status == 401 {
		return false
	}
	if first.Want(200).Text("status") != "second_factor" {
		return first.Text("status") == "enrolment"
	}
	token := first.Text("sign_in_token")
	if p.secret != "" && first.Text("methods.0.method") == "app" {
		return p.verify(token, "app", p.nextAppCode()).Want(200).Text("status") == "enrolment"
	}
	key := p.keys[0]
	p.keys = p.keys[1:]
	return p.verify(token, "recovery_key", key).Want(200).Text("status") == "enrolment"
}

func TestDeadlinesAreStoredAndTheEarliestWins(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person()
	save := func(etag string, days int, require string) {
		boss := h.api.As(h.person(asAdmin, withApp).confirmed())
		body := apitest.As[apitest.M](boss.Get("/admin/policy").Want(200))
		body["require"], body["grace_days"] = require, days
		boss.Header("If-Match", etag).Do("PUT", "/admin/policy", body).Want(200)
		if err := h.app.Admin.StoreDeadlines(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	until := func() time.Time { return p.start().Time("skippable_until") }
	save(`"1"`, 10, "everyone")
	first := until()
	if want := h.clock.Now().Add(10 * 24 * time.Hour); !about(first.Sub(want), 0) {
		t.Errorf("%s, want %s", first, want)
	}
	h.clock.Advance(3 * 24 * time.Hour)
	save(`"2"`, 12, "everyone") // a later save gives nobody more time
	save(`"3"`, 30, "everyone")
	if got := until(); !got.Equal(first) {
		t.Errorf("%s, want %s still", got, first)
	}
	late := h.person() // made under version 3: thirty days of its own
	own := late.start().Time("skippable_until")
	if !about(own.Sub(h.clock.Now()), 30*24*time.Hour) {
		t.Errorf("a new account has until %s", own)
	}
	save(`"4"`, 60, "everyone")
	if got := late.start().Time("skippable_until"); !got.Equal(own) {
		t.Errorf("after the next save until %s", got)
	}

	// Reminders a week and a day before, once each.
	remind := func() int {
		if err := h.app.Admin.Daily(t.Context()); err != nil {
			t.Fatal(err)
		}
		return h.mails("two_factor_required_from", p.email)
	}
	if n := remind(); n != 1 { // seven days are left
		t.Errorf("%d reminders", n)
	}
	h.clock.Advance(5 * 24 * time.Hour)
	if n := remind(); n != 1 {
		t.Errorf("%d reminders two days before", n)
	}
	h.clock.Advance(24*time.Hour + time.Minute)
	// An address that was never proved has a budget.
	h.exec(`UPDATE users SET email_verified_at = NULL WHERE id = $1`, p.id)
	h.tx(func(ctx context.Context, tx *pg.Tx) error {
		for range 20 {
			if _, err := h.app.SignIn.Factors.MailForeignTx(ctx, tx, p.email); err != nil {
				return err
			}
		}
		return nil
	})
	if n := remind(); n != 1 {
		t.Errorf("%d reminders, beyond the budget of an address", n)
	}
	h.exec(`UPDATE users SET email_verified_at = created_at, reminded_at = $2 WHERE id = $1`, p.id, h.clock.Now().Add(-6*24*time.Hour))
	remind()
	if n := remind(); n != 2 {
		t.Errorf("%d reminders the day before", n)
	}
}

// boss2 signs a second admin in, where the first one's session is over.
func boss2(h *house) string { return h.person(asAdmin).confirmed() }
