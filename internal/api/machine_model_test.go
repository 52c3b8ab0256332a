package api_test

import (
	"slices"
	"strings"
	"time"
)

// The model says what the API must answer, in as few words as the rules have.
// It knows no database: lists of things that happened, and the clock.

type world struct {
	now   time.Time
	users []*mUser
}

type mUser struct {
	id, email, password string
	verified, disabled  bool
	methods             []*mMethod
	preferred           string
	keys                map[string]bool // of the current set: spent or not; nil: no set
	oldKeys             []string
	codes               []*mCode // mailed, oldest first
	failures, passwords []time.Time
	frozen              time.Time
	forever             bool
	signIns             []*mSignIn
	sessions            []*mSession
}

type mMethod struct {
	id, kind, secret string
	last             int64 // step
	since            time.Time
}

type mCode struct {
	purpose, code string
	holder        any // what it was asked for: sign-in, session or user
	ends, again   time.Time
	tries         int
	used          bool
	mailed        []time.Time
}

type mSignIn struct {
	token    string
	ends     time.Time
	failures int
	over     bool
}

type mSession struct {
	token, id, assurance  string
	ends, seen, confirmed time.Time
	over                  bool
	enrolments            map[string]*mEnrolment
}

type mEnrolment struct {
	secret string
	ends   time.Time
}

const right, wrong, used, expired, slip = "right", "wrong_code", "code_used", "code_expired", "slip"

func within(all []time.Time, now time.Time, d time.Duration) (out []time.Time) {
	for _, at := range all {
		if at.After(now.Add(-d)) {
			out = append(out, at)
		}
	}
	return out
}

// waits reports whether no code of the user is judged.
func (w *world) waits(u *mUser) bool {
	if u.forever || u.frozen.After(w.now) {
		return true
	}
	recent := within(u.failures, w.now, time.Hour)
	n := len(recent)
	return n >= 10 || n >= 5 && w.now.Before(recent[n-1].Add(30*time.Second<<(n-5)))
}

func (w *world) left(u *mUser) int { return max(5-len(within(u.failures, w.now, time.Hour)), 0) }

func (w *world) fail(u *mUser) {
	u.failures = append(u.failures, w.now)
	if len(within(u.failures, w.now, 24*time.Hour)) >= 20 {
		u.frozen = w.now.Add(24 * time.Hour)
	}
	if len(within(u.failures, w.now, 30*24*time.Hour)) >= 60 {
		u.forever, u.frozen = true, w.now.Add(24*time.Hour)
	}
}

// password judges one: "" is right.
func (w *world) password(u *mUser, typed string) string {
	recent := within(u.passwords, w.now, 24*time.Hour)
	n := len(recent)
	if n >= 100 || n >= 5 && w.now.Before(recent[n-1].Add(min(2*time.Second<<min(n-5, 5), time.Minute))) {
		return "429 too_many_attempts"
	}
	if typed != u.password {
		u.passwords = append(u.passwords, w.now)
		return "401 wrong_credentials"
	}
	return ""
}

func (u *mUser) has(kind string) bool {
	return slices.ContainsFunc(u.methods, func(m *mMethod) bool { return m.kind == kind })
}

// judge spends a code, and charges the account where it was wrong or used.
func (w *world) judge(u *mUser, kind, typed, purpose string, holder any) string {
	o := wrong
	switch {
	case kind == "app":
		o = w.judgeApp(u, typed)
	case kind == "email" && (purpose == "verify_email" || purpose == "enrolment" || u.has("email")):
		o = w.judgeMailed(u, typed, purpose, holder)
	case kind == "recovery_key" && strings.ContainsRune(typed, 'U'): // no symbol of keys
		return slip
	case kind == "recovery_key":
		if spent, ours := u.keys[typed]; ours && spent {
			o = used
		} else if ours {
			u.keys[typed], o = true, right
		}
	}
	if o == wrong || o == used {
		w.fail(u)
	}
	return o
}

func (w *world) judgeApp(u *mUser, typed string) string {
	o := wrong
	for _, m := range u.methods {
		if step, ok := w.step(m.secret, typed); m.kind == "app" && ok {
			if step > m.last {
				m.last = step
				return right
			}
			o = used
		}
	}
	return o
}

func (w *world) step(secret, typed string) (found int64, ok bool) {
	for off := int64(-1); off <= 1; off++ {
		if s := w.now.Unix()/30 + off; totp(secret, s) == typed {
			found, ok = s, true
		}
	}
	return found, ok
}

func (w *world) judgeMailed(u *mUser, typed, purpose string, holder any) string {
	o := wrong
	for _, c := range u.codes {
		if c.purpose != purpose || c.holder != holder || c.code != typed {
			continue
		}
		switch {
		case w.live(c):
			c.used = true
			return right
		case c.used:
			o = used
		default:
			o = expired
		}
	}
	if o != wrong {
		return o
	}
	for _, c := range u.codes {
		if c.purpose == purpose && c.holder == holder && w.live(c) {
			c.tries++
		}
	}
	return wrong
}

func (w *world) live(c *mCode) bool { return !c.used && c.ends.After(w.now) && c.tries < 5 }

// mail sends a code or repeats it; fresh is a new one, whose digits the
// machine reads from the mail.
func (w *world) mail(u *mUser, purpose string, holder any) (want string, fresh *mCode) {
	var live *mCode
	for _, c := range u.codes {
		if c.purpose == purpose && c.holder == holder && w.live(c) {
			live = c
		}
	}
	if live != nil && w.now.Before(live.again) {
		return "202", nil
	}
	shared := purpose == "sign_in" || purpose == "confirmation"
	var sent []time.Time
	for _, c := range u.codes {
		if c.purpose == purpose || shared && (c.purpose == "sign_in" || c.purpose == "confirmation") {
			sent = append(sent, c.mailed...)
		}
	}
	if len(within(sent, w.now, time.Hour)) >= 5 || shared && len(within(sent, w.now, 24*time.Hour)) >= 15 {
		return "429 too_many_emails", nil
	}
	if live == nil {
		life := 10 * time.Minute
		if purpose == "verify_email" {
			life = 30 * time.Minute
		}
		live = &mCode{purpose: purpose, holder: holder, ends: w.now.Add(life)}
		u.codes, fresh = append(u.codes, live), live
	}
	live.mailed = append(live.mailed, w.now)
	rest := []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute}
	live.again = w.now.Add(rest[min(len(live.mailed), 4)-1])
	return "202", fresh
}

// open reports whether a session's token works, and notes the use.
func (w *world) open(s *mSession) bool {
	ok := w.alive(s)
	if ok && w.now.Sub(s.seen) >= time.Minute {
		s.seen = w.now
	}
	return ok
}

func (w *world) alive(s *mSession) bool {
	return !s.over && w.now.Before(s.ends) && w.now.Before(s.seen.Add(12*time.Hour))
}

func (w *world) opened(u *mUser) (out []*mSession) {
	for _, s := range u.sessions {
		if w.alive(s) {
			out = append(out, s)
		}
	}
	return out
}

func (w *world) session(u *mUser, method string) *mSession {
	s := &mSession{assurance: "password", ends: w.now.Add(30 * 24 * time.Hour), seen: w.now, enrolments: map[string]*mEnrolment{}}
	s.raise(method)
	if method == "recovery_key" {
		s.confirmed = w.now.Add(10 * time.Minute)
	}
	u.sessions = append(u.sessions, s)
	return s
}

func (s *mSession) raise(method string) {
	if method == "app" || method == "recovery_key" {
		s.assurance = "two_factor"
	} else if method == "email" && s.assurance == "password" {
		s.assurance = "two_step"
	}
}

// endRest is what a change of method, password or standing ends.
func (u *mUser) endRest(keep *mSession) {
	for _, s := range u.sessions {
		s.over = s.over || s != keep
	}
	for _, in := range u.signIns {
		in.over = true
	}
}

func (u *mUser) dropEnrolments() {
	for _, s := range u.sessions {
		clear(s.enrolments)
	}
}

func (u *mUser) newKeys(keys []string) {
	for k := range u.keys {
		u.oldKeys = append(u.oldKeys, k)
	}
	u.keys = nil
	if len(keys) > 0 {
		u.keys = map[string]bool{}
	}
	for _, k := range keys {
		u.keys[k] = false
	}
}

func (u *mUser) unspent() (n int) {
	for _, spent := range u.keys {
		if !spent {
			n++
		}
	}
	return n
}
