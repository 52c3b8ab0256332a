package api_test

import (
	"testing"
	"time"

	"latchkey/internal/api/apitest"
	"latchkey/internal/pg/pgtest"
	"latchkey/internal/policy"
)

func TestARecoveryPassLeadsToAnEnrolmentAndNothingElse(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.MaxConns(crowd))
	_, boss := h.boss()
	p := h.person(withApp)
	lost := p.secret
	made := boss.Post(at(p, "/recovery-pass"), apitest.M{"reason": "lost the phone"}).Want(201)
	pass := made.Text("recovery_pass")
	if !about(made.Time("expires_at").Sub(h.clock.Now()), time.Hour) || h.mails("recovery_pass", p.email) != 0 {
		t.Errorf("%s", made.Body)
	}
	// It is no recovery key, and fits no one else.
	p.verify(p.signIn(), "recovery_key", pass).WantProblem(422, "wrong_code")
	other := h.person(withApp)
	other.verify(other.signIn(), "recovery_pass", pass).WantProblem(422, "wrong_code")

	var asks []ask
	tokens := p.signIns(8)
	for _, token := range tokens {
		asks = append(asks, h.post(token, "/sign-ins/current/verify", codeBody("recovery_pass", " "+pass+" ")))
	}
	answers := h.together(asks...)
	one(t, h, answers, "422 code_used", "429 too_many_attempts")
	var open string
	for i, a := range answers {
		if a.Status == 200 {
			open = tokens[i]
			if a.Text("status") != "enrolment" || a.Field("session_token") != nil || a.Field("skippable_until") != nil {
				t.Fatalf("%s", a.Body)
			}
		}
	}
	h.api.As(open).Post("/sign-ins/current/complete", apitest.M{"skip": true}).WantProblem(409, "conflict")
	h.api.As(open).Post("/sign-ins/current/complete", apitest.M{"recovery_keys_saved": true}).WantProblem(409, "conflict")
	boss.Post(at(p, "/unlock"), nil).Want(204) // the race cost tries
	_, keys := p.enrolApp(open)
	if len(keys) != 10 || h.mails("recovery_keys_regenerated", p.email) != 1 {
		t.Errorf("%d new keys", len(keys))
	}
	// Nothing was replaced silently: the lost app is still on, and can be seen.
	if n := h.count(`SELECT count(*) FROM methods WHERE user_id = $1`, p.id); n != 2 {
		t.Errorf("%d methods", n)
	}
	p.verify(p.signIn(), "recovery_key", p.keys[0]).WantProblem(422, "wrong_code")
	h.clock.Advance(time.Minute)
	if p.verify(p.signIn(), "app", codeOf(h, lost, 0)).Want(200).Text("status") != "complete" {
		t.Error("the old app was turned off")
	}
}

func TestARecoveryPassRunsOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, boss := h.boss()
	p := h.person(withEmail)
	first := boss.Post(at(p, "/recovery-pass"), nil).Want(201).Text("recovery_pass")
	if h.mails("recovery_pass", p.email) != 1 { // no app, and resets need no other channel
		t.Error("not mailed")
	}
	second := boss.Post(at(p, "/recovery-pass"), nil).Want(201).Text("recovery_pass")
	p.verify(p.signIn(), "recovery_pass", first).WantProblem(422, "code_used")
	h.clock.Advance(time.Hour + time.Second)
	p.verify(p.signIn(), "recovery_pass", second).WantProblem(422, "code_expired")
	boss2 := h.api.As(boss2(h))
	boss2.Post(at(h.person(), "/recovery-pass"), nil).WantProblem(409, "conflict") // nothing to get past

	h.rules(func(r *policy.Rules) { r.ResetRequiresOtherChannel = true })
	boss2.Post(at(p, "/recovery-pass"), nil).Want(201)
	if n := h.mails("recovery_pass", p.email); n != 2 {
		t.Errorf("%d passes were mailed", n)
	}
}

func TestASecondAdminApprovesARecoveryPass(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, boss := h.boss()
	p := h.person(withApp)
	support := h.api.As(h.person(asSupport).confirmed())
	second := h.api.As(boss2(h))
	h.rules(func(r *policy.Rules) { r.RecoveryPassApproval = true })
	ask := func(c *apitest.Client, want int) *apitest.Response {
		t.Helper()
		return c.Post(at(p, "/recovery-pass"), nil).Want(want)
	}
	ask(boss, 202)
	ask(boss, 202)    // asking twice approves nothing
	ask(support, 202) // nor does support, whose asking now stands
	pass := ask(second, 201).Text("recovery_pass")
	if got := p.verify(p.signIn(), "recovery_pass", pass).Want(200); got.Text("status") != "enrolment" {
		t.Errorf("%s", got.Body)
	}
	ask(boss, 202) // the next one begins anew
	h.clock.Advance(4 * time.Minute)
}
