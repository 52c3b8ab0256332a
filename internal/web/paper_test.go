package web_test

import (
	"strings"
	"testing"

	"latchkey/internal/factor"
	"latchkey/internal/policy"
)

func TestKeysOnPaper(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b := h.person(factor.App), h.browser()
	b.in(p)
	if got := b.get("/account/recovery-keys/print"); got.name() != "confirm" {
		t.Fatalf("%s without a confirmation", got.name())
	}
	keys := b.sure(p, "/account/recovery-keys").want("keys", 200)
	h.exec(`UPDATE recovery_keys SET used_at = '2026-03-01', used_from = 'Firefox on Windows' WHERE user_id = $1 AND position = 2`, p.id)
	sheet := b.get(keys.attr("#print-view", "href")).want("keys_print", 200)
	sheet.says("main", p.email)
	sheet.says("main", strings.TrimPrefix(h.base, "http://"))
	if sheet.text(".large-keys s") != p.keys[1] || sheet.Doc.Find(".large-keys code").Length() != 10 {
		t.Errorf("%s", sheet.text(".large-keys"))
	}
	used := b.get("/account/recovery-keys")
	used.says(".keys .used", "1 March 2026")
	used.says(".keys .used", "from Firefox on Windows")
	h.rules(func(r *policy.Rules) { r.RecoveryKeysViewable = false })
	b.get("/account/recovery-keys/print").want("failure", 403)
}

func TestFewKeysAreToldOnTheSecurityPage(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b := h.person(factor.App), h.browser()
	if at := b.in(p); at.has("#low-keys") {
		t.Error("ten are few")
	}
	use := `UPDATE recovery_keys SET used_at = '2026-03-01', used_from = 'x' WHERE user_id = $1 AND position <= $2`
	h.exec(use, p.id, 6)
	if at := b.get("/account/security"); at.has("#low-keys") {
		t.Error("four are few")
	}
	h.exec(use, p.id, 7)
	b.get("/account/security").says("#low-keys", "3 recovery keys are left. Make new keys before")
	h.exec(use, p.id, 10)
	b.get("/account/security").says("#low-keys", "No recovery key is left")
}

// Each session says by which code it was proved, and how long ago; a trusted
// device was asked for none, and is listed where it ends.
func TestSessionsSayHowTheyWereProved(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, b := h.person(factor.App), h.browser()
	at := b.signIn(p.email, password).want("code", 200)
	at.says(".check", "30 days")
	b.submit(at, "code", M{"code": p.appCode(), "trust": "yes"}).want("security", 200)
	h.clock.Advance(2 * 60 * 60 * 1e9)
	b.get("/account/sessions").says("[data-proved]", "authenticator app, 2 hours ago")
	b.submit(b.get("/account/security"), "sign-out", nil)
	b.signIn(p.email, password).want("security", 200)
	at = b.get("/account/sessions")
	at.says("[data-proved]", "No code was asked for")
	at.says("#devices", "Firefox on Linux")
	b.submit(at, "end-device", nil).want("sessions", 200).says("#notice", "asked for a code again")
	b.submit(b.get("/account/security"), "sign-out", nil)
	b.signIn(p.email, password).want("code", 200)
}

// Under the stricter presets an admin's device is not trusted, and the page
// offers no box for it.
func TestWhereTrustIsNotOffered(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, admin := h.person(factor.App), h.person(factor.App)
	h.exec(`UPDATE users SET role = 'admin' WHERE id = $1`, admin.id)
	h.rules(func(r *policy.Rules) { r.EmailMethod, r.TrustedDeviceDays = policy.Fallback, 14 })
	if at := h.browser().signIn(p.email, password); !at.has("#trust") {
		t.Error("not offered to a user")
	}
	b := h.browser()
	at := b.signIn(admin.email, password).want("code", 200)
	if at.has("#trust") {
		t.Error("offered to an admin")
	}
	b.post("/sign-in/code", map[string][]string{"method": {"app"}, "code": {admin.appCode()}, "trust": {"yes"}})
	if n := h.count(`SELECT count(*) FROM trusted_devices`); n != 0 {
		t.Error("and trusted")
	}
	h.rules(func(r *policy.Rules) { r.TrustedDeviceDays = 0 })
	if at := h.browser().signIn(p.email, password); at.has("#trust") {
		t.Error("off, and offered")
	}
}
