package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"latchkey/internal/factor"
	"latchkey/internal/pg"
)

// TestMachine does random things to accounts over the API, in sequences of
// some thirty steps, and holds each answer against the model: status and
// problem code, tries left, who is signed in afterwards, and which keys are
// left. LATCHKEY_SEQUENCES is how many sequences, else a few.
//
// Two users share a world, so that codes, keys and tokens meet the wrong
// account as well. The clock is moved by a second to a month.
func TestMachine(t *testing.T) {
	if os.Getenv("LATCHKEY_SEQUENCES") == "" && flag.Lookup("rapid.checks").Value.String() == "100" {
		setChecks(t, "25")
	} else if n := os.Getenv("LATCHKEY_SEQUENCES"); n != "" {
		setChecks(t, n)
	}
	h := newHouse(t)
	h.app.SignIn.Passwords.Cost = argon2id.Params{Memory: 8, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32}
	boss := h.person(asAdmin)
	token := boss.in()
	began, said := h.clock.Now(), map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		h.clock.Set(began.Add(time.Duration(rapid.IntRange(0, 29).Draw(t, "second")) * time.Second))
		m := &machine{h: h, t: t, handler: h.app.Handler(), boss: token, said: said, world: &world{now: h.clock.Now()}}
		m.begin()
		t.Repeat(map[string]func(*rapid.T){
			"sign in":      m.act(m.signIn),
			"verify":       m.act(m.verify),
			"verify again": m.act(m.verify), // twice as often
			"guess":        m.act(m.guess),
			"ask":          m.act(m.ask),
			"confirm":      m.act(m.confirm),
			"confirm too":  m.act(m.confirm),
			"enrol":        m.act(m.enrol),
			"prove":        m.act(m.prove),
			"turn off":     m.act(m.turnOff),
			"new keys":     m.act(m.resetKeys),
			"end":          m.act(m.end),
			"password":     m.act(m.changePassword),
			"address":      m.act(m.address),
			"admin":        m.act(m.admin),
			"time":         m.act(m.time),
			"":             func(t *rapid.T) { m.t = t; m.check() },
		})
		m.t = t
		m.settle()
	})
	for _, answer := range slices.Sorted(maps.Keys(said)) {
		t.Logf("%6d × %s", said[answer], answer)
	}
}

func setChecks(t *testing.T, n string) {
	t.Helper()
	old := flag.Lookup("rapid.checks").Value.String()
	if err := flag.Set("rapid.checks", n); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set("rapid.checks", old) })
}

// machine drives the service and the model side by side.
type machine struct {
	*world
	h       *house
	t       *rapid.T
	handler http.Handler
	boss    string         // session of an admin
	said    map[string]int // answers so far, by route: what was reached at all

	careless bool // few codes are right
}

func (m *machine) act(f func()) func(*rapid.T) { return func(t *rapid.T) { m.t = t; f() } }

var anyID = regexp.MustCompile(`[0-9a-f-]{36}`)

type reply struct {
	said string // "200", "422 wrong_code"
	body map[string]any
}

func (r reply) text(name string) string { s, _ := r.body[name].(string); return s }

func (m *machine) call(token, method, path string, body any) reply {
	raw, _ := json.Marshal(body)
	req := httptest.NewRequest(method, m.h.base+"/api/v1"+path, bytes.NewReader(raw))
	if body == nil {
		req.Body, req.ContentLength = http.NoBody, 0
	} else {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	m.handler.ServeHTTP(w, req)
	r := reply{said: fmt.Sprint(w.Code)}
	_ = json.Unmarshal(w.Body.Bytes(), &r.body)
	if code := r.text("code"); w.Code >= 400 {
		r.said += " " + code
	}
	m.t.Logf("%s %s %s → %s", method, path, raw, r.said)
	m.said[r.said+" "+method+" "+anyID.ReplaceAllString(path, "{id}")]++
	return r
}

// want ends the sequence unless the answer is the model's.
func (m *machine) want(r reply, want string) reply {
	m.t.Helper()
	if r.said != want {
		m.t.Fatalf("the API says %s, the model %s: %v", r.said, want, r.body)
	}
	return r
}

// judged is the answer to a code; left counts the tries after it.
func (m *machine) judged(r reply, o, success string, left int) {
	m.t.Helper()
	switch o {
	case right:
		m.want(r, success)
		return
	case slip:
		o = wrong
	}
	m.want(r, "422 "+o)
	if got, _ := r.body["attempts_left"].(float64); int(got) != left {
		m.t.Fatalf("%v attempts are left, by the model %d", r.body["attempts_left"], left)
	}
}

func pick[T any](m *machine, from []T, what string) T {
	// The newest more often: what is old is mostly over.
	if n := len(from); n > 2 && rapid.Bool().Draw(m.t, "newest "+what) {
		from = from[n-2:]
	}
	return from[rapid.IntRange(0, len(from)-1).Draw(m.t, what)]
}

func (m *machine) yes(what string) bool { return rapid.Bool().Draw(m.t, what) }

// mostly is true three times of four, and shrinks to that.
func (m *machine) mostly(what string) bool { return rapid.IntRange(0, 3).Draw(m.t, what) < 3 }

func (m *machine) user() *mUser { return m.users[rapid.IntRange(0, len(m.users)-1).Draw(m.t, "user")] }

func (m *machine) other(u *mUser) *mUser {
	for _, o := range m.users {
		if o != u {
			return o
		}
	}
	return u
}

// begin makes two users and brings each as far as chance has it.
func (m *machine) begin() {
	for range 2 {
		u := &mUser{email: "m" + uuid.NewString() + "@example.org", password: password}
		u.id = m.want(m.call("", "POST", "/sign-ups", map[string]any{"email": u.email, "name": "Ada", "password": u.password}), "201").text("id")
		m.users = append(m.users, u)
		_, fresh := m.mail(u, "verify_email", u)
		m.read(u, fresh)
		s := m.start(u, u.password)
		if m.mostly("verified") {
			m.confirmAddress(u, s, fresh.code)
		}
		if m.mostly("confirmed") {
			m.confirmWith(u, s, u.password, "", "")
			for _, kind := range []string{"app", "email"} {
				if m.yes(kind) {
					m.enrolAs(u, s, kind)
					m.proveWith(u, s, kind, m.rightFor(u, s, kind, "enrolment", s))
				}
			}
		}
	}
}

// read fills in the digits of a fresh code from its mail.
func (m *machine) read(u *mUser, c *mCode) {
	m.t.Helper()
	if c == nil {
		return
	}
	p := person{h: m.h, id: uuid.MustParse(u.id)}
	c.code = p.mailed(factor.Purpose(c.purpose))
}

func (m *machine) signIn() {
	u := m.user()
	typed := u.password
	if !m.mostly("right password") {
		typed = "not the one at all"
	}
	m.start(u, typed)
}

// start does the password step; the session is nil while a second one is due.
func (m *machine) start(u *mUser, typed string) *mSession {
	r := m.call("", "POST", "/sign-ins", map[string]any{"email": u.email, "password": typed})
	meant := u.password
	if u.disabled {
		u.password = "" // none is right
	}
	refused := m.password(u, typed)
	u.password = meant
	if refused != "" {
		m.want(r, refused)
		return nil
	}
	m.want(r, "200")
	if len(u.methods) == 0 {
		return m.arrived(u, r, m.session(u, ""))
	}
	in := &mSignIn{token: r.text("sign_in_token"), ends: m.now.Add(15 * time.Minute)}
	u.signIns = append(u.signIns, in)
	if r.text("status") != "second_factor" || r.text("session_token") != "" {
		m.t.Fatalf("half a session: %v", r.body)
	}
	delivery := ""
	if u.preferred == "email" {
		said, fresh := m.mail(u, "sign_in", in)
		m.read(u, fresh)
		delivery = map[bool]string{true: "queued", false: "held"}[said == "202"]
	}
	if r.text("delivery") != delivery || r.text("preferred") != u.preferred {
		m.t.Fatalf("delivery %q and preferred %q, by the model %q and %q", r.text("delivery"), r.text("preferred"), delivery, u.preferred)
	}
	return nil
}

// arrived notes the session of a finished sign-in.
func (m *machine) arrived(u *mUser, r reply, s *mSession) *mSession {
	m.t.Helper()
	s.token = r.text("session_token")
	if r.text("status") != "complete" || s.token == "" || r.text("assurance") != s.assurance {
		m.t.Fatalf("by the model complete with %s: %v", s.assurance, r.body)
	}
	list := m.want(m.call(s.token, "GET", "/me/sessions", nil), "200")
	items, _ := list.body["items"].([]any)
	if live := m.opened(u); len(items) != len(live) {
		m.t.Fatalf("%d sessions are listed, the model has %d", len(items), len(live))
	}
	for _, item := range items {
		if one, _ := item.(map[string]any); one["current"] == true {
			s.id, _ = one["id"].(string)
		}
	}
	return s
}

func (m *machine) verify() { m.verifyAs(m.user()) }

func (m *machine) verifyAs(u *mUser) {
	if len(u.signIns) == 0 || u.signIns[len(u.signIns)-1].over && m.mostly("anew") {
		m.start(u, u.password)
	}
	if len(u.signIns) == 0 {
		return
	}
	in := pick(m, u.signIns, "sign-in")
	kind, code := m.code(u, nil, "sign_in", in)
	r := m.call(in.token, "POST", "/sign-ins/current/verify", map[string]any{"method": kind, "code": code})
	switch {
	case in.over || !m.now.Before(in.ends):
		m.want(r, "401 unauthenticated")
		return
	case m.waits(u):
		m.want(r, "429 too_many_attempts")
		return
	}
	o := m.judge(u, kind, canonical(code), "sign_in", in)
	if o == wrong || o == used {
		in.failures++
		in.over = in.failures >= 5
	}
	m.judged(r, o, "200", 5-in.failures)
	if o != right {
		return
	}
	in.over = true
	m.arrived(u, r, m.session(u, kind))
	if left, told := r.body["recovery_keys_left"].(float64); told != (kind == "recovery_key") || told && int(left) != u.unspent() {
		m.t.Fatalf("keys left: %v, by the model %d", r.body["recovery_keys_left"], u.unspent())
	}
}

// guess types a few codes or passwords in a row that are likely wrong.
func (m *machine) guess() {
	u := m.user()
	m.careless = true
	defer func() { m.careless = false }()
	passwords := m.yes("passwords")
	for range rapid.IntRange(2, 7).Draw(m.t, "guesses") {
		if passwords {
			m.start(u, "not the one at all")
		} else {
			m.verifyAs(u)
		}
	}
}

// ask has a code mailed, at a sign-in or for a confirmation.
func (m *machine) ask() {
	u := m.user()
	if len(u.signIns) > 0 && m.yes("at sign-in") {
		in := pick(m, u.signIns, "sign-in")
		r := m.call(in.token, "POST", "/sign-ins/current/email-code", nil)
		if in.over || !m.now.Before(in.ends) {
			m.want(r, "401 unauthenticated")
			return
		}
		m.asked(u, r, "sign_in", in)
		return
	}
	if s := m.mine(u); s != nil {
		r := m.call(s.token, "POST", "/me/confirmations/email-code", nil)
		if !m.open(s) {
			m.want(r, "401 unauthenticated")
			return
		}
		m.asked(u, r, "confirmation", s)
	}
}

func (m *machine) asked(u *mUser, r reply, purpose string, holder any) {
	m.t.Helper()
	if !u.has("email") {
		m.want(r, "409 conflict")
		return
	}
	want, fresh := m.mail(u, purpose, holder)
	m.want(r, want)
	m.read(u, fresh)
}

// mine is one of the user's sessions, dead ones too; nil: there was none yet.
func (m *machine) mine(u *mUser) *mSession {
	if len(u.sessions) == 0 {
		m.t.Skip("no session")
	}
	if open := m.opened(u); len(open) > 0 && m.mostly("open session") {
		return pick(m, open, "session")
	}
	return pick(m, u.sessions, "session")
}

func (m *machine) confirm() {
	u := m.user()
	s := m.mine(u)
	typed := u.password
	if !m.mostly("right password") {
		typed = "not the one at all"
	}
	kind, code := "", ""
	if len(u.methods) > 0 && (m.mostly("a code") || m.yes("a code")) {
		kind, code = m.code(u, s, "confirmation", s)
	}
	m.confirmWith(u, s, typed, kind, code)
}

func (m *machine) confirmWith(u *mUser, s *mSession, typed, kind, code string) {
	body := map[string]any{"password": typed}
	if kind != "" {
		body["method"], body["code"] = kind, code
	}
	r := m.call(s.token, "POST", "/me/confirmations", body)
	if !m.open(s) {
		m.want(r, "401 unauthenticated")
		return
	}
	if len(u.methods) > 0 && kind == "" {
		m.want(r, "400 invalid_request")
		return
	}
	if refused := m.password(u, typed); refused != "" {
		m.want(r, refused)
		return
	}
	if len(u.methods) > 0 {
		if m.waits(u) {
			m.want(r, "429 too_many_attempts")
			return
		}
		o := m.judge(u, kind, canonical(code), "confirmation", s)
		m.judged(r, o, "200", m.left(u))
		if o != right {
			return
		}
		s.raise(kind)
	}
	m.want(r, "200")
	s.confirmed = m.now.Add(10 * time.Minute)
}

// guarded judges what every 🔒 call wants first; "" goes on.
func (m *machine) guarded(s *mSession) string {
	switch {
	case !m.open(s):
		return "401 unauthenticated"
	case !s.confirmed.After(m.now):
		return "403 confirmation_required"
	}
	return ""
}

func (m *machine) enrol() {
	u := m.user()
	m.enrolAs(u, m.mine(u), rapid.SampledFrom([]string{"app", "email"}).Draw(m.t, "kind"))
}

func (m *machine) enrolAs(u *mUser, s *mSession, kind string) {
	r := m.call(s.token, "POST", "/me/two-factor/enrolments", map[string]any{"method": kind})
	if refused := m.guarded(s); refused != "" {
		m.want(r, refused)
		return
	}
	apps := 0
	for _, one := range u.methods {
		if one.kind == "app" {
			apps++
		}
	}
	switch {
	case kind == "email" && u.has("email"), kind == "app" && apps >= 3:
		m.want(r, "409 already_enabled")
		return
	case kind == "email" && !u.verified:
		m.want(r, "409 email_not_verified")
		return
	case kind == "email":
		want, fresh := m.mail(u, "enrolment", s)
		if want != "202" {
			m.want(r, want)
			return
		}
		m.read(u, fresh)
	}
	m.want(r, "201")
	s.enrolments[kind] = &mEnrolment{secret: r.text("secret"), ends: m.now.Add(10 * time.Minute)}
}

func (m *machine) prove() {
	u := m.user()
	s := m.mine(u)
	kind := rapid.SampledFrom([]string{"app", "email"}).Draw(m.t, "kind")
	code := m.rightFor(u, s, kind, "enrolment", s)
	if rapid.IntRange(0, 3).Draw(m.t, "another code") == 0 {
		_, code = m.code(u, s, "enrolment", s)
	}
	m.proveWith(u, s, kind, code)
}

func (m *machine) proveWith(u *mUser, s *mSession, kind, code string) {
	r := m.call(s.token, "POST", "/me/two-factor/enrolments/confirm", map[string]any{"method": kind, "code": code})
	if refused := m.guarded(s); refused != "" {
		m.want(r, refused)
		return
	}
	e := s.enrolments[kind]
	switch {
	case e == nil && u.has(kind):
		m.want(r, "409 already_enabled")
		return
	case e == nil:
		m.want(r, "409 conflict")
		return
	case !m.now.Before(e.ends):
		m.want(r, "422 code_expired")
		return
	case m.waits(u):
		m.want(r, "429 too_many_attempts")
		return
	}
	proved, o := &mMethod{kind: kind, secret: e.secret, last: -1, since: m.now}, wrong
	if kind == "email" {
		o = m.judge(u, kind, canonical(code), "enrolment", s)
	} else if step, ok := m.step(e.secret, canonical(code)); ok {
		proved.last, o = step, right
	} else {
		m.fail(u)
	}
	m.judged(r, o, "200", m.left(u))
	if o != right {
		return
	}
	u.methods = append(u.methods, proved)
	if u.preferred == "" {
		u.preferred = kind
	}
	s.raise(kind)
	u.endRest(s)
	u.dropEnrolments()
	keys, _ := r.body["recovery_keys"].([]any)
	if (len(keys) == 10) != (u.keys == nil) || len(keys)%10 != 0 {
		m.t.Fatalf("%d keys with a method, and a set before: %v", len(keys), u.keys != nil)
	}
	if u.keys == nil {
		u.newKeys(texts(keys))
	}
	m.methodIDs(u, s)
}

// methodIDs reads what the methods are called, in the order of the answer.
func (m *machine) methodIDs(u *mUser, s *mSession) {
	r := m.want(m.call(s.token, "GET", "/me/two-factor", nil), "200")
	m.open(s)
	items, _ := r.body["methods"].([]any)
	known := map[string]bool{}
	for _, one := range u.methods {
		known[one.id] = true
	}
	for _, item := range items {
		one, _ := item.(map[string]any)
		if id, _ := one["id"].(string); !known[id] {
			u.methods[len(u.methods)-1].id = id
		}
	}
}

func (m *machine) turnOff() {
	u := m.user()
	s := m.mine(u)
	id := uuid.NewString()
	if len(u.methods) > 0 && rapid.IntRange(0, 4).Draw(m.t, "unknown id") > 0 {
		id = pick(m, u.methods, "method").id
	} else if o := m.other(u); len(o.methods) > 0 {
		id = o.methods[0].id
	}
	r := m.call(s.token, "DELETE", "/me/two-factor/methods/"+id, nil)
	if refused := m.guarded(s); refused != "" {
		m.want(r, refused)
		return
	}
	at := slices.IndexFunc(u.methods, func(one *mMethod) bool { return one.id == id })
	switch {
	case len(u.methods) == 0:
		m.want(r, "409 conflict")
		return
	case at < 0:
		m.want(r, "404 not_found")
		return
	}
	m.want(r, "200")
	u.methods = slices.Delete(u.methods, at, at+1)
	u.endRest(s)
	u.dropEnrolments()
	if len(u.methods) == 0 {
		u.newKeys(nil)
	}
	if !u.has(u.preferred) {
		u.preferred = ""
		var first time.Time
		for _, one := range u.methods {
			if u.preferred == "" || one.since.Before(first) || one.since.Equal(first) && one.kind == "app" {
				u.preferred, first = one.kind, one.since
			}
		}
	}
}

func (m *machine) resetKeys() {
	u := m.user()
	s := m.mine(u)
	r := m.call(s.token, "POST", "/me/recovery-keys", nil)
	if refused := m.guarded(s); refused != "" {
		m.want(r, refused)
		return
	}
	if len(u.methods) == 0 {
		m.want(r, "409 conflict")
		return
	}
	m.want(r, "201")
	var keys []string
	list, _ := r.body["keys"].([]any)
	for _, item := range list {
		one, _ := item.(map[string]any)
		keys = append(keys, fmt.Sprint(one["key"]))
	}
	u.newKeys(keys)
}

// end ends sessions: this one, another, a stranger's, or all others.
func (m *machine) end() {
	u := m.user()
	s := m.mine(u)
	target := pick(m, append(slices.Clone(u.sessions), m.other(u).sessions...), "target")
	path := map[int]string{0: "/me/sessions/current", 1: "/me/sessions"}[rapid.IntRange(0, 5).Draw(m.t, "which")]
	if path == "" {
		path = "/me/sessions/" + target.id
	}
	r := m.call(s.token, "DELETE", path, nil)
	switch {
	case !m.open(s):
		m.want(r, "401 unauthenticated")
	case path == "/me/sessions/current":
		m.want(r, "204")
		s.over = true
	case path == "/me/sessions":
		m.want(r, "204")
		for _, one := range u.sessions {
			one.over = one.over || one != s
		}
	case target.over || !slices.Contains(u.sessions, target):
		m.want(r, "404 not_found")
	default:
		m.want(r, "204")
		target.over = true
	}
}

func (m *machine) changePassword() {
	u := m.user()
	s := m.mine(u)
	fresh := "seven lazy herons wade " + uuid.NewString()[:4]
	r := m.call(s.token, "POST", "/me/password", map[string]any{"password": fresh})
	if refused := m.guarded(s); refused != "" {
		m.want(r, refused)
		return
	}
	m.want(r, "204")
	u.password = fresh
	u.endRest(s)
	u.failures, u.forever, u.frozen = nil, false, time.Time{}
}

// address asks for the code that proves the address, or types one.
func (m *machine) address() {
	u := m.user()
	s := m.mine(u)
	if m.yes("type") {
		_, code := m.code(u, s, "verify_email", u)
		m.confirmAddress(u, s, code)
		return
	}
	r := m.call(s.token, "POST", "/me/email-verification", nil)
	switch {
	case !m.open(s):
		m.want(r, "401 unauthenticated")
	case u.verified:
		m.want(r, "409 conflict")
	default:
		want, fresh := m.mail(u, "verify_email", u)
		m.want(r, want)
		m.read(u, fresh)
	}
}

func (m *machine) confirmAddress(u *mUser, s *mSession, code string) {
	r := m.call(s.token, "POST", "/me/email-verification/confirm", map[string]any{"code": code})
	switch {
	case !m.open(s):
		m.want(r, "401 unauthenticated")
		return
	case u.verified:
		m.want(r, "409 conflict")
		return
	case m.waits(u):
		m.want(r, "429 too_many_attempts")
		return
	}
	o := m.judge(u, "email", canonical(code), "verify_email", u)
	m.judged(r, o, "200", m.left(u))
	u.verified = o == right
}

// admin disables, enables or unlocks, out of a session that is always fresh.
func (m *machine) admin() {
	u := m.user()
	if !u.disabled && m.mostly("nothing") {
		return
	}
	m.h.exec(`UPDATE sessions SET last_seen_at = $1, own_seen_at = $1, rested_at = NULL, confirmed_at = $1, confirmed_until = $2, expires_at = $2
		WHERE user_id IN (SELECT id FROM users WHERE role = 'admin')`, m.now, m.now.Add(time.Hour))
	if m.yes("unlock") {
		m.want(m.call(m.boss, "POST", "/admin/users/"+u.id+"/unlock", nil), "204")
		u.failures, u.passwords, u.forever, u.frozen = nil, nil, false, time.Time{}
		return
	}
	disable := !u.disabled
	m.want(m.call(m.boss, "PATCH", "/admin/users/"+u.id, map[string]any{"disabled": disable}), "200")
	if u.disabled = disable; disable {
		u.endRest(nil)
	}
}

func (m *machine) time() {
	d := rapid.SampledFrom([]time.Duration{
		time.Second, time.Second, 15 * time.Second, 30 * time.Second, 30 * time.Second, 30 * time.Second, 30 * time.Second, 31 * time.Second, time.Minute, time.Minute, time.Minute, 2 * time.Minute,
		4 * time.Minute, 8 * time.Minute, 10 * time.Minute, 15 * time.Minute, time.Hour, 12 * time.Hour, 24 * time.Hour, 31 * 24 * time.Hour,
	}).Draw(m.t, "later")
	m.now = m.h.clock.Advance(d)
}

// code draws a method and a code for it: the right one, one of another step,
// lock, set or user, one that was used, one that never was.
func (m *machine) code(u *mUser, s *mSession, purpose string, holder any) (kind, code string) {
	kinds := []string{"app", "email", "recovery_key"}
	if len(u.methods) > 0 && m.yes("a method that is on") {
		kinds = []string{pick(m, u.methods, "method").kind}
	}
	if purpose == "verify_email" {
		kinds = []string{"email"}
	}
	kind = rapid.SampledFrom(kinds).Draw(m.t, "kind")
	if !m.careless && m.yes("right") {
		return kind, m.rightFor(u, s, kind, purpose, holder)
	}
	whose := u
	if rapid.IntRange(0, 3).Draw(m.t, "whose") == 0 {
		whose = m.other(u)
	}
	code = "271828"
	switch kind {
	case "app":
		for _, one := range whose.methods {
			if one.kind == "app" {
				code = totp(one.secret, m.now.Unix()/30+rapid.Int64Range(-2, 2).Draw(m.t, "step"))
				break
			}
		}
	case "email":
		if len(whose.codes) > 0 {
			code = pick(m, whose.codes, "code").code
		}
	case "recovery_key":
		code = "ABCD-EFGH-JKMN-PQRU"
		all := append(slices.Sorted(maps.Keys(whose.keys)), whose.oldKeys...)
		if len(all) > 0 {
			code = all[rapid.IntRange(0, len(all)-1).Draw(m.t, "key")]
		}
	}
	return kind, code
}

// rightFor is the code that a person with everything at hand would type.
func (m *machine) rightFor(u *mUser, s *mSession, kind, purpose string, holder any) string {
	switch kind {
	case "app":
		if s != nil && purpose == "enrolment" && s.enrolments["app"] != nil {
			return totp(s.enrolments["app"].secret, m.now.Unix()/30)
		}
		for _, one := range u.methods {
			if one.kind == "app" {
				return totp(one.secret, max(m.now.Unix()/30, min(one.last+1, m.now.Unix()/30+1)))
			}
		}
	case "recovery_key":
		for _, k := range slices.Sorted(maps.Keys(u.keys)) {
			if !u.keys[k] {
				return k
			}
		}
		return "ABCD-EFGH-JKMN-PQRU"
	}
	for _, c := range slices.Backward(u.codes) {
		if c.purpose == purpose && c.holder == holder {
			return c.code[:3] + " " + c.code[3:] // as people type them
		}
	}
	return "314159"
}

func canonical(code string) string { return strings.ReplaceAll(code, " ", "") }

func texts(all []any) (out []string) {
	for _, one := range all {
		out = append(out, fmt.Sprint(one))
	}
	return out
}

// check looks at one session, live or dead, and at what it says of the user.
func (m *machine) check() {
	if u := m.user(); len(u.sessions) > 0 {
		m.look(u, pick(m, u.sessions, "looked at"), m.yes("methods"))
	}
}

func (m *machine) look(u *mUser, s *mSession, methods bool) {
	if !m.open(s) {
		m.want(m.call(s.token, "GET", "/me", nil), "401 unauthenticated")
		return
	}
	if !methods {
		me := m.want(m.call(s.token, "GET", "/me", nil), "200")
		if me.body["email_verified"] != u.verified || me.body["two_factor"] != (len(u.methods) > 0) || me.body["id"] != u.id {
			m.t.Fatalf("the API says %v, the model %v with %d methods", me.body, u.verified, len(u.methods))
		}
		return
	}
	two := m.want(m.call(s.token, "GET", "/me/two-factor", nil), "200")
	keys, _ := two.body["recovery_keys"].(map[string]any)
	on, _ := two.body["methods"].([]any)
	if keys["total"] != float64(len(u.keys)) || keys["left"] != float64(u.unspent()) || len(on) != len(u.methods) || two.text("preferred") != u.preferred {
		m.t.Fatalf("the API says %v, the model %d of %d keys, %d methods, preferred %q", two.body, u.unspent(), len(u.keys), len(u.methods), u.preferred)
	}
}

// settle looks at everything once more: each session, and the meters.
func (m *machine) settle() {
	for _, u := range m.users {
		for _, s := range u.sessions {
			m.look(u, s, false)
			m.look(u, s, true)
		}
		var counted struct {
			Codes     pg.Times `db:"codes"`
			Passwords pg.Times `db:"passwords"`
			Sessions  int      `db:"sessions"`
		}
		err := m.h.db.GetContext(m.h.t.Context(), &counted, `
			SELECT code_failures AS codes,
			       coalesce((SELECT failures FROM password_meters WHERE address_digest = $2), '{}') AS passwords,
			       (SELECT count(*) FROM sessions WHERE user_id = $1) AS sessions
			FROM guards WHERE user_id = $1`, u.id, m.h.keys.Tokens.All("password_meter", u.email)[0])
		if err != nil {
			m.t.Fatal(err)
		}
		month, day := 30*24*time.Hour, 24*time.Hour
		if len(within(counted.Codes, m.now, month)) != len(within(u.failures, m.now, month)) ||
			len(within(counted.Passwords, m.now, day)) != len(within(u.passwords, m.now, day)) {
			m.t.Fatalf("meters: %d codes and %d passwords, by the model %d and %d", len(counted.Codes), len(counted.Passwords), len(u.failures), len(u.passwords))
		}
		rows := 0
		for _, s := range u.sessions {
			if !s.over {
				rows++
			}
		}
		if counted.Sessions != rows {
			m.t.Fatalf("%d sessions exist, by the model %d", counted.Sessions, rows)
		}
	}
}
