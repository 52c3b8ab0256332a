package api_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"latchkey/internal/api/apitest"
	"latchkey/internal/config"
	"latchkey/internal/devstack"
	"latchkey/internal/pg/pgtest"
	"latchkey/worker"
)

func TestRoutesAreTheDescribedOnes(t *testing.T) {
	t.Parallel()
	apitest.CheckRoutes(t, newHouse(t).app.Routes())
}

// post office: a real worker, a real Redis and a real mail server.
func (h *house) postOffice() *devstack.Mailbox {
	h.t.Helper()
	box := pgtest.Mailbox(h.t)
	host, port, _ := strings.Cut(box.Addr(), ":")
	n, err := strconv.Atoi(port)
	if err != nil {
		h.t.Fatal(err)
	}
	h.cfg.SMTP = config.SMTP{Host: host, Port: n, TLS: config.NoTLS}
	w, err := worker.New(worker.Options{
		DB: h.db, DatabaseURL: h.url, RedisURL: pgtest.Redis(h.t), Keys: h.keys, Config: h.cfg,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	h.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			h.t.Errorf("worker: %v", err)
		}
	})
	return box
}

// read waits for the mail about something that belongs to a request and gives
// its code. A reference alone is none's own: there are 400.
func read(t testing.TB, box *devstack.Mailbox, to, about, reference string) (code string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	m, err := box.Wait(ctx, func(m devstack.Mail) bool {
		return m.IsTo(to) && strings.Contains(m.Subject, about) && strings.HasSuffix(m.Subject, "(request "+reference+")")
	})
	if err != nil {
		t.Fatal(err)
	}
	code = strings.TrimSpace(sixDigits.FindString(m.Text))
	if code == "" || strings.Contains(m.Subject, code) {
		t.Fatalf("code %q, subject %q\n%s", code, m.Subject, m.Text)
	}
	return code
}

// The main job, end to end: the Shows of the issue on real parts.
func TestJourney(t *testing.T) {
	t.Parallel()
	// The worker's deadlines are on the wall's clock, so ours starts there.
	h := houseAt(t, pgtest.NewClock(time.Now().UTC().Truncate(30*time.Second).Add(5*time.Second).Format(time.DateTime)))
	box := h.postOffice()
	const email = "ada@example.org"

	// Sign up, and verify the address by the code that came by itself.
	id := h.api.Post("/sign-ups", apitest.M{"email": "Ada@Example.org", "name": "Ada", "password": password}).Want(201).Text("id")
	in := h.api.Post("/sign-ins", apitest.M{"email": email, "password": password}).Want(200)
	me := h.api.As(in.Text("session_token"))
	if got := me.Get("/me").Want(200); got.Text("id") != id || got.Field("email_verified") != false || in.Text("assurance") != "password" {
		t.Fatalf("%s", got.Body)
	}
	sent := me.Post("/me/email-verification", nil).Want(202)
	if got := me.Post("/me/email-verification/confirm", apitest.M{"code": read(t, box, email, "Confirm your email address", sent.Text("reference"))}).Want(200); got.Field("email_verified") != true {
		t.Fatalf("%s", got.Body)
	}

	// 🔒 Codes by email on: keys in hand.
	body := apitest.M{"method": "email"}
	me.Post("/me/two-factor/enrolments", body).WantProblem(403, "confirmation_required")
	me.Post("/me/confirmations", apitest.M{"password": password}).Want(200)
	me.Post("/me/two-factor/enrolments", body).Want(201)
	code := mailTo(t, box, email, "enrolment")
	keys := me.Post("/me/two-factor/enrolments/confirm", codeBody("email", code)).Want(200).Texts("recovery_keys")
	if len(keys) != 10 || len(slices.Compact(slices.Sorted(slices.Values(keys)))) != 10 {
		t.Fatalf("keys %q", keys)
	}
	me.Post("/me/two-factor/enrolments/confirm", codeBody("email", code)).WantProblem(409, "already_enabled")

	// In by email code.
	step := h.api.Post("/sign-ins", apitest.M{"email": email, "password": password}).Want(200)
	open := h.api.As(step.Text("sign_in_token"))
	if step.Text("status") != "second_factor" || step.Text("methods.0.method") != "email" || step.Text("methods.0.hint") != "a•••@example.org" || step.Text("preferred") != "email" {
		t.Fatalf("%s", step.Body)
	}
	reference := open.Get("/sign-ins/current/email-code").Want(200).Text("reference")
	code = read(t, box, email, "sign-in code", reference)
	h.until("the mail counts as sent", func() bool {
		return open.Get("/sign-ins/current/email-code").Want(200).Text("delivery") == "sent"
	})
	if done := open.Post("/sign-ins/current/verify", codeBody("email", code)).Want(200); done.Text("status") != "complete" || done.Text("assurance") != "two_step" {
		t.Fatalf("%s", done.Body)
	}
	open.Get("/sign-ins/current").WantProblem(401, "unauthenticated")

	// In by a recovery key, which confirms too: an app on.
	step = h.api.Post("/sign-ins", apitest.M{"email": email, "password": password}).Want(200)
	done := h.api.As(step.Text("sign_in_token")).Post("/sign-ins/current/verify", codeBody("recovery_key", keys[0])).Want(200)
	if done.Field("recovery_keys_left") != 9.0 || done.Text("assurance") != "two_factor" {
		t.Fatalf("%s", done.Body)
	}
	me = h.api.As(done.Text("session_token"))
	enrolment := me.Post("/me/two-factor/enrolments", apitest.M{"method": "app", "name": "Phone"}).Want(201)
	secret := enrolment.Text("secret")
	if got := me.Post("/me/two-factor/enrolments/confirm", codeBody("app", codeOf(h, secret, 0))).Want(200); got.Field("recovery_keys") != nil {
		t.Errorf("a second method brought other keys: %s", got.Body)
	}
	me.Patch("/me", apitest.M{"preferred_method": "app"}).Want(200)

	// In by app code; the one that turned it on is spent.
	step = h.api.Post("/sign-ins", apitest.M{"email": email, "password": password}).Want(200)
	open = h.api.As(step.Text("sign_in_token"))
	if step.Text("preferred") != "app" || step.Field("delivery") != nil {
		t.Fatalf("%s", step.Body)
	}
	open.Post("/sign-ins/current/verify", codeBody("app", codeOf(h, secret, 0))).WantProblem(422, "code_used")
	h.clock.Advance(30 * time.Second)
	done = open.Post("/sign-ins/current/verify", codeBody("app", codeOf(h, secret, 0))).Want(200)
	if done.Text("assurance") != "two_factor" {
		t.Fatalf("%s", done.Body)
	}
	me = h.api.As(done.Text("session_token"))
	h.clock.Advance(30 * time.Second)
	me.Get("/me/recovery-keys").WantProblem(403, "confirmation_required")
	me.Post("/me/confirmations", apitest.M{"password": password, "method": "app", "code": codeOf(h, secret, 0)}).Want(200)
	keysAreKept(t, h, me, keys)
	turnOff(t, h, me, box, email)
}

func mailTo(t testing.TB, box *devstack.Mailbox, to, about string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	m, err := box.Wait(ctx, func(m devstack.Mail) bool {
		return m.IsTo(to) && strings.Contains(m.Text, "turn on") && sixDigits.MatchString(m.Text)
	})
	if err != nil {
		t.Fatalf("%s: %v", about, err)
	}
	return strings.TrimSpace(sixDigits.FindString(m.Text))
}

// keysAreKept: listed, downloaded, checked, regenerated.
func keysAreKept(t *testing.T, h *house, me *apitest.Client, keys []string) {
	t.Helper()
	list := me.Get("/me/recovery-keys").Want(200)
	file := me.Get("/me/recovery-keys.txt").Want(200)
	for i, k := range keys {
		if list.Text("keys."+strconv.Itoa(i)+".key") != k || !strings.Contains(string(file.Body), k) {
			t.Errorf("key %d is not the one that was shown", i)
		}
	}
	if list.Field("keys.0.used_at") == nil || list.Text("keys.0.used_from") == "" || list.Field("keys.1.used_at") != nil {
		t.Errorf("use is not told: %s", list.Body)
	}
	set := list.Text("set")
	if got := file.Header.Get("Content-Disposition"); !strings.Contains(got, "attachment") || !strings.Contains(got, "-"+strings.ToLower(set)+".txt") {
		t.Errorf("Content-Disposition %q", got)
	}
	check := func(key, want string) {
		t.Helper()
		if got := me.Post("/me/recovery-keys/check", apitest.M{"key": key}).Want(200).Text("state"); got != want {
			t.Errorf("%s is %s, want %s", key, got, want)
		}
	}
	check(keys[0], "used")
	check(strings.ToLower(strings.ReplaceAll(keys[1], "-", " ")), "unused")
	check("0000-0000-0000-0000", "unknown")
	check("not a key", "unknown")
	fresh := me.Post("/me/recovery-keys", nil).Want(201)
	if fresh.Text("set") == set || fresh.Text("keys.0.key") == keys[0] {
		t.Errorf("%s", fresh.Body)
	}
	check(keys[1], "unknown")
	check(fresh.Text("keys.0.key"), "unused")
	if n := h.count(`SELECT count(*) FROM recovery_keys k JOIN recovery_sets s ON s.id = k.set_id WHERE s.replaced_at IS NOT NULL AND sealed IS NOT NULL`); n != 0 {
		t.Errorf("%d dead keys can still be opened", n)
	}
}

// turnOff: one method after the other, and with the last the keys.
func turnOff(t *testing.T, h *house, me *apitest.Client, box *devstack.Mailbox, email string) {
	t.Helper()
	state := me.Get("/me/two-factor").Want(200)
	if state.Text("methods.0.method") != "app" || state.Text("methods.1.method") != "email" || state.Text("preferred") != "app" {
		t.Fatalf("%s", state.Body)
	}
	left := me.Delete("/me/two-factor/methods/" + state.Text("methods.0.id")).Want(200)
	if left.Field("methods.1") != nil || left.Text("preferred") != "email" || left.Field("recovery_keys.total") != 10.0 {
		t.Errorf("%s", left.Body)
	}
	me.Delete("/me/two-factor/methods/"+state.Text("methods.0.id")).WantProblem(404, "not_found")
	none := me.Delete("/me/two-factor").Want(200)
	if none.Field("enabled") != false || none.Field("recovery_keys.total") != 0.0 || none.Field("preferred") != nil {
		t.Errorf("%s", none.Body)
	}
	me.Delete("/me/two-factor").WantProblem(409, "conflict")
	if got := h.api.Post("/sign-ins", apitest.M{"email": email, "password": password}).Want(200).Text("status"); got != "complete" {
		t.Errorf("after all is off a sign-in is %s", got)
	}
	for _, kind := range []string{"method_on", "recovery_key_used", "recovery_keys_regenerated", "method_off", "two_factor_off"} {
		if h.mails(kind, email) == 0 {
			t.Errorf("no mail tells of %s", kind)
		}
	}
	h.until("every mail is sent", func() bool { return h.count(`SELECT count(*) FROM mails WHERE state <> 'sent'`) == 0 })
	if n := len(box.Mails()); n < 8 {
		t.Errorf("%d mails came", n)
	}
}
