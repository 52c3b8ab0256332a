package web_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"latchkey/internal/factor"
	"latchkey/internal/policy"
)

// The overview says what is on, how strong it is, what is left and why.
func TestTheSecurityOverview(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	none, b := h.person(), h.browser()
	at := b.in(none).want("offer", 200)
	at = b.submit(at, "put-off", nil).want("security", 200)
	at.says("main", "Your password alone signs you in")
	at.says("#why", "You are not asked for a code")

	both, b := h.person(factor.App, factor.Email), h.browser()
	at = b.in(both).want("security", 200)
	at.says(`[data-method="app"]`, "Authenticator app: stronger")
	at.says(`[data-method="app"]`, "Asked first")
	at.says(`[data-method="email"]`, "Email: as safe as your mailbox")
	at.says("#keys-left", "10 of 10 left")
	at.says("#why", "You turned two-factor on yourself")
	if at.has("#add-email") || !at.has("#add-app") {
		t.Error("what may be added is wrong")
	}

	h.exec(`UPDATE recovery_keys SET used_at = now(), used_from = 'Firefox' WHERE user_id = $1 AND position > 2`, both.id)
	h.exec(`UPDATE users SET email_verified_at = NULL WHERE id = $1`, both.id)
	h.exec(`UPDATE recovery_sets SET saved_at = NULL WHERE user_id = $1`, both.id)
	h.rules(func(r *policy.Rules) { r.Require = policy.Everyone; r.GraceDays = 0 })
	at = b.get("/account/security")
	at.says("#keys-left", "2 of 10 left")
	at.says("#unsaved", "not said yet")
	at.says("#unverified", "not verified")
	at.says("#why", "The security policy here requires two-factor. It holds since 2 March 2026")

	// The last method stays while a rule asks for it; the page says so.
	at = b.sure(both, "/account/security/off").want("turn_off", 200)
	b.submit(at, "turn-off", nil).want("turn_off", 403).says("#error-summary", "Two-factor is required")
	h.exec(`UPDATE users SET required_from = '2026-03-01' WHERE id = $1`, both.id)
	b.get("/account/security").says("#why", "An administrator requires")
	h.exec(`UPDATE users SET reset_at = '2026-03-01' WHERE id = $1`, both.id)
	b.get("/account/security").says("#why", "was reset")
}

// Keys are seen after a confirmation; used ones are struck through. A key can
// be checked without being used up.
func TestRecoveryKeysInTheAccount(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b := h.person(factor.App), h.browser()
	b.in(p)
	if got := b.get("/account/recovery-keys.txt"); got.name() != "confirm" {
		t.Fatalf("%s without a confirmation", got.name())
	}
	at := b.sure(p, "/account/recovery-keys").want("keys", 200)
	if at.has("#done") || !strings.Contains(at.text("#keys-text"), p.keys[3]) {
		t.Error("kept keys ask to be kept")
	}
	h.exec(`UPDATE recovery_keys SET used_at = '2026-03-01', used_from = 'Firefox' WHERE user_id = $1 AND position = 2`, p.id)
	at = b.get("/account/recovery-keys")
	if at.text(".keys s") != p.keys[1] {
		t.Errorf("struck through: %q", at.text(".keys s"))
	}
	at.says(".keys .used", "1 March 2026")

	check := b.get("/account/recovery-keys/check").want("key_check", 200)
	old, _ := factor.CanonicalRecoveryKey(p.keys[0])
	for typed, state := range map[string]string{
		strings.ToLower(p.keys[0]): "unused", p.keys[1]: "used", "0000-0000-0000-0000": "unknown", old: "unused", "nonsense": "unknown",
	} {
		got := b.submit(check, "check-key", M{"key": typed}).want("key_check", 200)
		if got.attr("#key-state", "data-state") != state {
			t.Errorf("%s is %s", typed, got.attr("#key-state", "data-state"))
		}
	}
	b.submit(check, "check-key", nil).want("key_check", 400).says("#key-error", "Type the recovery key")
	at = b.submit(b.get("/account/recovery-keys/new"), "new-keys", nil).want("keys", 200)
	b.submit(check, "check-key", M{"key": p.keys[0]}).says("#key-state", "older set")
	b.submit(at, "keys-saved", M{"saved": "yes"}).want("security", 200)

	// Where the policy shows keys once, that was it.
	h.rules(func(r *policy.Rules) { r.RecoveryKeysViewable = false })
	at = b.get("/account/recovery-keys").want("keys", 200)
	at.says("main", "can't be shown again")
	if at.has("#keys-text") {
		t.Error("they are shown")
	}
	b.get("/account/recovery-keys.txt").want("failure", 403)
}

func TestSessionsEndFromAnother(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(factor.Email)
	one, two, three := h.browser(), h.browser(), h.browser()
	for _, b := range []*browser{one, two, three} {
		b.in(p).want("security", 200)
	}
	at := one.get("/account/sessions").want("sessions", 200)
	at.says("main", "Password and email code")
	if n := at.Doc.Find("#sessions [data-session]").Length(); n != 2 {
		t.Fatalf("%d others", n)
	}
	end := at.Doc.Find(`[data-form="end-session"]`).First().AttrOr("action", "")
	one.follow(one.post(end, nil)).says("#notice", "That session has ended")
	one.follow(one.post(end, nil)).says("#notice", "already done")
	three.get("/account/security").want("sign_in", 200)
	one.submit(at, "end-others", nil).says("main", "Nowhere else")
	two.get("/account/security").want("sign_in", 200)

	// Another's session is nobody's.
	other := h.browser()
	other.in(h.person())
	var id uuid.UUID
	if err := h.db.GetContext(t.Context(), &id, `SELECT id FROM sessions WHERE user_id = $1`, p.id); err != nil {
		t.Fatal(err)
	}
	other.follow(other.post("/account/sessions/"+id.String()+"/end", nil))
	one.get("/account/sessions").want("sessions", 200)
}

func TestActivityInPlainWords(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b := h.person(factor.App), h.browser()
	b.signIn(p.email, "wrong")
	b.in(p)
	at := b.get("/account/activity").want("activity", 200)
	at.says("#events", "Signed in with authenticator app")
	at.says("#events .alert", "A wrong password was typed")
	at.says("#events", "Firefox on Linux")
	h.exec(`INSERT INTO events (at, action, actor_kind, subject_id) SELECT now(), 'signed_out', 'user', $1 FROM generate_series(1, 40)`, p.id)
	at = b.get("/account/activity")
	b.get(at.attr("#older", "href")).want("activity", 200).says("#events", "Signed in with")
}

func TestProfile(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b := h.person(factor.App, factor.Email), h.browser()
	b.in(p)
	at := b.get("/account/profile").want("profile", 200)
	at.says("#email", "Verified")
	got := b.submit(at, "profile", M{"name": ""}).want("profile", 400)
	got.says("#name-error", "Tell us what to call you")
	got = b.submit(at, "profile", M{"name": "Ada L.", "preferred_method": "email"}).want("profile", 200)
	if got.attr("#name", "value") != "Ada L." || !got.has("#preferred-email[checked]") {
		t.Error("not saved")
	}
	b.submit(at, "profile", M{"preferred_method": "fax"}).want("profile", 400).says("#preferred_method-error", "Turn this method on")
}

// A confirmation asks for the password and a code of any method, and goes on
// to where it was asked for, on our own pages only.
func TestConfirmation(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b := h.person(factor.App, factor.Email), h.browser()
	b.in(p)
	at := b.get("/account/password").want("confirm", 200)
	got := b.submit(at, "confirm", nil).want("confirm", 400)
	got.says("#password-error", "Type your password")
	got.says("#code-error", "Type the code")
	b.submit(at, "confirm", M{"password": "wrong", "code": "000000"}).want("confirm", 401).says("#password-error", "not the password of this account")
	b.submit(at, "confirm", M{"password": password, "code": "000000"}).want("confirm", 422).says("#code-error", "not the code")
	mail := b.get(at.attr(`[data-way="email"]`, "href")).want("confirm", 200)
	mail = b.submit(mail, "send-code", nil).want("confirm", 200)
	mail.says("#delivery", "on its way")
	b.get("/account/confirm/delivery")
	if mail.attr(`form[data-form="confirm"] input[name="return_to"]`, "value") != "/account/password" {
		t.Error("the way back is lost")
	}
	key := b.get(at.attr(`[data-way="recovery_key"]`, "href")).want("confirm", 200)
	if !key.has("input.key") {
		t.Error("no field for a recovery key")
	}
	b.submit(mail, "confirm", M{"password": password, "code": h.mailed(p.email)}).want("password", 200)

	for _, away := range []string{"//evil.example", `/\evil.example`, "/%5cevil.example", "https:evil.example", "javascript:alert(1)"} {
		at := b.get("/account/confirm?return_to="+url.QueryEscape(away)).want("confirm", 200)
		if at.has(`input[name="return_to"]`) {
			t.Errorf("%s is kept", away)
		}
		got := b.post("/account/confirm", url.Values{"password": {password}, "method": {"app"}, "code": {p.appCode()}, "return_to": {away}})
		if got.Status != 303 || got.Header.Get("Location") != "/account/security" {
			t.Errorf("%s leads to %d %s", away, got.Status, got.Header.Get("Location"))
		}
	}
}

// Adding and replacing an app, by name; three are the most.
func TestApps(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b := h.person(factor.App), h.browser()
	at := b.in(p)
	at = b.sure(p, at.attr(`[data-method="app"] a[href*="replaces"]`, "href")).want("add_app_begin", 200)
	at.says("h1", "Replace Phone")
	at = b.submit(at, "begin-app", M{"name": "New phone"}).want("add_app", 200)
	secret := strings.ReplaceAll(at.text("#secret"), " ", "")
	b.submit(at, "app-code", M{"code": "000000"}).want("add_app", 422).says("#code-error", "not the code")
	b.submit(at, "app-code", M{"code": codeAt(h, secret, 12)}).want("add_app", 422).says("#code-error", "6 minutes ahead")
	at = b.submit(at, "app-code", M{"code": codeAt(h, secret, 0)}).want("security", 200)
	if at.text(`[data-method="app"] strong`) != "New phone" {
		t.Errorf("%q", at.text(`[data-method="app"] strong`))
	}
	b.get("/account/security/app/code").says("#notice", "already done")
	p.secret = secret
	for range 2 {
		at = b.submit(b.sure(p, "/account/security/app"), "begin-app", nil).want("add_app", 200)
		b.submit(at, "app-code", M{"code": codeAt(h, strings.ReplaceAll(at.text("#secret"), " ", ""), 0)}).want("security", 200)
	}
	at = b.submit(b.sure(p, "/account/security/app"), "begin-app", M{"name": "Fourth"}).want("add_app_begin", 409)
	at.says("#error-summary", "You have 3 apps")
	b.submit(b.get("/account/security/app"), "begin-app", M{"name": strings.Repeat("x", 100)}).want("add_app_begin", 400).says("#name-error", "at most")
}

// An app behind forward-auth that asks for a second factor is no change of the
// account: the page says what is wanted, asks for that first, and tells whoever
// has none where to get one.
func TestAnAppAsksForAConfirmation(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const page = "/account/confirm?return_to=/apps/continue"
	both, b := h.person(factor.Email, factor.App), h.browser()
	b.in(both)
	b.get("/account/confirm").want("confirm", 200).one(`input[name="method"][value="email"]`)
	at := b.get(page).want("confirm", 200)
	at.says("main", "The app that you are on your way to asks for more")
	at.one(`input[name="method"][value="app"]`)
	if at.has("#lacks-app") {
		t.Error("an app that is on is not seen")
	}
	for _, methods := range [][]factor.Kind{{factor.Email}, nil} {
		who, b := h.person(methods...), h.browser()
		b.in(who)
		b.get(page).want("confirm", 200).one(`#lacks-app a[href="/account/security/app"]`)
	}
}
