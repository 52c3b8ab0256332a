package api_test

import (
	"strings"
	"testing"
	"time"

	"latchkey/internal/api/apitest"
	"latchkey/internal/pg"
)

func (h *house) password(email, typed string) *apitest.Response {
	h.t.Helper()
	return h.api.Post("/sign-ins", apitest.M{"email": email, "password": typed})
}

// A missing account answers alike, and so does one that is disabled or has no
// password.
func TestThePasswordMeterIsTheSameForEverybody(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person()
	for name, email := range map[string]string{
		"an account": p.email, "nobody": "nobody@example.org",
		"disabled": h.person(disabled).email, "no password": h.person(withoutPassword).email,
	} {
		t.Run(name, func(t *testing.T) {
			h := h.in(t)
			for range 5 {
				h.password(email, "not it").WantProblem(401, "wrong_credentials")
			}
			for _, s := range []int{2, 4, 8, 16, 32, 60, 60} {
				wait := time.Duration(s) * time.Second
				if got := h.password(email, "not it").WantProblem(429, "too_many_attempts").RetryAfter; got != wait {
					t.Errorf("again in %s, want %s", got, wait)
				}
				h.clock.Advance(wait - time.Second)
				h.password(email, "not it").WantProblem(429, "too_many_attempts")
				h.clock.Advance(time.Second)
				h.password(email, "not it").WantProblem(401, "wrong_credentials")
			}
		})
	}
}

// It is never a hard lock, and a success resets nothing.
func TestTheRightPasswordGetsInBetweenWrongOnes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person()
	for range 5 {
		h.password(p.email, "not it").WantProblem(401, "wrong_credentials")
	}
	h.password(p.email, password).WantProblem(429, "too_many_attempts")
	h.clock.Advance(2 * time.Second)
	h.password(p.email, password).Want(200)
	h.password(p.email, "not it").WantProblem(401, "wrong_credentials")
	if got := h.password(p.email, password).WantProblem(429, "too_many_attempts").RetryAfter; got != 4*time.Second {
		t.Errorf("again in %s, want 4 s: a success gave guesses back", got)
	}
}

// The right password of a disabled account must not be told from a wrong one
// by a meter that stands still.
func TestADisabledAccountIsNoOracleForItsPassword(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(disabled)
	for range 5 {
		h.password(p.email, password).WantProblem(401, "wrong_credentials")
	}
	h.password(p.email, password).WantProblem(429, "too_many_attempts")
}

func TestAHundredWrongPasswordsADay(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person()
	h.password(p.email, "not it").WantProblem(401, "wrong_credentials")
	began := h.clock.Now()
	var failures pg.Times
	for i := range 99 {
		failures = append(failures, began.Add(time.Duration(i)*time.Second))
	}
	h.exec(`UPDATE password_meters SET failures = $1`, failures)
	h.clock.Advance(time.Hour)
	h.password(p.email, "not it").WantProblem(401, "wrong_credentials")
	if got := h.password(p.email, password).WantProblem(429, "too_many_attempts").RetryAfter; got != 23*time.Hour {
		t.Errorf("again in %s, want 23h", got)
	}
	h.clock.Set(began.Add(24 * time.Hour))
	h.password(p.email, password).Want(200)
}

// Authelia CVE-2025-24806: one account, named by variants, counted apart.
func TestVariantsOfAnAddressShareOneMeter(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person()
	variants := []string{p.email, strings.ToUpper(p.email), " " + p.email + " ", strings.Replace(p.email, "@example", "@EXAMPLE", 1), strings.Replace(p.email, "p", "P", 1)}
	for _, email := range variants {
		if a := h.password(email, "not it"); a.Status != 401 && a.Status != 400 {
			t.Errorf("%q: %d %s", email, a.Status, a.Body)
		} else if a.Status == 400 { // not taken as an address at all
			h.password(p.email, "not it").WantProblem(401, "wrong_credentials")
		}
	}
	h.password(p.email, password).WantProblem(429, "too_many_attempts")
}

func TestAPasswordAtAConfirmationIsOnThePasswordMeter(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	session := p.in()
	confirm := func(typed string) *apitest.Response {
		return h.api.As(session).Post("/me/confirmations", apitest.M{"password": typed, "method": "app", "code": p.appCode()})
	}
	h.clock.Advance(30 * time.Second) // a code that is still to be spent
	for range 5 {
		// The right code beside it is neither spent nor charged.
		confirm("not it").WantProblem(401, "wrong_credentials")
	}
	confirm(password).WantProblem(429, "too_many_attempts")
	h.password(p.email, password).WantProblem(429, "too_many_attempts")
	if n := h.charged(p.id); n != 0 {
		t.Errorf("%d wrong codes charged", n)
	}
	h.clock.Advance(2 * time.Second)
	confirm(password).Want(200)
}
