package web_test

import (
	"strings"
	"testing"

	"latchkey/internal/factor"
	"latchkey/internal/policy"
)

// Each page of a sign-in that is opened before its time, or after, leads to the
// step that is due, and shows no secret on the way.
func TestPagesOutOfTurnLeadToTheStepThatIsDue(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	half, enrolling, proved := h.browser(), h.browser(), h.browser()
	half.signIn(h.person(factor.App).email, password).want("code", 200)
	for _, b := range []*browser{enrolling, proved} {
		p := h.person()
		h.exec(`UPDATE users SET required_from = $2 WHERE id = $1`, p.id, h.clock.Now())
		at := b.signIn(p.email, password).want("enrol", 200)
		if b == proved {
			at = b.submit(at, "enrol-email", nil)
			b.submit(at, "email-code", M{"code": h.mailed(p.email)}).want("gate", 200)
		}
	}
	for _, path := range []string{"/sign-in/code", "/sign-in/enrol", "/sign-in/enrol/app", "/sign-in/enrol/email", "/sign-in/recovery-keys", "/sign-in/recovery-keys.txt"} {
		half.get(path).want("code", 200)
		enrolling.get(path).want("enrol", 200)
		if path != "/sign-in/recovery-keys.txt" { // it is theirs
			proved.get(path).want("gate", 200)
		}
	}
}

// Who has recovery keys and noted them is shown none of them at the gate of
// another method: a sign-in by an old method must not give them out.
func TestKeysThatAreKeptAreNotShownAtTheGate(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b := h.person(factor.Email), h.browser()
	h.rules(func(r *policy.Rules) { r.EmailMethod = policy.Off })
	at := b.signIn(p.email, password).want("code", 200)
	at = b.submit(at, "code", M{"code": h.mailed(p.email)}).want("enrol", 200)
	at = b.submit(at, "enrol-app", nil).want("enrol_app", 200)
	gate := b.submit(at, "app-code", M{"code": codeAt(h, strings.ReplaceAll(at.text("#secret"), " ", ""), 0)}).want("gate", 200)
	for _, body := range []string{gate.Body, b.get("/sign-in/recovery-keys.txt").Body} {
		for _, key := range p.keys {
			if strings.Contains(body, key) {
				t.Fatal("a key is shown")
			}
		}
	}
	b.submit(gate, "keys-saved", M{"saved": "yes"}).want("security", 200)
}

// A form without a password says so, and charges nobody.
func TestAPasswordIsAskedFor(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b := h.person(), h.browser()
	at := b.submit(b.get("/sign-in"), "sign-in", M{"email": p.email}).want("sign_in", 400)
	at.says("#password-error", "Type your password")
	if h.count(`SELECT count(*) FROM password_meters`) != 0 || h.count(`SELECT count(*) FROM events WHERE subject_id = $1`, p.id) != 0 {
		t.Error("it is charged")
	}
}

// A recovery key is offered as long as one is left, at the second step and at
// a confirmation.
func TestARecoveryKeyIsOfferedWhileOneIsLeft(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, in, half := h.person(factor.App), h.browser(), h.browser()
	in.in(p)
	half.signIn(p.email, password)
	const key = `[data-way="recovery_key"]`
	for left := 2; left >= 0; left-- {
		h.exec(`UPDATE recovery_keys SET used_at = $2 WHERE user_id = $1 AND id NOT IN
			(SELECT id FROM recovery_keys WHERE user_id = $1 AND used_at IS NULL ORDER BY id LIMIT $3)`, p.id, h.clock.Now(), left)
		for path, b := range map[string]*browser{"/sign-in/code": half, "/account/confirm": in} {
			if got := b.get(path).has(key); got != (left > 0) {
				t.Errorf("%s: %d left, offered: %v", path, left, got)
			}
		}
	}
}

// The cookie of a trusted device lasts as long as the trust.
func TestTheCookieOfATrustedDevice(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.rules(func(r *policy.Rules) { r.TrustedDeviceDays = 9 })
	p, b := h.person(factor.App), h.browser()
	at := b.send(b.signIn(p.email, password), "code", M{"code": p.appCode(), "trust": "yes"})
	if got := at.cookie("trusted-device").MaxAge; got != 9*24*60*60 {
		t.Errorf("it lasts %d seconds", got)
	}
	if h.count(`SELECT count(*) FROM trusted_devices WHERE expires_at = $1`, h.clock.Now().AddDate(0, 0, 9)) != 1 {
		t.Error("the trust lasts otherwise")
	}
}

// The page of a confirmation offers what the policy takes, the preferred method
// first.
func TestWhatAConfirmationOffers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	type offers struct{ first, others string }
	see := func(b *browser) (o offers) {
		at := b.get("/account/confirm").want("confirm", 200)
		o.first = at.attr(`input[name="method"]`, "value")
		for _, s := range at.Doc.Find("[data-way]").EachIter() {
			o.others += s.AttrOr("data-way", "") + " "
		}
		return o
	}
	people := map[string][]factor.Kind{"app, email": {factor.App, factor.Email}, "email, app": {factor.Email, factor.App}, "email": {factor.Email}, "app": {factor.App}}
	in := map[string]*browser{}
	for name, methods := range people {
		in[name] = h.browser()
		in[name].in(h.person(methods...))
	}
	for use, want := range map[policy.Use]map[string]offers{
		policy.Allowed: {
			"app, email": {"app", "email recovery_key "}, "email, app": {"email", "app recovery_key "},
			"email": {"email", "recovery_key "}, "app": {"app", "recovery_key "},
		},
		policy.Fallback: {
			"app, email": {"app", "recovery_key "}, "email, app": {"app", "recovery_key "},
			"email": {"email", "recovery_key "}, "app": {"app", "recovery_key "},
		},
		policy.Off: {"email": {"recovery_key", ""}, "app": {"app", "recovery_key "}},
	} {
		h.rules(func(r *policy.Rules) { r.EmailMethod = use })
		for name, want := range want {
			if got := see(in[name]); got != want {
				t.Errorf("email is %s, on are %s: %+v, want %+v", use, name, got, want)
			}
		}
	}
}
