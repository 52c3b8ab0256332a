package attack_test

import (
	"net/http"
	"strings"
	"testing"

	"latchkey/internal/account"
	"latchkey/internal/api/apitest"
	"latchkey/internal/factor"
)

var identity = []line{
	{"MassAssignment", "a field too many in a body proved one's own address, or gave a role (Zitadel)", massAssignment, ""},
	{"UnverifiedSSO", "single sign-on linked an account by an address that nobody verified (Casdoor, CVE-2026-9092)", unverifiedSSO, ""},
	{"DisabledBySSO", "single sign-on revived a disabled user (Gitea, CVE-2026-58422)", disabledBySSO, ""},
	{"PreparedAccount", "an account that somebody else prepared stayed theirs after its owner came", preparedAccount, ""},
	{"EmailUnconfirmed", "the address changed without a confirmation, or before it was proved (GitLab)", emailUnconfirmed, ""},
	{"EmailUntold", "the old address was not told of the new one (GitLab)", emailUntold, ""},
	{"MarkupInMails", "HTML in names and labels reached mails (Zitadel, CVE-2024-41953)", markupInMails, ""},
	{"SecretsInAnswers", "admin pages, exports and debug answers held secrets (Mattermost, CVE-2025-11794)", secretsInAnswers, ""},
	{"SecretAfterEnrolment", "the secret of an app could be read after it was proved", secretAfterEnrolment, ""},
	{"OffByGet", "following a link turned two-factor off (wallabag)", offByGet, ""},
	{"OffByForeignForm", "the form of another site turned two-factor off (wallabag)", offByForeignForm, ""},
	{"LowerActsOnHigher", "a lower admin acted on a higher one", lowerActsOnHigher, ""},
	{"BigPassword", "a password of ten megabytes was hashed", bigPassword, ""},
	{"ManyCookies", "a hundred thousand cookies were parsed", manyCookies, ""},
	{"SlowClients", "clients that send a byte now and then held all connections", slowClients, ""},
	{"LogInjection", "line breaks and escapes in what was typed wrote lines into the log", logInjection, ""},
	{"SecretsInLogs", "codes and tokens stood in a log", secretsInLogs, ""},
}

func TestAttackIdentity(t *testing.T) { attack(t, identity) }

// massAssignment gives fields that are nobody's to give: the API refuses the
// body, a form's are not looked at.
func massAssignment(t *scene) {
	more := M{"role": "admin", "email_verified": true, "status": "active", "id": "01890a5d-ac96-774b-bcce-b302099a8057",
		"two_factor": true, "email_verified_at": "2026-01-02T03:04:05Z", "Role": "admin", "user": M{"role": "admin"}}
	with := func(body M, name string) M {
		out := M{name: more[name]}
		for k, v := range body {
			out[k] = v
		}
		return out
	}
	boss := t.personAs(account.Admin, factor.App).confirmed()
	me := t.person().confirmed()
	guest := "guest-of-" + strings.TrimPrefix(t.from, "10.") + "@example.net"
	boss.Post("/admin/users", M{"email": guest, "name": "Guest", "role": "user"}).Want(http.StatusCreated)
	invitation := t.link(guest, "/invitations/")
	for name := range more {
		email := "mass-" + strings.ToLower(name) + "@example.net"
		person := M{"email": email, "name": "Eve", "password": newPassword}
		t.api().Bad().Post("/sign-ups", with(person, name)).WantProblem(400, "invalid_request")
		t.api().Bad().Post("/sign-ups", M{"email": email, "name": "Eve", "password": newPassword, "user": with(M{}, name)}).WantProblem(400, "invalid_request")
		me.Bad().Patch("/me", with(M{"name": "Eve"}, name)).WantProblem(400, "invalid_request")
		t.api().Bad().Post("/invitations/accept", with(M{"token": invitation, "name": "Guest", "password": newPassword}, name)).
			WantProblem(400, "invalid_request")
	}
	form := M{"role": "admin", "email_verified": "true", "email_verified_at": "now", "status": "active", "verified": "yes", "id": "1"}
	signUp := M{"email": "mass-form@example.net", "name": "Eve", "password": newPassword}
	accept := M{"name": "Guest", "password": newPassword}
	profile := M{"name": "Eve", "email": "mass-profile@example.net"}
	for name, value := range form {
		signUp[name], accept[name], profile[name] = value, value, value
	}
	b, in := t.browser(), t.browser()
	b.post("/sign-up", signUp)
	b.post("/invitations/"+invitation, accept)
	ada := t.person()
	in.start(ada)
	in.post("/account/profile", profile)
	if n := t.count(`SELECT count(*) FROM users WHERE email = 'mass-form@example.net' AND role = 'user' AND email_verified_at IS NULL`); n != 1 {
		t.Error("the form of sign-up gave more than an account, or none")
	}
	if n := t.count(`SELECT count(*) FROM users WHERE email = $1 AND role = 'user' AND status = 'active'`, guest); n != 1 {
		t.Error("the form of the invitation gave more than it promised, or nothing")
	}
	if n := t.count(`SELECT count(*) FROM users WHERE id = $1 AND role = 'user' AND email = $2`, ada.id, ada.email); n != 1 {
		t.Error("the profile's form changed more than a name")
	}
	if n := t.count(`SELECT count(*) FROM users WHERE email LIKE 'mass-%' AND email <> 'mass-form@example.net'`); n != 0 {
		t.Errorf("%d accounts by refused bodies", n)
	}
}

// preparedAccount: Eve signs up with Ada's address, turns an app on, keeps a
// session and a token. Ada asks for a new password, and is alone.
func preparedAccount(t *scene) {
	email := "prepared@example.net"
	t.api().Post("/sign-ups", M{"email": email, "name": "Ada", "password": password}).Want(http.StatusCreated)
	eve := &person{t: t, email: email}
	in := eve.start()
	me := t.api().As(in.Text("session_token"))
	me.Post("/me/confirmations", M{"password": password}).Want(http.StatusOK)
	eve.secret = me.Post("/me/two-factor/enrolments", M{"method": "app", "name": "Eve's"}).Want(http.StatusCreated).Text("secret")
	me.Post("/me/two-factor/enrolments/confirm", M{"method": "app", "code": eve.app()}).Want(http.StatusOK)
	script := t.api().As(token(me, "read"))
	page := t.browser()
	page.start(eve)
	page.code("app", eve.app())
	if !page.in() {
		t.Fatal("Eve could not prepare a browser")
	}

	t.api().Post("/password-resets", M{"email": email}).Want(http.StatusAccepted)
	t.api().Post("/password-resets/confirm", M{"token": t.link(email, "/password-resets/"), "password": newPassword}).Want(http.StatusNoContent)
	me.Get("/me").WantProblem(401, "unauthenticated")
	if res := script.Get("/me"); res.Status != http.StatusUnauthorized {
		t.Errorf("Eve's token: %d", res.Status)
	}
	if page.in() {
		t.Error("Eve's browser is still signed in")
	}
	t.signIn(t.api(), email, password).WantProblem(401, "wrong_credentials")
	if got := t.signIn(t.api(), email, newPassword).Want(http.StatusOK); got.Text("status") != "complete" {
		t.Errorf("Ada is asked for Eve's app: %s", got.Text("status"))
	}
}

func emailUnconfirmed(t *scene) {
	ada, eve := t.person(factor.App), t.person()
	me, to := ada.session(), "moved-"+ada.email
	me.Post("/me/email-change", M{"email": to}).WantProblem(403, "confirmation_required")
	me.Bad().Patch("/me", M{"email": to}).WantProblem(400, "invalid_request")
	b := t.browser()
	b.start(ada)
	b.code("recovery_key", ada.key()) // which confirms, so that of the page nothing but its code is missing
	b.post("/account/profile/email", M{"email": to})
	code := t.code(to, "")
	// A code of this change fits this session alone, and not another user's.
	for _, c := range []*apitest.Client{me, eve.session()} {
		if res := c.Bad().Post("/me/email-change/confirm", M{"code": code}); res.Status < 400 {
			t.Errorf("a code of another session: %d", res.Status)
		}
	}
	b.post("/account/profile/email/code", M{"code": other(code)})
	if n := t.count(`SELECT count(*) FROM users WHERE id = $1 AND email = $2`, ada.id, ada.email); n != 1 {
		t.Error("the address changed before the new one was proved")
	}
	b.post("/account/profile/email/code", M{"code": code})
	if n := t.count(`SELECT count(*) FROM users WHERE id = $1 AND email = $2`, ada.id, to); n != 1 {
		t.Error("the right code changed nothing: nothing is shown by the rest")
	}
}

// emailUntold: the old address learns of the new one, and leads back.
func emailUntold(t *scene) {
	ada := t.person(factor.App)
	me, to := ada.confirmed(), "elsewhere-"+ada.email
	code := t.code(to, me.Post("/me/email-change", M{"email": to}).Want(http.StatusAccepted).Text("reference"))
	me.Post("/me/email-change/confirm", M{"code": code}).Want(http.StatusOK)
	if n := t.count(`SELECT count(*) FROM mails WHERE kind = 'email_changed' AND recipient = $1`, ada.email); n != 1 {
		t.Fatalf("%d mails to the old address", n)
	}
	t.browser().post("/email-changes/undo/"+t.link(ada.email, "/email-changes/undo/"), M{})
	if n := t.count(`SELECT count(*) FROM users WHERE id = $1 AND email = $2`, ada.id, ada.email); n != 1 {
		t.Error("the link in it brings nothing back")
	}
	me.Get("/me").WantProblem(401, "unauthenticated")
}

// markupInMails puts markup wherever a text of a user's choice reaches a mail:
// names, labels, an admin's reason, the browser's name.
func markupInMails(t *scene) {
	const evil = `<img src=x onerror=alert(1)><a href="https://evil.example">here</a>`
	ada := t.person()
	t.exec(`UPDATE users SET name = $2 WHERE id = $1`, ada.id, evil) // as imported from elsewhere
	me := ada.confirmed().Header("User-Agent", evil)
	ada.secret = me.Post("/me/two-factor/enrolments", M{"method": "app", "name": "<b>Phone</b>"}).Want(http.StatusCreated).Text("secret")
	me.Post("/me/two-factor/enrolments/confirm", M{"method": "app", "code": ada.app()}).Want(http.StatusOK)
	me.Post("/me/tokens", M{"name": "<i>script</i>" + evil[:28], "scopes": []string{"read"}}).Want(http.StatusCreated)
	boss := t.personAs(account.Admin, factor.App).confirmed()
	boss.Post("/admin/users/"+ada.id.String()+"/unlock", M{"reason": evil}).Want(http.StatusNoContent)
	for _, words := range []string{"authenticator app", "access token", "The reason given"} {
		m := t.mailed(ada.email, words)
		for _, bad := range []string{"<img", "<b>Phone", "<i>script", `href="https://evil`, "href='https://evil"} {
			if strings.Contains(m.HTML, bad) {
				t.Errorf("%q holds %q", m.Subject, bad)
			}
		}
		for _, l := range m.Links() {
			if !strings.HasPrefix(l, site) {
				t.Errorf("%q links to %s", m.Subject, l)
			}
		}
	}
	for _, name := range []string{"Ada\r\nBcc: eve@evil.example", "Ada\nhttps://evil.example", "Ada\u202eevE", "Ada\x00"} {
		t.api().Bad().Post("/sign-ups", M{"email": "markup@example.net", "name": name, "password": newPassword}).WantProblem(400, "invalid_request")
		me.Bad().Patch("/me", M{"name": name}).WantProblem(400, "invalid_request")
	}
}

func offByGet(t *scene) {
	ada, b := t.person(factor.App), t.browser()
	b.start(ada)
	b.code("recovery_key", ada.key()) // confirms
	id := ada.session().Get("/me/two-factor").Want(http.StatusOK).Text("methods.0.id")
	for _, path := range []string{"/account/security/off", "/account/security/methods/" + id + "/off", "/account/security/app/reset", "/account/delete"} {
		for _, more := range []string{"", "?_method=POST", "?confirm=yes"} {
			for _, method := range []string{"GET", "HEAD"} {
				if p := b.do(method, path+more, nil); p.Status >= 500 {
					t.Errorf("%s %s: %d", method, path, p.Status)
				}
			}
		}
		for _, method := range []string{"DELETE", "PUT", "PATCH", "TRACE", "OPTIONS"} {
			if p := b.do(method, path, nil); p.Status < 400 {
				t.Errorf("%s %s: %d", method, path, p.Status)
			}
		}
	}
	if n := t.count(`SELECT count(*) FROM methods WHERE user_id = $1`, ada.id); n != 1 {
		t.Errorf("%d methods are on", n)
	}
	if !b.in() {
		t.Error("looking signed out")
	}
}

// offByForeignForm posts what another site's page would have this browser post.
func offByForeignForm(t *scene) {
	ada, b := t.person(factor.App), t.browser()
	b.start(ada)
	b.code("recovery_key", ada.key())
	for name, headers := range map[string]M{
		"another site":    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
		"no such header":  {"Origin": "https://evil.example"},
		"a sibling":       {"Origin": "https://app.example.org", "Sec-Fetch-Site": "same-site"},
		"an opaque one":   {"Origin": "null"},
		"a longer host":   {"Origin": site + ".evil.example"},
		"another scheme":  {"Origin": "http://id.example.org"},
		"another port":    {"Origin": site + ":8443"},
		"a lie about it":  {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "X-Forwarded-Host": "evil.example"},
		"plain text form": {"Origin": "https://evil.example", "Content-Type": "text/plain"},
	} {
		for _, path := range []string{"/account/security/off", "/account/password", "/sign-out", "/account/sessions/end-others"} {
			if p := b.foreign(path, headers); p.Status != http.StatusForbidden {
				t.Errorf("%s, %s: %d", path, name, p.Status)
			}
		}
	}
	if n := t.count(`SELECT count(*) FROM methods WHERE user_id = $1`, ada.id); n != 1 || !b.in() {
		t.Errorf("%d methods are on; signed in: %v", n, b.in())
	}
	// And no page elsewhere is told that it may read us.
	for _, path := range []string{"/api/v1/me", "/account/security", "/forward-auth"} {
		p := b.do("OPTIONS", path, nil)
		for name := range p.Header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s answers %s", path, name)
			}
		}
	}
}
