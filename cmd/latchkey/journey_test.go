//go:build linux

package main

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"latchkey/internal/api/apitest"
	"latchkey/internal/pg/pgtest"
)

// journey is the main job: sign up → verify → email codes on → keys in hand →
// in by email code → in by a recovery key → an app on → in by app code → keys
// listed and downloaded.
func (v *visitor) journey() {
	t := v.t
	t.Helper()
	v.signUp()
	me := v.api.As(v.start().Text("session_token"))
	reference := me.Post("/me/email-verification", nil).Want(202).Text("reference")
	me.Post("/me/email-verification/confirm", apitest.M{"code": v.code(10*time.Second, request(reference))}).Want(200)

	me.Post("/me/confirmations", apitest.M{"password": v.words}).Want(200)
	me.Post("/me/two-factor/enrolments", apitest.M{"method": "email"}).Want(201)
	on := me.Post("/me/two-factor/enrolments/confirm", apitest.M{"method": "email", "code": v.code(10*time.Second, "turn on")}).Want(200)
	v.hold(on, "recovery_keys")
	if len(v.keys) != 10 {
		t.Fatalf("%d recovery keys", len(v.keys))
	}

	step := v.start()
	token := step.Text("sign_in_token")
	if step.Text("status") != "second_factor" || step.Text("delivery") != "queued" {
		t.Fatalf("%s", step.Body)
	}
	reference = v.api.As(token).Get("/sign-ins/current/email-code").Want(200).Text("reference")
	v.verify(token, "email", v.code(10*time.Second, "sign in to", request(reference)))

	keys := v.keys
	me = v.verify(v.start().Text("sign_in_token"), "recovery_key", keys[0])
	v.turnOnApp(me)
	me.Patch("/me", apitest.M{"preferred_method": "app"}).Want(200)

	me = v.verify(v.start().Text("sign_in_token"), "app", v.app())
	me.Post("/me/confirmations", apitest.M{"password": v.words, "method": "app", "code": v.app()}).Want(200)
	list := me.Get("/me/recovery-keys").Want(200)
	file := string(me.Get("/me/recovery-keys.txt").Want(200).Body)
	for _, k := range keys {
		if !strings.Contains(string(list.Body), k) || !strings.Contains(file, k) {
			t.Errorf("a key is missing from the list or the file")
		}
	}
	if list.Field("keys.0.used_at") == nil || list.Field("keys.1.used_at") != nil {
		t.Errorf("what was used is not told")
	}
}

func TestJourneyOverHTTPAndTheMailboxAlone(t *testing.T) {
	t.Parallel()
	p, r := startDev(t, nil, "--ephemeral")
	visit(t, r).journey()
	p.signal(t, syscall.SIGTERM)
	p.ends(t, 0, 20*time.Second)
}

// With Redis stopped sign-up and sign-in by app work; the code's mail waits,
// and goes out within 5 s of its return.
func TestWithRedisStoppedOnlyMailsWait(t *testing.T) {
	t.Parallel()
	redis := pgtest.RedisServer(t)
	p, r := startDev(t, []string{"REDIS_URL=" + redis.URL}, "--ephemeral")
	v := visit(t, r)
	v.signUp()
	v.code(10 * time.Second)
	me := v.api.As(v.start().Text("session_token"))
	me.Post("/me/confirmations", apitest.M{"password": v.words}).Want(200)
	v.turnOnApp(me)

	redis.Crash()
	v.verify(v.start().Text("sign_in_token"), "app", v.app())
	other := visit(t, r)
	other.email = "eve@example.org"
	other.signUp()
	waiting := v.api.As(other.start().Text("session_token"))
	if got := waiting.Post("/me/email-verification", nil).Want(202).Text("delivery"); got != "queued" {
		t.Errorf("delivery %s", got)
	}
	if code, _ := get(t, r.URL+"/readyz"); code != 200 {
		t.Errorf("/readyz: %d", code)
	}
	for _, l := range v.letters() {
		if l.To == other.email {
			t.Error("the mail went out without Redis")
		}
	}
	if err := redis.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	back := time.Now()
	code := other.code(5*time.Second, "")
	t.Logf("the mail came %s after Redis", time.Since(back).Round(time.Millisecond))
	waiting.Post("/me/email-verification/confirm", apitest.M{"code": code}).Want(200)
	p.signal(t, syscall.SIGTERM)
	p.ends(t, 0, 20*time.Second)
}
