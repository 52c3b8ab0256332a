package session_test

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"latchkey/internal/session"
)

// An app is told of the user behind a cookie's session, and of nobody whom an
// admin has disabled or whose session travels otherwise.
func TestWhoStandsBehindARequestToAnApp(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	life := session.New{Front: session.Cookie, Idle: time.Hour, Lifetime: time.Hour}
	in, _ := b.session(life)
	life.Front = session.Bearer
	bearer, _ := b.session(life)
	ask := func(of session.Session) (session.Forward, error) {
		return b.store.CheckForward(t.Context(), b.db, b.store.ForwardToken(of))
	}
	got, err := ask(in)
	if err != nil || got.Session.ID != in.ID || got.Session.User != b.user || got.Email != "ada@example.org" || got.Name != "Ada" || got.Role != "user" || got.Verified {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := ask(bearer); !isDead(err) {
		t.Errorf("a bearer's session: %v", err)
	}
	b.disable()
	if _, err := ask(in); !isDead(err) {
		t.Errorf("a disabled user's: %v", err)
	}
}

func (b *bench) disable() {
	b.t.Helper()
	if _, err := b.db.Exec(`UPDATE users SET status = 'disabled' WHERE id = $1`, b.user); err != nil {
		b.t.Fatal(err)
	}
}

// A forged token of apps' hosts costs no query: the pool is closed, and
// nothing notices.
func TestAForgedForwardTokenCostsNoQuery(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	life := session.New{Front: session.Cookie, Idle: time.Hour, Lifetime: time.Hour}
	in, token := b.session(life)
	other, _ := b.session(life)
	b.db.Close()
	good := b.store.ForwardToken(in)
	if _, err := b.store.CheckForward(context.Background(), b.db, good); err == nil || isDead(err) {
		t.Errorf("a real one, without a database: %v", err)
	}
	for name, bad := range map[string]string{
		"empty": "", "short": "lkf", "prefix": "lkf_", "three bytes": "lkf_AAAA", "another prefix": "lks_" + good[4:], "none": good[4:],
		"the session's own": token, "no base64": "lkf_" + strings.Repeat("!", len(good)-4), "cut": good[:len(good)-2], "longer": good + "AAAA",
		"long":                        strings.Repeat("lkf_", 10_000),
		"an id alone":                 "lkf_" + base64.RawURLEncoding.EncodeToString(in.ID[:]),
		"another session's signature": "lkf_" + base64.RawURLEncoding.EncodeToString(append(other.ID[:], decoded(t, good[4:])[16:]...)),
	} {
		if _, err := b.store.CheckForward(context.Background(), b.db, bad); !isDead(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func decoded(t *testing.T, s string) []byte {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
