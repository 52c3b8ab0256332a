package attack_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"latchkey/internal/account"
	"latchkey/internal/api/apitest"
	"latchkey/internal/factor"
)

// foreign posts an empty form with headers of somebody else's choice, and this
// browser's cookies.
func (b *browser) foreign(path string, headers M) page {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), "POST", site+path, strings.NewReader("password="+url.QueryEscape(newPassword)))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Forwarded-For", b.from)
	for name, value := range headers {
		req.Header.Set(name, value.(string))
	}
	res, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // it has been read
	_, _ = io.Copy(io.Discard, res.Body)
	return page{Status: res.StatusCode, Header: res.Header}
}

// bigPassword: a body ends at 64 KiB, whatever is in it.
func bigPassword(t *scene) {
	ada := t.person()
	for _, size := range []int{64 << 10, 10 << 20} {
		huge := strings.Repeat("x", size)
		for path, body := range map[string]M{
			"/sign-ins": {"email": ada.email, "password": huge}, "/sign-ups": {"email": "big@example.net", "name": "X", "password": huge},
			"/password-resets/confirm": {"token": "x", "password": huge}, "/sign-ups ": {"email": "big@example.net", "name": huge, "password": newPassword},
		} {
			res := t.api().Bad().Post(strings.TrimSpace(path), body)
			res.WantProblem(400, "invalid_request")
			if field := res.Text("errors.0.field"); field != "body" {
				t.Errorf("%s, %d bytes: read up to %s", path, size, field)
			}
		}
		if p := t.browser().post("/sign-in", M{"email": ada.email, "password": huge}); p.Status != http.StatusBadRequest {
			t.Errorf("form of %d bytes: %d", size, p.Status)
		}
	}
	// What fits a body and no password is no password either, at no price of one.
	t.signIn(t.api().Bad(), ada.email, strings.Repeat("x", 60_000)).WantProblem(401, "wrong_credentials")
	ada.start()
}

// manyCookies: headers end at 32 KiB; what is below costs nothing much.
func manyCookies(t *scene) {
	send := func(n int) (int, error) {
		req, err := http.NewRequestWithContext(t.Context(), "GET", t.base+"/sign-in", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = strings.TrimPrefix(site, "https://")
		req.Header.Set("Cookie", strings.Repeat("a=1; ", n))
		res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil {
			return 0, err
		}
		return res.StatusCode, res.Body.Close()
	}
	if status, err := send(5_000); status != http.StatusOK {
		t.Errorf("5,000 cookies: %d %v", status, err)
	}
	// The server may hang up before all is sent.
	if status, err := send(100_000); err == nil && status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("100,000 cookies: %d", status)
	}
	if status, err := send(1); status != http.StatusOK {
		t.Errorf("afterwards: %d %v", status, err)
	}
}

// slowClients opens a hundred connections that send a byte now and then, in
// their headers or their bodies. Others are served meanwhile, and the server
// ends them.
func slowClients(t *scene) {
	host := strings.TrimPrefix(t.base, "http://")
	head := "GET /sign-in HTTP/1.1\r\nHost: id.example.org\r\nX-Slow: "
	body := "POST /api/v1/sign-ins HTTP/1.1\r\nHost: id.example.org\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{"
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			conn, err := net.Dial("tcp", host)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close() //nolint:errcheck // it is over
			begins := []string{head, body}[i%2]
			_, _ = conn.Write([]byte(begins))
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_, _ = io.Copy(io.Discard, conn)
			}()
			limit := time.After(90 * time.Second)
			for {
				select {
				case <-ended:
					return
				case <-limit:
					t.Errorf("%q… is still heard after 90 seconds", begins[:20])
					return
				case <-time.After(500 * time.Millisecond):
					_, _ = conn.Write([]byte(" "))
				}
			}
		})
	}
	for range 5 {
		if p := t.browser().get("/sign-in"); p.Status != http.StatusOK {
			t.Errorf("meanwhile others get %d", p.Status)
		}
	}
	all.Wait()
}

// logInjection sends line breaks, escapes and a forged line wherever something
// reaches the log, and reads what two servers wrote: every line is one of
// theirs, of plain characters, and none holds the mark.
func logInjection(t *scene) {
	const mark = "FAKE"
	evil := []string{
		"\r\ntime=2026 level=INFO msg=" + mark, "\n{\"msg\":\"" + mark + "\"}", "\x1b[31m" + mark, "\x1b]0;" + mark + "\x07",
		"\u009b31m" + mark, "\u2028" + mark, "\" msg=" + mark + " x=\"",
	}
	for _, format := range []string{"json", "text"} {
		base, said := t.listening(format)
		api := t.apiAt(base).Bad()
		for _, e := range evil {
			api.Post("/sign-ups", M{"email": e + "@example.net", "name": e, "password": e})
			api.Post("/sign-ins", M{"email": e, "password": e, "trusted_device": e})
			api.Post("/password-resets", M{"email": "a@b\r\n" + e})
			api.Post("/sign-ins", "{"+e)
			raw := url.PathEscape(e)
			for _, request := range []string{
				"GET /" + raw + "?" + raw + " HTTP/1.1\r\nHost: id.example.org\r\n",
				"GET /password-resets/" + raw + " HTTP/1.1\r\nHost: id.example.org\r\n",
				"GET /api/v1/me HTTP/1.1\r\nHost: " + clean(e) + "\r\n",
				"GET /sign-in HTTP/1.1\r\nHost: id.example.org\r\nX-Request-Id: " + clean(e) + "\r\n",
				"GET /sign-in HTTP/1.1\r\nHost: id.example.org\r\nUser-Agent: " + clean(e) + "\r\nX-Forwarded-For: " + clean(e) + "\r\n",
				clean(e) + " /sign-in HTTP/1.1\r\nHost: id.example.org\r\n",
				"GET /api/v1/me HTTP/1.1\r\nHost: id.example.org\r\nAuthorization: Bearer " + clean(e) + "\r\n",
			} {
				t.raw(base, request+"Connection: close\r\n\r\n")
			}
		}
		lines := strings.Split(strings.TrimSuffix(said.String(), "\n"), "\n")
		if len(lines) < len(evil) {
			t.Fatalf("only %d lines", len(lines))
		}
		for _, l := range lines {
			var one struct{ Msg string }
			ours := strings.HasPrefix(l, "time=") && strings.Contains(l, " msg=")
			if format == "json" {
				ours = json.Unmarshal([]byte(l), &one) == nil && one.Msg != ""
			}
			if !ours || strings.Contains(l, mark) || strings.ContainsFunc(l, func(r rune) bool { return r < ' ' || r >= 0x7f }) {
				t.Errorf("%s: a line that is not ours alone: %q", format, l)
			}
		}
	}
}

// clean takes out what would end a header, which only a whole one may do.
func clean(s string) string { return strings.NewReplacer("\r", "", "\n", "").Replace(s) }

// raw sends a request as it is, and waits for the end of the answer.
func (t *scene) raw(base, request string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // it is over
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := conn.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, bufio.NewReader(conn))
}

// listening starts a server that logs all it has to say in a format.
func (t *scene) listening(format string) (base string, said *said) {
	t.Helper()
	if format == "json" {
		return t.serveAloud(t.T, "LOG_LEVEL=debug")
	}
	// Where it listens is read from its log, which is another one here.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	_ = l.Close()
	said = run(t.T, slices.Concat(t.env, []string{"LOG_LEVEL=debug", "LOG_FORMAT=" + format, "LISTEN=" + at}), "serve")
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", at)
		if err == nil {
			_ = conn.Close()
			return "http://" + at, said
		}
		if time.Now().After(end) {
			t.Fatalf("it never served:\n%s", said)
		}
	}
}

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
// beside it.
func (t *scene) absent(secrets map[string]string, where, text string) {
	t.Helper()
	digit := func(b byte) bool { return b >= '0' && b <= '9' || b == '.' }
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
