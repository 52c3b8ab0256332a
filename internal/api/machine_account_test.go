package api_test

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// What the machine changes about accounts, and the time.

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
	if at < 0 {
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
