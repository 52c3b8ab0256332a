package api_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"testing"
	"time"

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
	setChecks(t, cmp.Or(os.Getenv("LATCHKEY_SEQUENCES"), "25"))
	h := newHouse(t)
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

// setChecks says how many sequences rapid runs: its flag is the only way.
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
