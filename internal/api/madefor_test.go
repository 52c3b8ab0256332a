package api_test

import (
	"testing"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	"latchkey/internal/pg/pgtest"
	"latchkey/internal/signin"
)

// An account that the host makes for somebody stands at once, in the role that
// it was given; only an address that is not proved gets a code for it. It is
// made whole or not at all.
func TestAnAccountThatIsMadeForSomebody(t *testing.T) {
	t.Parallel()
	f := pgtest.NewFailing()
	h := newHouse(t, pgtest.Before(f.Before))
	all := func(email string) int {
		return h.count(`SELECT (SELECT count(*) FROM users WHERE email = $1) + (SELECT count(*) FROM mails WHERE recipient = $1)
			+ (SELECT count(*) FROM events WHERE action = 'user_created')`, email)
	}
	for email, verified := range map[string]bool{"ann@example.org": true, "bob@example.org": false} {
		create := func(at int) (account.User, []string, error) {
			f.From(at)
			u, err := h.app.SignIn.CreateUser(t.Context(), audit.Actor{Kind: audit.Host},
				signin.Person{Email: email, Name: "Ann", Password: password}, account.Admin, verified)
			return u, f.Stop(), err
		}
		before := all(email)
		for at := 1; ; at++ {
			u, seen, err := create(at)
			if at <= len(seen) {
				if err == nil || all(email) != before {
					t.Fatalf("statement %d failed, and left something (%v): %s", at, err, seen[at-1])
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if h.count(`SELECT count(*) FROM users WHERE id = $1 AND email = $2 AND role = 'admin' AND status = 'active'
				AND (email_verified_at IS NOT NULL) = $3 AND created_at = $4`, u.ID, email, verified, h.clock.Now()) != 1 {
				t.Errorf("%s is not there as it was to be", email)
			}
			if !u.CreatedAt.Equal(h.clock.Now()) || u.Role != account.Admin || u.EmailVerified != verified {
				t.Errorf("told of %+v", u)
			}
			if h.count(`SELECT count(*) FROM events WHERE subject_id = $1 AND action = 'user_created' AND data->>'role' = 'admin' AND actor_kind = 'host'`, u.ID) != 1 {
				t.Errorf("%s: %s", email, h.events(u.ID))
			}
			if told := h.mails("verify_email", email) == 1; told == verified {
				t.Errorf("%s: a code was mailed: %v", email, told)
			}
			break
		}
	}
	if _, err := h.app.SignIn.CreateUser(t.Context(), audit.Actor{Kind: audit.Host}, signin.Person{Email: "eve", Password: "x"}, account.Member, true); err == nil {
		t.Error("one without an address is made")
	}
}
