package api_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"latchkey/internal/api/apitest"
	"latchkey/internal/config"
	"latchkey/internal/factor"
	"latchkey/internal/pg/pgtest"
)

// limited is a house with budgets per address, behind a proxy that says where
// a request comes from; 10.1.0.0/16 is exempt.
func limited(t *testing.T, options ...pgtest.Option) *house {
	t.Helper()
	h := &house{t: t, url: pgtest.URL(t), clock: pgtest.NewClock(noon), keys: keyset(), log: &safeBuffer{}}
	h.set = func(c *config.Config) {
		c.IPLimits = true
		c.IPLimitsExempt = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}
	h.open(options...)
	return h
}

// from is the API as called from an address.
func (h *house) from(address string) *apitest.Client { return h.api.Header("X-Forwarded-For", address) }

func wrongPassword(n int) apitest.M {
	return apitest.M{"email": fmt.Sprintf("nobody%d@example.org", n), "password": "not the one"}
}

func TestWrongPasswordsPerAddress(t *testing.T) {
	t.Parallel()
	h := limited(t)
	p := h.person()
	h.exec(`INSERT INTO ip_meters (kind, network, spent, updated_at)
		SELECT 'password', '2001:db8:1:2::/64', array_agg($1::timestamptz), $1 FROM generate_series(1, 22)`, h.clock.Now())
	var asks []ask
	for i := range 12 { // all at other accounts, which have meters of their own
		asks = append(asks, func(*apitest.Client) *apitest.Response {
			r, err := h.from(fmt.Sprintf("2001:db8:1:2::%x", i)).Try("POST", "/sign-ins", wrongPassword(i))
			if err != nil {
				t.Error(err)
			}
			return r
		})
	}
	// In small crowds: the queue of the hash has an end of its own.
	var answers []*apitest.Response
	for part := 0; part < len(asks); part += 4 {
		answers = append(answers, h.together(asks[part:part+4]...)...)
	}
	if got := tally(answers); got["401 wrong_credentials"] != 8 || got["429 too_many_attempts"] != 4 {
		t.Errorf("of 12 more wrong passwords from one /64, after 22: %v", got)
	}
	right := apitest.M{"email": p.email, "password": password}
	refused := h.from("2001:db8:1:2:ffff::1").Post("/sign-ins", right).WantProblem(429, "too_many_attempts")
	if wait := refused.RetryAfter; !about(wait, 15*time.Minute) {
		t.Errorf("wait %v", wait)
	}
	h.from("2001:db8:1:3::1").Post("/sign-ins", right).Want(200) // the neighbours
	h.from("192.0.2.1").Post("/sign-ins", right).Want(200)
	h.clock.Advance(15*time.Minute + time.Second)
	h.from("2001:db8:1:2::1").Post("/sign-ins", right).Want(200)
	h.from("2001:db8:1:2::1").Post("/sign-ins", wrongPassword(99)).WantProblem(401, "wrong_credentials")
}

func TestWrongPasswordsOfAnExemptAddress(t *testing.T) {
	t.Parallel()
	h := limited(t)
	for i := range 32 {
		h.from("10.1.2.3").Post("/sign-ins", wrongPassword(i)).WantProblem(401, "wrong_credentials")
	}
}

// TestWrongPasswordsAtAConfirmation count on the address too.
func TestWrongPasswordsAtAConfirmation(t *testing.T) {
	t.Parallel()
	h := limited(t)
	p := h.person()
	token := p.in()
	h.exec(`INSERT INTO ip_meters (kind, network, spent, updated_at)
		SELECT 'password', '192.0.2.7', array_agg($1::timestamptz), $1 FROM generate_series(1, 29)`, h.clock.Now())
	try := func() *apitest.Response {
		return h.from("192.0.2.7").As(token).Post("/me/confirmations", apitest.M{"password": "not the one"})
	}
	try().WantProblem(401, "wrong_credentials")
	try().WantProblem(429, "too_many_attempts")
	h.from("192.0.2.8").As(token).Post("/me/confirmations", apitest.M{"password": password}).Want(200)
}

func TestSignUpsPerAddress(t *testing.T) {
	t.Parallel()
	h := limited(t)
	signUp := func(n int) *apitest.Response {
		return h.from("192.0.2.1").Post("/sign-ups", apitest.M{
			"email": fmt.Sprintf("new%d@example.org", n), "name": "Ada", "password": password,
		})
	}
	h.exec(`INSERT INTO ip_meters (kind, network, spent, updated_at)
		SELECT 'sign_up', '192.0.2.1', array_agg($1::timestamptz), $1 FROM generate_series(1, 58)`, h.clock.Now())
	signUp(1).Want(201)
	signUp(1).Want(201) // taken: counts alike
	refused := signUp(2).WantProblem(429, "too_many_attempts")
	if wait := refused.RetryAfter; !about(wait, time.Hour) {
		t.Errorf("wait %v", wait)
	}
	h.clock.Advance(time.Hour + time.Second)
	signUp(2).Want(201)
}

// TestCodeMailsPerAddress: asking is refused, a sign-in only holds its code.
func TestCodeMailsPerAddress(t *testing.T) {
	t.Parallel()
	h := limited(t)
	p := h.person(withEmail)
	h.exec(`INSERT INTO ip_meters (kind, network, spent, updated_at)
		SELECT 'code_mail', '192.0.2.1', array_agg($1::timestamptz), $1 FROM generate_series(1, 59)`, h.clock.Now())
	credentials := apitest.M{"email": p.email, "password": password}
	first := h.from("192.0.2.1").Post("/sign-ins", credentials).Want(200)
	if first.Text("delivery") != "queued" {
		t.Errorf("the sixtieth: %v", first.Field("delivery"))
	}
	second := h.from("192.0.2.1").Post("/sign-ins", credentials).Want(200)
	if second.Text("delivery") != "held" {
		t.Errorf("the next: %v", second.Field("delivery"))
	}
	h.from("192.0.2.1").As(second.Text("sign_in_token")).Post("/sign-ins/current/email-code", nil).WantProblem(429, "too_many_emails")
	h.from("192.0.2.1").Post("/password-resets", apitest.M{"email": p.email}).WantProblem(429, "too_many_emails")
	h.from("192.0.2.2").Post("/password-resets", apitest.M{"email": p.email}).Want(202)
	h.from("192.0.2.1").As(first.Text("sign_in_token")).Post("/sign-ins/current/verify",
		apitest.M{"method": "email", "code": p.mailed(factor.SignInCode)}).Want(200)
}
