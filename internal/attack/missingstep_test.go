package attack_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"latchkey/internal/account"
	"latchkey/internal/api/apitest"
	"latchkey/internal/factor"
)

var missingStep = []line{
	{"HalfSessionAnywhere", "a half session opened other routes, methods, `//`, `%2e` or HEAD (Zitadel, CVE-2025-64103; Mattermost, CVE-2025-25068)", halfSessionAnywhere, ""},
	{"WayInBySSO", "single sign-on left the second step out (Vikunja, Gitea)", wayInBySSO, ""},
	{"WayInByReset", "a password reset signed in, or left the second step out (Gitea)", wayInByReset, ""},
	{"WayInByInvitation", "an invitation did (Vikunja)", wayInByInvitation, ""},
	{"WayInByToken", "an access token stood for a whole session (Gitea)", wayInByToken, ""},
	{"WayInByBasicAuth", "basic authentication took the password alone (Vikunja, Gitea)", wayInByBasicAuth, ""},
	{"TrustBeforeSecondStep", "`remember me` was set before the second step (Grav)", trustBeforeSecondStep, ""},
	{"VerifyWithoutASignIn", "the second step could be called without the first (Pterodactyl)", verifyWithoutASignIn, ""},
	{"VerifyAnothersSignIn", "one's own code finished another's sign-in (GitLab)", verifyAnothersSignIn, ""},
	{"MethodDemotedByEnrolment", "beginning a new enrolment turned the running method off (Devolutions, CVE-2026-9047)", methodDemotedByEnrolment, ""},
	{"StaleColumn", "what is required was computed from a column that was out of date (Kratos, CVE-2024-45042)", staleColumn, ""},
	{"ResetToAnArray", "a reset for an array of addresses was mailed to all of them (GitLab, CVE-2023-7028)", resetToAnArray, ""},
	{"VerifierIgnored", "what the verifier said was not looked at (GitLab, CVE-2026-0723)", verifierIgnored, ""},
}

func TestAttackMissingStep(t *testing.T) { attack(t, missingStep) }

// halfSessionAnywhere: whoever proved the password alone gets the answer of a
// stranger from every route but the steps of the sign-in itself.
func halfSessionAnywhere(t *scene) {
	ada := t.person(factor.App)
	bearer := "Bearer " + ada.start().Text("sign_in_token")
	b := t.browser()
	b.start(ada)
	half := b.cookie("sign-in")
	raw, _, _ := strings.Cut(half, ".") // the token itself
	cookies := "__Host-latchkey-sign-in=" + half + "; __Host-latchkey-session=" + raw

	tried := 0
	for _, route := range t.inside.Routes() {
		method, path, _ := strings.Cut(route, " ")
		path = strings.NewReplacer(":id", ada.id.String(), ":token", "x", ":name", "x", "*", "").Replace(path)
		if strings.HasPrefix(path, "/sign-in") || strings.HasPrefix(path, "/api/v1/sign-ins/current") {
			continue // its own steps
		}
		asked := []struct{ method, path string }{{method, path}}
		if method == "GET" {
			asked = append(asked, []struct{ method, path string }{{"HEAD", path}, {"GET", "/" + path}, {"GET", path + "/"},
				{"GET", "/%2e" + path}, {"GET", "/sign-in/%2e%2e" + path}, {"GET", "/sign-in/.." + path}}...)
		}
		for _, a := range asked {
			tried++
			if half, stranger := t.plain(a.method, a.path, bearer, cookies), t.plain(a.method, a.path, "", ""); half != stranger {
				t.Errorf("%s %s: %s, where a stranger gets %s", a.method, a.path, half, stranger)
			}
		}
	}
	if tried < 300 {
		t.Errorf("only %d were tried", tried)
	}
	verify(t.api().Header("Authorization", bearer), "app", ada.app()).Want(http.StatusOK) // it was alive all along
}

// plain sends a request as it is written and gives status, problem and place;
// what a busy machine could not do in time it asks again.
func (t *scene) plain(method, path, bearer, cookies string) string {
	t.Helper()
	for tries := 0; ; tries++ {
		if said := t.plainOnce(method, path, bearer, cookies); !strings.HasPrefix(said, "503") || tries == 10 {
			return said
		}
		time.Sleep(300 * time.Millisecond)
	}
}

func (t *scene) plainOnce(method, path, bearer, cookies string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, t.base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = strings.TrimPrefix(site, "https://")
	for name, value := range map[string]string{"Authorization": bearer, "Cookie": cookies, "X-Forwarded-For": t.from, "Origin": site} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // it has been read
	var p struct{ Code string }
	if res.Header.Get("Content-Type") == "application/problem+json" {
		_ = json.NewDecoder(res.Body).Decode(&p)
	}
	return strings.TrimSpace(res.Status + " " + p.Code + " " + res.Header.Get("Location"))
}

// asks demands that the password leads to the second step, and no further.
func (t *scene) asks(p *person, password string) *apitest.Client {
	t.Helper()
	res := t.signIn(t.api(), p.email, password).Want(http.StatusOK)
	if res.Text("status") != "second_factor" || res.Field("session_token") != nil {
		t.Fatalf("the second step is not asked for: %s", res.Body)
	}
	return t.api().As(res.Text("sign_in_token"))
}

// wayInBySSO comes from a provider that claims to have asked for more than a
// password, which the deployment does not take its word for.
func wayInBySSO(t *scene) {
	base, provider := t.through()
	ada := t.person(factor.App)
	t.exec(`INSERT INTO sso_identities (id, user_id, issuer, subject, email, linked_at)
		VALUES (gen_random_uuid(), $1, $2, 'person-1', 'person@acme.example', now())`, ada.id, provider.Issuer)
	provider.Claims = map[string]any{"amr": []string{"pwd", "otp", "mfa"}, "acr": "urn:two"}
	b := t.browserAt(base)
	back := b.bySSO(provider)
	if back.Status != http.StatusSeeOther || back.To() != "/sign-in/code" || b.in() || b.cookie("session") != "" {
		t.Fatalf("it leads to %d %q, signed in: %v", back.Status, back.To(), b.in())
	}
	if b.code("app", ada.app()); !b.in() {
		t.Error("the second step opens nothing")
	}
}

// wayInByReset follows a reset link on the page and one by API.
func wayInByReset(t *scene) {
	const fresh = "brisk herons wade at 7"
	ada, bob := t.person(factor.App), t.person(factor.App)
	t.api().Post("/password-resets", M{"email": ada.email}).Want(202)
	t.api().Post("/password-resets", M{"email": bob.email}).Want(202)

	b := t.browser()
	path := "/password-resets/" + t.link(ada.email, "/password-resets/")
	b.get(path)
	if res := b.post(path, M{"password": fresh}); res.To() != "/sign-in" || b.in() || b.cookie("session") != "" {
		t.Errorf("%d to %q, signed in: %v", res.Status, res.To(), b.in())
	}
	res := t.api().Post("/password-resets/confirm", M{"token": t.link(bob.email, "/password-resets/"), "password": fresh}).Want(204)
	if len(res.Body) > 0 || len(res.Header.Values("Set-Cookie")) > 0 {
		t.Errorf("a reset gives something: %s", res.Body)
	}
	for _, p := range []*person{ada, bob} {
		verify(t.asks(p, fresh), "app", p.app()).Want(http.StatusOK)
	}
}

// wayInByInvitation uses an invitation again once the account has an app.
func wayInByInvitation(t *scene) {
	const fresh = "brisk herons wade at 7"
	admin := t.personAs(account.Admin).session()
	guest := &person{t: t, email: "guest-" + t.from + "@example.net"}
	admin.Post("/admin/users", M{"email": guest.email, "name": "Bob", "role": "user"}).Want(http.StatusCreated)
	token := t.link(guest.email, "/invitations/")
	res := t.api().Post("/invitations/accept", M{"token": token, "name": "Bob", "password": password}).Want(http.StatusCreated)
	if strings.Contains(string(res.Body), "lks_") || len(res.Header.Values("Set-Cookie")) > 0 {
		t.Errorf("an invitation signs in: %s", res.Body)
	}
	me := guest.confirmed()
	guest.secret = me.Post("/me/two-factor/enrolments", M{"method": "app", "name": "Phone"}).Want(http.StatusCreated).Text("secret")
	me.Post("/me/two-factor/enrolments/confirm", M{"method": "app", "code": guest.app()}).Want(http.StatusOK)

	t.api().Post("/invitations/accept", M{"token": token, "name": "Eve", "password": fresh}).Want(422)
	admin.Post("/admin/users", M{"email": guest.email, "name": "Eve", "role": "user"}).WantProblem(409, "conflict")
	t.signIn(t.api(), guest.email, fresh).WantProblem(401, "wrong_credentials")
	t.asks(guest, password)
}

// wayInByToken takes an access token of every scope to whatever asks for a
// session of its user's own.
func wayInByToken(t *scene) {
	ada := t.person(factor.App)
	me := ada.confirmed()
	token := me.Post("/me/tokens", M{"name": "script", "scopes": []string{"read", "write"}}).Want(http.StatusCreated).Text("token")
	by := t.api().As(token)
	by.Get("/me").Want(http.StatusOK)
	by.Bad().Post("/me/confirmations", M{"password": password, "method": "app", "code": ada.app()}).WantProblem(403, "not_with_token")
	by.Bad().Post("/me/password", M{"password": "brisk herons wade at 7"}).WantProblem(403, "not_with_token")
	by.Bad().Get("/me/recovery-keys").WantProblem(403, "not_with_token")
	by.Bad().Delete("/me/two-factor").WantProblem(403, "not_with_token")
	by.Bad().Post("/me/tokens", M{"name": "more", "scopes": []string{"read"}}).WantProblem(403, "not_with_token")
	verify(by, "app", ada.app()).WantProblem(401, "unauthenticated")
	b := t.browser()
	b.plant("session", token)
	if b.in() {
		t.Error("it opens the pages")
	}
}

// wayInByBasicAuth offers the right password where only a session will do.
func wayInByBasicAuth(t *scene) {
	ada := t.person(factor.App)
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(ada.email+":"+password))
	by := t.api().Bad().Header("Authorization", basic)
	by.Get("/me").WantProblem(401, "unauthenticated")
	by.Get("/me/sessions").WantProblem(401, "unauthenticated")
	by.Post("/me/confirmations", M{"password": password}).WantProblem(401, "unauthenticated")
	by.Post("/sign-ins/current/verify", M{"method": "app", "code": ada.app()}).WantProblem(401, "unauthenticated")
	for _, path := range []string{"/account/sessions", "/forward-auth"} {
		if with, without := t.plain("GET", path, basic, ""), t.plain("GET", path, "", ""); with != without || strings.HasPrefix(with, "200") {
			t.Errorf("%s: %s, and %s without", path, with, without)
		}
	}
}

// trustBeforeSecondStep asks for trust with the password and with a wrong code.
func trustBeforeSecondStep(t *scene) {
	ada := t.person(factor.App)
	t.api().Bad().Post("/sign-ins", M{"email": ada.email, "password": password, "trust_device": true}).WantProblem(400, "invalid_request")
	open := ada.open()
	for range 2 {
		open.Post("/sign-ins/current/verify", M{"method": "app", "code": other(ada.codeAt(0)), "trust_device": true}).Want(422)
	}
	b := t.browser()
	b.start(ada)
	b.post("/sign-in/code", M{"method": "app", "code": other(ada.codeAt(0)), "trust": "yes"})
	if b.cookie("trusted-device") != "" || t.count(`SELECT count(*) FROM trusted_devices WHERE user_id = $1`, ada.id) != 0 {
		t.Error("a device is trusted that proved nothing")
	}
	if res := b.start(ada); res.To() != "/sign-in/code" || b.in() {
		t.Errorf("the next sign-in leads to %q", res.To())
	}
}

// verifyWithoutASignIn types the right code into nothing, into what is over,
// and into what is no sign-in.
func verifyWithoutASignIn(t *scene) {
	ada := t.person(factor.App)
	cancelled, late, used, me := ada.open(), ada.open(), ada.open(), ada.session()
	cancelled.Delete("/sign-ins/current").Want(204)
	t.exec(`UPDATE sign_ins SET expires_at = created_at WHERE ended_at IS NULL AND user_id = $1
		AND id = (SELECT id FROM sign_ins WHERE user_id = $1 ORDER BY id OFFSET 1 LIMIT 1)`, ada.id)
	code := ada.app()
	for what, open := range map[string]*apitest.Client{
		"cancelled": cancelled, "late": late, "a session": me, "no token": t.api(),
		"a token made up": t.api().As("lki_" + strings.Repeat("A", 43)),
	} {
		if res := verify(open, "app", code); res.Status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", what, res.Status, res.Body)
		}
	}
	b := t.browser()
	if b.code("app", code); b.in() {
		t.Error("a page without a sign-in took it")
	}
	verify(used, "app", code).Want(http.StatusOK)
	verify(used, "app", code).WantProblem(401, "unauthenticated")
}

// verifyAnothersSignIn: Eve has Ada's password, and a second factor of her own.
func verifyAnothersSignIn(t *scene) {
	ada, eve := t.person(factor.App, factor.Email), t.person(factor.App, factor.Email)
	evil, own := ada.open(), eve.open()
	code := t.code(eve.email, own.Post("/sign-ins/current/email-code", nil).Want(202).Text("reference"))
	verify(evil, "app", eve.app()).WantProblem(422, "wrong_code")
	verify(evil, "email", code).WantProblem(422, "wrong_code")
	verify(evil, "recovery_key", eve.keys[0]).WantProblem(422, "wrong_code")
	for field, value := range map[string]string{"user": eve.id.String(), "user_id": eve.id.String(), "email": eve.email} {
		evil.Bad().Post("/sign-ins/current/verify", M{"method": "app", "code": eve.codeAt(0), field: value}).WantProblem(400, "invalid_request")
	}
	verify(own, "email", code).Want(http.StatusOK) // it was good for its own
	if n := t.count(`SELECT count(*) FROM sessions WHERE user_id = $1`, ada.id); n != 0 {
		t.Errorf("%d sessions of Ada", n)
	}
}

// methodDemotedByEnrolment begins enrolments in a session that was stolen, and
// proves none.
func methodDemotedByEnrolment(t *scene) {
	ada := t.person(factor.App)
	stolen := ada.confirmed()
	id := stolen.Get("/me/two-factor").Want(http.StatusOK).Text("methods.0.id")
	for _, body := range []M{{"method": "app", "name": "Eve"}, {"method": "app", "name": "Eve", "replaces": id}, {"method": "email"}} {
		secret := stolen.Post("/me/two-factor/enrolments", body).Want(http.StatusCreated).Field("secret")
		open := t.asks(ada, password)
		if s, ok := secret.(string); ok {
			eve := &person{t: t, secret: s}
			verify(open, "app", eve.codeAt(0)).WantProblem(422, "wrong_code")
		}
	}
	verify(t.asks(ada, password), "app", ada.app()).Want(http.StatusOK)
}

// staleColumn: what is asked hangs on the methods that are on, not on what the
// row of the user says of them.
func staleColumn(t *scene) {
	ada, bob := t.person(factor.App), t.person(factor.Email, factor.App)
	t.exec(`UPDATE users SET preferred_method = NULL, required_from = NULL, reset_at = NULL, enrol_by = NULL WHERE id = $1`, ada.id)
	t.asks(ada, password)

	me := bob.confirmed()
	me.Delete("/me/two-factor/methods/" + me.Get("/me/two-factor").Text("methods.0.id")).Want(http.StatusOK)
	t.asks(bob, password)
}

// resetToAnArray names an address of Eve's beside Ada's.
func resetToAnArray(t *scene) {
	ada := t.person(factor.App)
	eve := "eve-" + t.from + "@example.net"
	for _, body := range []string{
		`{"email":["` + ada.email + `","` + eve + `"]}`, `{"email":"` + ada.email + `","email":"` + eve + `"}`,
		`{"email":"` + ada.email + `,` + eve + `"}`, `{"email":{"0":"` + ada.email + `","1":"` + eve + `"}}`,
		`{"email":"` + ada.email + `\n` + eve + `"}`, `[{"email":"` + ada.email + `"},{"email":"` + eve + `"}]`,
	} {
		t.api().Bad().Post("/password-resets", body).WantProblem(400, "invalid_request")
	}
	b := t.browser()
	b.post("/password-resets?email="+eve, M{"email": ada.email, "email[]": eve})
	t.link(ada.email, "/password-resets/")
	if n := t.count(`SELECT count(*) FROM mails WHERE recipient <> $1 AND (recipient = $2 OR user_id = $3)`, ada.email, eve, ada.id); n != 0 {
		t.Errorf("%d mails to somebody else", n)
	}
}

// verifierIgnored has every verifier fail, by a server whose keys are others:
// app secrets don't open, digests don't match, hashes can't be read. Then the
// right code must not help.
func verifierIgnored(t *scene) {
	ada, bob, eve := t.person(factor.App, factor.Email), t.person(factor.App), t.person()
	started, confirmed, session := ada.open(), bob.confirmed(), bob.session()
	code := t.code(ada.email, started.Post("/sign-ins/current/email-code", nil).Want(202).Text("reference"))
	enrolling := &person{t: t, secret: confirmed.Post("/me/two-factor/enrolments", M{"method": "app", "name": "New"}).Want(201).Text("secret")}
	t.exec(`UPDATE users SET password_hash = '$argon2id$broken' WHERE id = $1`, eve.id)

	broken := t.serve(t.T, "KEYSET_FILE="+keep(t.T, t.otherKeys(t.T, "app_secrets", "codes", "recovery_keys")))
	for what, res := range map[string]*apitest.Response{
		"app":          verify(started.At(broken), "app", ada.app()),
		"email":        verify(started.At(broken), "email", code),
		"recovery key": verify(started.At(broken), "recovery_key", ada.key()),
		"confirmation": session.At(broken).Bad().Post("/me/confirmations", M{"password": password, "method": "app", "code": bob.app()}),
		"enrolment":    confirmed.At(broken).Bad().Post("/me/two-factor/enrolments/confirm", M{"method": "app", "code": enrolling.app()}),
		"password":     t.signIn(t.api().At(broken), eve.email, password),
	} {
		if res.Status < 400 {
			t.Errorf("%s: the verifier failed, and the answer is %d %s", what, res.Status, res.Body)
		}
	}
	if n := t.count(`SELECT count(*) FROM sessions WHERE user_id = $1 OR user_id = $2`, ada.id, eve.id); n != 0 {
		t.Errorf("%d sessions", n)
	}
	if n := t.count(`SELECT count(*) FROM methods WHERE user_id = $1`, bob.id); n != 1 {
		t.Errorf("Bob has %d methods", n)
	}
}
