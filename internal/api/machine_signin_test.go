package api_test

import (
	"time"

	"pgregory.net/rapid"
)

// What the machine does to sign in, and to confirm.

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
