package attack_test

import (
	"fmt"
	"net/http"
	"strings"

	"latchkey/internal/account"
	"latchkey/internal/api/apitest"
	"latchkey/internal/factor"
)

// known are the secrets of a person who does everything once: each by what it is.
func (t *scene) known(base string) (ada *person, me *apitest.Client, secrets map[string]string) {
	t.Helper()
	ada, secrets = t.person(factor.App, factor.Email), map[string]string{password: "password"}
	api := t.apiAt(base)
	secrets[ada.secret] = "app secret"
	for _, k := range ada.keys {
		secrets[k] = "recovery key"
	}
	start := func() string {
		token := t.signIn(api, ada.email, password).Want(http.StatusOK).Text("sign_in_token")
		secrets[token] = "sign-in token"
		return token
	}
	open := api.As(start())
	mailed := t.code(ada.email, open.Post("/sign-ins/current/email-code", nil).Want(http.StatusAccepted).Text("reference"))
	secrets[mailed] = "code"
	verify(open, "app", "917364")
	code := ada.app()
	secrets[code] = "app code"
	in := open.Post("/sign-ins/current/verify", M{"method": "app", "code": code, "trust_device": true}).Want(http.StatusOK)
	secrets[in.Text("session_token")], secrets[in.Text("trusted_device")] = "session token", "device token"
	res := verify(api.As(start()), "recovery_key", ada.key()).Want(http.StatusOK)
	me = api.As(res.Text("session_token"))
	secrets[res.Text("session_token")] = "session token"
	secrets[token(me, "read", "write")] = "access token"
	second := me.Post("/me/two-factor/enrolments", M{"method": "app", "name": "Tablet"}).Want(http.StatusCreated)
	secrets[second.Text("secret")] = "app secret"
	for i := range 10 {
		secrets[me.Get("/me/recovery-keys").Want(http.StatusOK).Text(fmt.Sprintf("keys.%d.key", i))] = "recovery key"
	}
	api.Post("/password-resets", M{"email": ada.email}).Want(http.StatusAccepted)
	link := t.link(ada.email, "/password-resets/")
	secrets[link] = "link"
	b := t.browser()
	b.http.Transport = proxied(strings.TrimPrefix(base, "http://"))
	b.get("/password-resets/" + link)
	b.start(ada)
	verifyPage := b.code("recovery_key", ada.key())
	if verifyPage.Status != http.StatusSeeOther {
		t.Fatalf("the page: %d", verifyPage.Status)
	}
	secrets[b.cookie("session")] = "session token"
	delete(secrets, "")
	return ada, me, secrets
}

// secretsInLogs reads what a server and the worker logged, at their most talkative.
func secretsInLogs(t *scene) {
	base, said := t.serveAloud(t.T, "LOG_LEVEL=debug")
	_, _, secrets := t.known(base)
	t.absent(secrets, "the server's log", said.String())
	t.absent(secrets, "the worker's log", t.worker.String())
	if len(secrets) < 20 || len(said.String()) < 1000 {
		t.Fatalf("%d secrets looked for in %d bytes", len(secrets), len(said.String()))
	}
}

// absent looks for secrets; a code of digits counts where no more of them stand
// beside it, nor letters as an id has them.
func (t *scene) absent(secrets map[string]string, where, text string) {
	t.Helper()
	digit := func(b byte) bool { return b >= '0' && b <= '9' || b >= 'a' && b <= 'f' || b == '.' }
	for secret, kind := range secrets {
		for rest := text; ; {
			i := strings.Index(rest, secret)
			if i < 0 {
				break
			}
			after := i + len(secret)
			if len(secret) != 6 || (i == 0 || !digit(rest[i-1])) && (after == len(rest) || !digit(rest[after])) {
				t.Errorf("%s holds a %s", where, kind)
				break
			}
			rest = rest[after:]
		}
	}
}

// secretsInAnswers reads everything that an admin, and the user who hasn't
// confirmed, can read.
func secretsInAnswers(t *scene) {
	ada, _, secrets := t.known(t.base)
	boss := t.personAs(account.Admin, factor.App)
	secrets["$argon2id$"] = "password hash"
	var read int
	look := func(where, text string) {
		t.Helper()
		read++
		t.absent(secrets, where, text)
	}
	admin, script := boss.confirmed(), t.api().As("")
	mine := verify(ada.open(), "recovery_key", ada.key()).Want(http.StatusOK)
	t.exec(`UPDATE sessions SET confirmed_until = NULL WHERE user_id = $1`, ada.id)
	me := t.api().As(mine.Text("session_token"))
	for _, route := range apitest.Routes() {
		method, path, _ := strings.Cut(route, " ")
		path = strings.ReplaceAll(strings.TrimPrefix(path, apitest.Prefix), "{id}", ada.id.String())
		if method != "GET" || strings.Contains(path, "{") {
			continue
		}
		for name, c := range map[string]*apitest.Client{"admin": admin, "its user": me, "nobody": script} {
			look(path+" as "+name, string(c.Bad().Get(path).Body))
		}
	}
	b := t.browser()
	b.start(boss)
	b.code("recovery_key", boss.key())
	for _, path := range []string{
		"/admin", "/admin/policy", "/admin/policy/history", "/admin/users", "/admin/users.csv", "/admin/users?query=" + ada.email,
		"/admin/users/" + ada.id.String(), "/admin/users/" + ada.id.String() + "/recovery-pass", "/admin/events", "/admin/events.csv",
		"/admin/events.jsonl", "/admin/mails", "/metrics", "/debug/pprof/", "/debug/vars", "/dev/mailbox", "/dev/mailbox.json",
		"/dev/gallery", "/healthz", "/readyz", "/openapi.json", "/docs", "/.git/config", "/.env",
	} {
		look(path, b.get(path).Body)
	}
	if read < 60 {
		t.Fatalf("only %d answers were read", read)
	}
}

// secretAfterEnrolment: what was shown once is gone with its proof, and was
// never there for another session.
func secretAfterEnrolment(t *scene) {
	ada, b := t.person(), t.browser()
	b.start(ada)
	b.post("/account/confirm", M{"password": password})
	b.post("/account/security/app", M{"name": "Phone"})
	shown := b.get("/account/security/app/code")
	_, after, _ := strings.Cut(shown.Body, "secret=")
	ada.secret, _, _ = strings.Cut(after, "&")
	if len(ada.secret) != 32 {
		t.Fatalf("no secret on the page: %d", shown.Status)
	}
	second := t.browser()
	second.start(ada)
	second.post("/account/confirm", M{"password": password})
	secrets := map[string]string{ada.secret: "secret", grouped(ada.secret): "secret in groups"}
	t.absent(secrets, "another session", second.get("/account/security/app/code").Body)
	if p := b.post("/account/security/app/code", M{"code": ada.app()}); p.Status != http.StatusSeeOther {
		t.Fatalf("not proved: %d", p.Status)
	}
	for _, path := range []string{
		"/account/security/app/code", "/account/security", "/account/security/app", "/account/recovery-keys",
		"/account/activity", "/account/profile", "/account",
	} {
		t.absent(secrets, path, b.get(path).Body)
	}
	again := b.post("/account/security/app/code", M{"code": "123456"})
	t.absent(secrets, "the form sent again", again.Body)
	me := ada.session()
	for _, path := range []string{"/me", "/me/two-factor", "/me/events", "/me/policy"} {
		t.absent(secrets, path, string(me.Get(path).Want(http.StatusOK).Body))
	}
}

func grouped(s string) string {
	var out []string
	for len(s) > 4 {
		out, s = append(out, s[:4]), s[4:]
	}
	return strings.Join(append(out, s), " ")
}
