package web_test

import (
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"latchkey/internal/account"
	"latchkey/internal/factor"
)

func TestUsersAreSearchedFilteredAndPaged(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, me := h.desk()
	app, byMail, gone := h.person(factor.App), h.person(factor.Email), h.person()
	h.exec(`UPDATE users SET status = 'disabled' WHERE id = $1`, gone.id)
	shown := func(path string) map[string]bool {
		out := map[string]bool{}
		at := b.get(path).want("admin_users", 200)
		for _, p := range []*person{me, app, byMail, gone} {
			out[p.email] = at.has(`#people tr[data-user="` + p.id.String() + `"]`)
		}
		return out
	}
	for path, want := range map[string][]*person{
		"/admin/users":                          {me, app, byMail, gone},
		"/admin/users?filter=covered":           {app, byMail},
		"/admin/users?filter=not_covered":       {me, gone},
		"/admin/users?filter=disabled":          {gone},
		"/admin/users?filter=frozen":            {},
		"/admin/users?query=" + app.email:       {app},
		"/admin/users?query=nobody-of-that":     {},
		"/admin/users?filter=covered&query=ada": {app, byMail},
	} {
		got := shown(path)
		for _, p := range []*person{me, app, byMail, gone} {
			if got[p.email] != contains(want, p) {
				t.Errorf("%s: %s shown is %v", path, p.email, got[p.email])
			}
		}
	}
	b.get("/admin/users?filter=nonsense").want("admin_users", 400).says(".summary", "covered")
	b.get("/admin/users?cursor=nonsense").want("admin_users", 400)
	b.get("/admin/users?query="+strings.Repeat("x", 300)).want("admin_users", 400)
	for range 52 {
		h.person()
	}
	first := b.get("/admin/users").want("admin_users", 200)
	second := b.get(first.attr("#next", "href")).want("admin_users", 200)
	if n := second.Doc.Find("#people tbody tr").Length(); n != 6 || second.has("#next") || !second.has("#first") {
		t.Errorf("%d on the second page", n)
	}
}

func contains(all []*person, p *person) bool {
	for _, one := range all {
		if one == p {
			return true
		}
	}
	return false
}

func TestEveryActOnAUser(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, me := h.desk()
	p := h.person(factor.App, factor.Email)
	b.get(p.page()).want("admin_user", 200).says("#keys-left", "10 of 10 left")
	// A page asks why, though the API need not say.
	at := b.get(p.page()+"/reset-app").want("admin_act", 200)
	b.submit(at, "act", M{"reason": "  "}).want("admin_act", 400).says("#reason-error", "Say why")
	// What was chosen or typed stays, when something else was wrong.
	b.act(p, "role", M{"role": "support", "reason": ""}).want("admin_act", 400).one(`input[name="role"][value="support"][checked]`)
	b.act(p, "rename", M{"name": "Gra", "reason": ""}).want("admin_act", 400).one(`input[name="name"][value="Gra"]`)

	day := h.clock.Now().AddDate(0, 1, 0).Format(time.DateOnly)
	for _, step := range []struct {
		act    string
		fields M
		said   string
		holds  string
	}{
		{"unlock", nil, "Unlocked", `SELECT count(*) FROM events WHERE action = 'unlocked' AND data->>'reason' = 'Asked for by phone'`},
		{"require", M{"from": day}, "required", `SELECT count(*) FROM users WHERE required_from IS NOT NULL`},
		{"lift", nil, "lifted", `SELECT count(*) FROM events WHERE action = 'two_factor_not_required'`},
		{"reset-app", nil, "reset", `SELECT count(*) FROM users WHERE reset_at IS NOT NULL`},
		{"turn-off", nil, "off", `SELECT count(*) FROM events WHERE action = 'two_factor_off'`},
		{"rename", M{"name": "Grace"}, "Saved", `SELECT count(*) FROM users WHERE name = 'Grace'`},
		{"role", M{"role": "support"}, "Saved", `SELECT count(*) FROM users WHERE role = 'support'`},
		{"unverify", nil, "Saved", `SELECT count(*) FROM events WHERE action = 'email_unverified'`},
		{"verification", nil, "on its way", `SELECT count(*) FROM mails WHERE kind = 'verify_email'`},
		{"end-sessions", nil, "signed out everywhere", `SELECT count(*) FROM events WHERE action = 'sessions_ended'`},
		{"disable", nil, "disabled", `SELECT count(*) FROM users WHERE status = 'disabled'`},
		{"enable", nil, "enabled", `SELECT count(*) FROM events WHERE action = 'enabled'`},
		{"delete", nil, "deleted", `SELECT count(*) FROM events WHERE action = 'account_deleted'`},
	} {
		if !b.get(p.page()).has(`[data-act="` + step.act + `"]`) {
			t.Errorf("%s is not offered", step.act)
		}
		at := b.act(p, step.act, step.fields)
		at.says("#notice", step.said)
		if h.count(step.holds) != 1 {
			t.Errorf("%s did nothing", step.act)
		}
	}
	b.get(p.page()).want("failure", 404)
	b.get("/admin/events?action=account_deleted").want("admin_events", 200).says(".log", "a deleted account")

	// Nobody does it to themselves here.
	at = b.get(me.page()).want("admin_user", 200)
	at.says("#myself", "Here you act on others only")
	if at.has("[data-act]") {
		t.Error("acts on oneself are offered")
	}
	b.act(me, "role", M{"role": "user"}).want("admin_act", 403)
	for _, path := range []string{me.page() + "/nonsense", "/admin/users/nonsense", p.page() + "/unlock"} {
		b.get(path).want("failure", 404)
	}
}

func TestALockedActAsksWhoItIsBeforeTheFormIsFilledIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := h.desk()
	p := h.person(factor.App)
	h.clock.Advance(6 * time.Minute)
	b.get(p.page()+"/unlock").want("admin_act", 200)
	at := b.get(p.page()+"/reset-app").want("confirm", 200)
	b.submit(at, "confirm", M{"password": password}).want("admin_act", 200)
	if h.count(`SELECT count(*) FROM users WHERE reset_at IS NOT NULL`) != 0 {
		t.Error("asking did it")
	}
}

func TestARecoveryPassLeadsToAnEnrolment(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := h.desk()
	p := h.person(factor.App)
	at := b.act(p, "recovery-pass", nil).want("admin_pass", 200)
	pass := at.text("#pass")
	if strings.Contains(b.get(p.page()).Body, pass) || strings.Contains(b.get("/admin/events").Body, pass) {
		t.Error("the pass is shown again")
	}

	theirs := h.browser()
	at = theirs.signIn(p.email, password).want("code", 200)
	if at.attr(`input[name="method"]`, "value") != "app" {
		t.Error("the pass is the default")
	}
	at = theirs.get(at.attr(`a[data-way="recovery_pass"]`, "href")).want("code", 200)
	at = theirs.submit(at, "code", M{"code": "0000-0000-0000-0000"}).want("code", 422)
	theirs.submit(at, "code", M{"code": strings.ToLower(pass)}).want("enrol", 200)
	theirs.get("/account/security").want("sign_in", 200) // no session yet

	again := h.browser()
	at = again.signIn(p.email, password).want("code", 200)
	at = again.get(at.attr(`a[data-way="recovery_pass"]`, "href"))
	again.submit(at, "code", M{"code": pass}).want("code", 422)
}

func TestASecondAdminApprovesARecoveryPass(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec(`UPDATE policies SET rules = rules || '{"recovery_pass_approval": true}'`)
	one, _ := h.desk()
	two, _ := h.desk()
	p := h.person(factor.App)
	at := one.act(p, "recovery-pass", nil).want("admin_pass", 200)
	if at.has("#pass") || !at.has("#pending") {
		t.Error("one admin is enough")
	}
	page := "/admin/users/" + p.id.String()
	if at := one.get(page).want("admin_user", 200); !at.has("#pass-waits") || at.has("#pass-waits a") {
		t.Errorf("who asked is told %q", at.text("#pass-waits"))
	}
	if at := two.get(page).want("admin_user", 200); at.attr("#pass-waits a", "href") != page+"/recovery-pass" {
		t.Errorf("the second admin is told %q", at.text("#pass-waits"))
	}
	if !two.act(p, "recovery-pass", nil).want("admin_pass", 200).has("#pass") {
		t.Error("two admins are not enough")
	}
	if two.get(page).want("admin_user", 200).has("#pass-waits") {
		t.Error("it waits although it was made")
	}
}

func TestAnInvitationIsAccepted(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := h.desk()
	at := b.get("/admin/users/invite").want("admin_invite", 200)
	at = b.submit(at, "invite", M{"email": "not an address", "name": ""}).want("admin_invite", 400)
	if at.text("#email-error") == "" || at.text("#name-error") == "" {
		t.Errorf("%s", at.text("main"))
	}
	at = b.submit(at, "invite", M{"email": "grace@example.org", "name": "Grace", "role": "support"}).want("admin_user", 200)
	at.says("#notice", "on its way")
	at.says(".who-line", "Invited")
	b.submit(b.get("/admin/users/invite"), "invite", M{"email": "Grace@example.org", "name": "G"}).want("admin_invite", 409)

	path := "/invitations/" + h.link("invitation", "grace@example.org")
	theirs := h.browser()
	at = theirs.get(path).want("admin_invitation", 200)
	at.says("main", "grace@example.org")
	at = theirs.submit(at, "accept", M{"password": "short"}).want("admin_invitation", 400)
	at = theirs.submit(at, "accept", M{"name": "Grace H", "password": fresh}).want("sign_in", 200)
	at.says("#notice", "ready")
	if at.attr("#email", "value") != "grace@example.org" {
		t.Error("the address has to be typed again")
	}
	theirs.submit(at, "sign-in", M{"password": fresh}).want("offer", 200)
	theirs.get("/admin/users").want("admin_users", 200)
	h.browser().get(path).want("failure", 404).says("main", "Ask whoever invited you")
	h.browser().get("/invitations/nonsense").want("failure", 404)
	if role := h.count(`SELECT count(*) FROM users WHERE role = $1 AND email_verified_at IS NOT NULL AND name = 'Grace H'`, string(account.Support)); role != 1 {
		t.Error("the account is not as it was made")
	}
}

func TestTheListOfUsersIsAFile(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := h.desk()
	h.person(factor.App)
	h.exec(`UPDATE users SET name = '=SUM(A1)' WHERE role = 'user'`)
	h.exec(`INSERT INTO users (id, email, name, created_at) SELECT gen_random_uuid(), 'many' || n || '@example.org', 'Many', now() FROM generate_series(1, 450) n`)
	h.exec(`INSERT INTO guards (user_id) SELECT id FROM users WHERE name = 'Many'`)
	file := b.get(b.get("/admin/users").attr("#csv", "href"))
	rows, err := csv.NewReader(strings.NewReader(file.Body)).ReadAll()
	if err != nil || len(rows) != 453 || rows[0][1] != "email" {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	if strings.Contains(file.Body, ",=SUM") {
		t.Error("a name is a formula")
	}
	covered := b.get("/admin/users.csv?filter=covered")
	if n := strings.Count(covered.Body, "\n"); n != 2 {
		t.Errorf("%d lines of covered", n)
	}
	b.get("/admin/users.csv?filter=nonsense").want("failure", 400)
}
