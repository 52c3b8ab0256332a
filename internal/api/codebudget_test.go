package api_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/api/apitest"
	"latchkey/internal/factor"
	"latchkey/internal/pg"
)

// Invariant 4: wrong codes are counted on the account, whatever they were
// typed for.

// miss types one wrong code into a sign-in of its own.
func (p *person) miss() {
	p.h.t.Helper()
	p.verify(p.signIn(), "app", p.wrongCode()).WantProblem(422, "wrong_code")
}

// refused fails unless no code is judged now, not even the right one, for
// about so long, and nothing is charged.
func (p *person) refused(wait time.Duration) {
	p.h.t.Helper()
	before := p.h.charged(p.id)
	token := p.signIn() // the password step goes on: it shows at verify
	got := p.verify(token, "app", p.appCode()).WantProblem(429, "too_many_attempts").RetryAfter
	if !about(got, wait) {
		p.h.t.Errorf("after %d: again in %s, want %s", before, got, wait)
	}
	if n := p.h.charged(p.id); n != before {
		p.h.t.Errorf("a refused try was charged: %d, then %d", before, n)
	}
	if n := p.h.count(`SELECT count(*) FROM sessions WHERE user_id = $1`, p.id); n != 0 {
		p.h.t.Errorf("%d sessions while refused", n)
	}
}

func TestWaitsGrowFromTheFifthWrongCode(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	began := h.clock.Now()
	for range 5 {
		p.miss()
	}
	for _, wait := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute} {
		p.refused(wait)
		h.clock.Advance(wait - time.Second)
		p.refused(time.Second)
		h.clock.Advance(time.Second)
		p.miss()
	}
	// The tenth: until it has been an hour since the first, and one mail.
	p.refused(began.Add(time.Hour).Sub(h.clock.Now()))
	if n := h.mails("password_guessed", p.email); n != 1 {
		t.Errorf("%d mails warn of it, want 1", n)
	}
	h.clock.Set(began.Add(time.Hour))
	if p.verify(p.signIn(), "app", p.appCode()).Want(200); h.mails("password_guessed", p.email) != 1 {
		t.Error("another mail warns of it")
	}
}

func TestTwentyADayFreezeForADay(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	began := h.clock.Now()
	for judged := 0; judged < 20; {
		a := p.verify(p.signIn(), "app", p.wrongCode())
		if a.Status == 422 {
			judged++
			continue
		}
		h.clock.Advance(a.WantProblem(429, "too_many_attempts").RetryAfter)
	}
	if took := h.clock.Now().Sub(began); took >= 24*time.Hour {
		t.Fatalf("twenty took %s", took)
	}
	p.refused(24 * time.Hour)
	if frozen, guessed := h.mails("account_frozen", p.email), h.mails("password_guessed", p.email); frozen != 1 || guessed != 1 {
		t.Errorf("%d mails say frozen and %d guessed, want one each", frozen, guessed)
	}
	h.clock.Advance(24*time.Hour - time.Second)
	p.refused(time.Second)
	h.clock.Advance(time.Second)
	p.verify(p.signIn(), "app", p.nextAppCode()).Want(200)
}

func TestSixtyAMonthFreezeUntilThePasswordChanges(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	session := p.in()
	var old pg.Times
	for i := range 59 {
		old = append(old, h.clock.Now().AddDate(0, 0, -29).Add(time.Duration(i)*10*time.Hour))
	}
	h.exec(`UPDATE guards SET code_failures = $2 WHERE user_id = $1`, p.id, old)
	p.miss()
	h.exec(`DELETE FROM sessions WHERE id <> (SELECT id FROM sessions LIMIT 1)`)
	for _, on := range []time.Duration{0, 24 * time.Hour, 60 * 24 * time.Hour} {
		h.clock.Advance(on)
		p.verify(p.signIn(), "app", p.appCode()).WantProblem(429, "too_many_attempts")
	}
	// Somebody who confirmed before, or an admin, changes the password.
	now := h.clock.Now()
	h.exec(`UPDATE sessions SET last_seen_at = $1, expires_at = $2, confirmed_until = $2`, now, now.Add(time.Hour))
	h.api.As(session).Post("/me/password", apitest.M{"password": "seven lazy herons wade"}).Want(204)
	token := h.api.Post("/sign-ins", apitest.M{"email": p.email, "password": "seven lazy herons wade"}).Want(200).Text("sign_in_token")
	p.verify(token, "app", p.appCode()).Want(200)
}

func TestASuccessGivesNoGuessBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	for range 4 {
		p.miss()
	}
	p.verify(p.signIn(), "app", p.appCode()).Want(200)
	h.exec(`DELETE FROM sessions`)
	p.miss()
	h.clock.Advance(time.Second)
	p.refused(29 * time.Second)
}

func TestARestartGivesNoGuessBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	for range 5 {
		p.miss()
	}
	h.open()
	p.refused(30 * time.Second)
}

func TestAskingForTheCodeAgainGivesNoGuessBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withEmail)
	token := p.signIn()
	code := p.mailed(factor.SignInCode)
	for left := 4; left >= 0; left-- {
		got := p.verify(token, "email", other(code)).WantProblem(422, "wrong_code").AttemptsLeft
		if got == nil || *got != left {
			t.Errorf("attempts_left %v, want %d", got, left)
		}
		if left > 0 {
			h.clock.Advance(time.Minute)
			h.api.As(token).Post("/sign-ins/current/email-code", nil).Want(202)
		}
	}
	p.verify(token, "email", code).WantProblem(401, "unauthenticated")
	if n := h.charged(p.id); n != 5 {
		t.Errorf("%d charged", n)
	}
}

func TestAFifthWrongCodeKillsTheSignInAndNoOther(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	dead, alive := p.signIn(), p.signIn()
	for range 5 {
		p.verify(dead, "app", p.wrongCode()).WantProblem(422, "wrong_code")
	}
	h.clock.Advance(time.Minute)
	p.verify(dead, "app", p.appCode()).WantProblem(401, "unauthenticated")
	h.api.As(dead).Get("/sign-ins/current").WantProblem(401, "unauthenticated")
	h.api.As(dead).Post("/sign-ins/current/email-code", nil).WantProblem(401, "unauthenticated")
	p.verify(alive, "app", p.appCode()).Want(200)
}

// Zitadel counted per method: here five places have one budget.
func TestOneBudgetForEveryPlaceThatTakesACode(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, stranger := h.person(withApp, withEmail), h.person(withApp)
	session := p.confirmed()
	api := h.api.As(session)
	api.Post("/me/two-factor/enrolments", apitest.M{"method": "app", "name": "Tablet"}).Want(201)
	token := p.signIn()
	h.api.As(token).Post("/sign-ins/current/email-code", nil).Want(202)

	p.verify(token, "app", p.wrongCode()).WantProblem(422, "wrong_code")
	p.verify(token, "email", other(p.mailed(factor.SignInCode))).WantProblem(422, "wrong_code")
	p.verify(token, "recovery_key", stranger.keys[0]).WantProblem(422, "wrong_code")
	api.Post("/me/confirmations", apitest.M{"password": password, "method": "app", "code": p.wrongCode()}).WantProblem(422, "wrong_code")
	api.Post("/me/two-factor/enrolments/confirm", codeBody("app", "000000")).WantProblem(422, "wrong_code")
	if n := h.charged(p.id); n != 5 {
		t.Fatalf("%d charged, want 5", n)
	}
	for name, a := range map[string]*apitest.Response{
		"app": p.verify(token, "app", p.appCode()), "email": p.verify(token, "email", p.mailed(factor.SignInCode)),
		"recovery key": p.verify(token, "recovery_key", p.keys[0]),
		"confirmation": api.Post("/me/confirmations", apitest.M{"password": password, "method": "app", "code": p.appCode()}),
		"enrolment":    api.Post("/me/two-factor/enrolments/confirm", codeBody("app", p.appCode())),
	} {
		if a.Status != 429 || !about(a.Problem().RetryAfter, 30*time.Second) {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	if n := h.charged(p.id); n != 5 {
		t.Errorf("%d charged after refusals", n)
	}
}

func TestTheVerificationCodeIsOnTheSameBudget(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(unverified, withApp)
	api := h.api.As(p.in())
	api.Post("/me/email-verification", nil).Want(202)
	code := p.mailed(factor.VerifyEmail)
	for range 5 {
		api.Post("/me/email-verification/confirm", apitest.M{"code": other(code)}).WantProblem(422, "wrong_code")
	}
	api.Post("/me/email-verification/confirm", apitest.M{"code": code}).WantProblem(429, "too_many_attempts")
	p.verify(p.signIn(), "app", p.appCode()).WantProblem(429, "too_many_attempts")
}

// Whoever hangs up before the answer has guessed all the same.
func TestAGuessIsChargedWhenTheCallerHangsUp(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	token := p.signIn()
	held, release := make(chan struct{}), make(chan struct{})
	done := make(chan error, 2)
	go func() { // somebody else holds the guard, so that the guess has to wait
		done <- h.db.InTx(context.Background(), func(tx *pg.Tx) error {
			var id uuid.UUID
			err := tx.Get(&id, `SELECT user_id FROM guards WHERE user_id = $1 FOR UPDATE`, p.id)
			close(held)
			<-release
			return err
		})
	}()
	<-held
	ctx, hangUp := context.WithCancel(t.Context())
	go func() {
		done <- h.send(ctx, token, "/sign-ins/current/verify", `{"method":"app","code":"`+p.wrongCode()+`"}`)
	}()
	h.until("the guess waits for the guard", func() bool {
		return h.count(`SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`) > 0
	})
	hangUp()
	if err := <-done; err == nil {
		t.Fatal("the caller got an answer")
	}
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	h.until("the guess is charged", func() bool { return h.charged(p.id) == 1 })
}
