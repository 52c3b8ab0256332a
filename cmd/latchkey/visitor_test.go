//go:build linux

package main

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"latchkey/internal/api/apitest"
	"latchkey/internal/factor"
)

// visitor is somebody outside: HTTP, a mailbox and an authenticator app is all
// there is. What was secret on the way is kept for the canary.
type visitor struct {
	t       *testing.T
	api     *apitest.Client
	mailbox string
	email   string
	words   string // the password
	secret  string // of the app
	step    factor.Step
	keys    []string
	secrets map[string]string // what → kind
}

func visit(t *testing.T, r devReady) *visitor {
	t.Helper()
	return &visitor{
		t: t, api: apitest.New(t, r.URL).Patient(), mailbox: r.Mailbox + ".json", email: "ada@example.org",
		words: "quiet otters drift at 5", secrets: map[string]string{"quiet otters drift at 5": "password"},
	}
}

func (v *visitor) keep(kind, secret string) string {
	v.secrets[secret] = kind
	return secret
}

type letter struct {
	To, Subject, Text, HTML string
	ReceivedAt              time.Time `json:"received_at"`
}

func (v *visitor) letters() []letter {
	v.t.Helper()
	res, err := http.Get(v.mailbox)
	if err != nil {
		v.t.Fatal(err)
	}
	defer res.Body.Close()
	var all []letter
	if err := json.NewDecoder(res.Body).Decode(&all); err != nil {
		v.t.Fatal(err)
	}
	return all
}

var codeLine = regexp.MustCompile(`(?m)^([0-9]{6})\r?$`)

// code waits for a mail to the visitor with all these words, and reads it.
func (v *visitor) code(within time.Duration, words ...string) string {
	v.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(within * slack); time.Now().Before(end); <-tick.C {
		for _, l := range v.letters() {
			if code := l.code(v.email, words); code != "" {
				return v.keep("code", code)
			}
		}
	}
	v.t.Fatalf("no mail with a code and %q within %s", words, within)
	return ""
}

// request is how a mail names the page that asked for it: two symbols alone may
// stand in any code, time or port.
func request(reference string) string { return "request " + reference + ":" }

func (l letter) code(to string, words []string) string {
	found := codeLine.FindStringSubmatch(l.Text)
	if l.To != to || found == nil {
		return ""
	}
	for _, w := range words {
		if !strings.Contains(l.Text+l.Subject, w) {
			return ""
		}
	}
	return found[1]
}

// app is the next code that the app shows: the phone's clock may be half a
// minute behind ours or ahead, so three can be had without waiting.
func (v *visitor) app() string {
	v.t.Helper()
	// The oldest of the three must be good until it is judged.
	v.step = max(v.step+1, factor.StepAt(time.Now().Add(10*time.Second))-1)
	for v.step > factor.StepAt(time.Now())+1 {
		time.Sleep(100 * time.Millisecond) // there is no code to be had yet
	}
	code, err := factor.CodeAt(v.secret, v.step)
	if err != nil {
		v.t.Fatal(err)
	}
	return v.keep("app code", code)
}

func (v *visitor) signUp() {
	v.t.Helper()
	v.api.Post("/sign-ups", apitest.M{"email": v.email, "name": "Ada", "password": v.words}).Want(201)
}

// start does the password step.
func (v *visitor) start() *apitest.Response {
	v.t.Helper()
	res := v.api.Post("/sign-ins", apitest.M{"email": v.email, "password": v.words}).Want(200)
	for _, field := range []string{"sign_in_token", "session_token"} {
		if s, ok := res.Field(field).(string); ok {
			v.keep("token", s)
		}
	}
	return res
}

// verify finishes a sign-in.
func (v *visitor) verify(token, method, code string) *apitest.Client {
	v.t.Helper()
	done := v.api.As(token).Post("/sign-ins/current/verify",
		apitest.M{"method": method, "code": code, "trust_device": true}).Want(200)
	v.keep("token", done.Text("trusted_device"))
	return v.api.As(v.keep("token", done.Text("session_token")))
}

// turnOnApp enrols an app in a confirmed session.
func (v *visitor) turnOnApp(me *apitest.Client) {
	v.t.Helper()
	e := me.Post("/me/two-factor/enrolments", apitest.M{"method": "app", "name": "Phone"}).Want(201)
	v.secret, v.step = v.keep("app secret", e.Text("secret")), 0
	done := me.Post("/me/two-factor/enrolments/confirm", apitest.M{"method": "app", "code": v.app()}).Want(200)
	v.hold(done, "recovery_keys")
}

// hold keeps recovery keys, where an answer has some.
func (v *visitor) hold(res *apitest.Response, field string) {
	v.t.Helper()
	if res.Field(field) == nil {
		return
	}
	v.keys = res.Texts(field)
	for _, k := range v.keys {
		v.keep("recovery key", k)
		v.keep("recovery key", strings.ReplaceAll(k, "-", ""))
	}
}
