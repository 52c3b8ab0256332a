package web_test

import (
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"latchkey/internal/account"
	"latchkey/internal/factor"
	"latchkey/internal/policy"
)

// rehearse fills the policy's form in and goes to what would happen.
func (b *browser) rehearse(fields M) *page {
	b.t.Helper()
	return b.submit(b.get("/admin/policy").want("admin_policy", 200), "policy", fields)
}

func (p *page) effect(name string) string { return p.text(`[data-effect="` + name + `"] dd`) }

func TestAPolicyIsRehearsedBeforeItIsSaved(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, me := h.desk()
	none, byMail, app := h.person(), h.person(factor.Email), h.person(factor.App)

	at := b.rehearse(M{"require": "everyone", "grace_days": "0", "email_method": "off"}).want("admin_review", 200)
	for name, want := range map[string]string{"must_enrol": "3", "lose_only_method": "1", "email_only": "1", "tokens": "0"} {
		if got := at.effect(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	for p, touched := range map[*person]bool{none: true, byMail: true, app: false, me: true} {
		if at.has(`#affected tr[data-user="`+p.id.String()+`"]`) != touched {
			t.Errorf("%s: touched is %v", p.email, !touched)
		}
	}
	at.says("#myself", "This includes you")
	at.says(".changes", "Require two-factor of Nobody Everyone")
	at.says("#says-enrol", "3 people")
	file := b.get(at.attr("#rehearsal-csv", "href"))
	rows, err := csv.NewReader(strings.NewReader(file.Body)).ReadAll()
	if err != nil || len(rows) != 4 || file.Header.Get("Content-Type") != "text/csv; charset=utf-8" ||
		!strings.Contains(file.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("%v %v %v", err, rows, file.Header)
	}
	if h.count(`SELECT count(*) FROM policies`) != 1 {
		t.Error("looking saved it")
	}

	// Going back loses nothing.
	back := b.get(at.attr("#change-again", "href")).want("admin_policy", 200)
	if !back.has(`input[name="require"][value="everyone"][checked]`) || back.attr("#grace_days", "value") != "0" {
		t.Error("what was typed is lost")
	}

	// Six minutes later the save asks who it is, and comes back to the review.
	h.clock.Advance(6 * time.Minute)
	at = b.submit(at, "save-policy", nil).want("confirm", 200)
	at = b.submit(at, "confirm", M{"password": password}).want("admin_review", 200)
	elsewhere := h.browser()
	elsewhere.in(app)
	at = b.submit(at, "save-policy", nil).want("admin_policy", 200)
	at.says("#notice", "Saved")
	at.says("#version", "Version 2, saved by Ada")
	elsewhere.get("/account/profile").want("profile", 200) // running sessions go on

	// What was said is what happens.
	h.browser().signIn(none.email, password).want("enrol", 200)
	h.browser().in(byMail).want("enrol", 200)
	h.browser().in(app).want("security", 200)

	history := b.get("/admin/policy/history").want("admin_history", 200)
	history.says(`[data-version="2"]`, "Ada")
	history.says(`[data-version="2"] .changes`, "Codes by email Allowed Off")
	history.says(`[data-version="1"]`, "The first version")
}

func TestEndingAllSessionsIsAskedForByItself(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := h.desk()
	elsewhere := h.browser()
	elsewhere.in(h.person())
	at := b.rehearse(M{"password_min_length": "14"}).want("admin_review", 200)
	b.submit(at, "save-policy", M{"end_sessions": "yes"}).want("admin_policy", 200)
	elsewhere.get("/account/profile").want("sign_in", 200)
}

func TestImpossibleRulesComeBackByField(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := h.desk()
	for field, fields := range map[string]M{
		"grace_days":           {"grace_days": "a week"},
		"password_min_length":  {"password_min_length": "3"},
		"starts_at":            {"starts_at": "2020-01-01"},
		"session_idle_minutes": {"session_idle_minutes": "30000", "session_lifetime_hours": "1"},
		"require":              {"require": "everyone", "app_method": "off", "email_method": "off"},
	} {
		at := b.rehearse(fields).want("admin_policy", 400)
		if !at.has(`.summary a[href="#`+field+`"]`) || at.text("#"+field+"-error") == "" {
			t.Errorf("%s: %s", field, at.text(".summary"))
		}
	}
	// What can't be read and what is wrong are said at once, and stay as typed.
	at := b.rehearse(M{"grace_days": "a week", "password_min_length": "99", "require": "sometimes"}).want("admin_policy", 400)
	if n := at.Doc.Find(".summary a").Length(); n != 3 || at.attr("#grace_days", "value") != "a week" || at.attr("#password_min_length", "value") != "99" {
		t.Errorf("%d faults: %s", n, at.text(".summary"))
	}
	// Only the save knows of mails: none was delivered yet.
	at = b.rehearse(M{"require": "everyone", "app_method": "off"}).want("admin_review", 200)
	at = b.submit(at, "save-policy", nil).want("admin_policy", 400)
	at.says("#email_method-error", "No mail has been delivered")
	if !at.has(`input[name="require"][value="everyone"][checked]`) {
		t.Error("what was typed is lost")
	}
	// An address that nobody's form made begins again.
	for _, q := range []string{"", "?over=1", "?over=x&rules=y", "?over=1&rules=" + strings.Repeat("9-", 99)} {
		b.get("/admin/policy/review"+q).want("admin_policy", 200)
	}
}

func TestAStaleSaveShowsBothVersions(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := h.desk()
	at := b.rehearse(M{"grace_days": "3"}).want("admin_review", 200)
	h.rules(func(r *policy.Rules) { r.GraceDays, r.TrustedDeviceDays = 7, 1 })
	at = b.submit(at, "save-policy", nil).want("admin_stale", 412)
	at.says("#versions", "Time to set it up 14 days 7 days 3 days")
	at.says("#versions", "Trust a device for 30 days 1 day 30 days")
	at = b.get(at.attr("#over-again", "href")).want("admin_review", 200)
	b.submit(at, "save-policy", nil).want("admin_policy", 200).says("#version", "Version 3")
}

func TestPresetsFillTheFormAndSaveNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := h.desk()
	at := b.get("/admin/policy?preset=strict").want("admin_policy", 200)
	at.says("#filled", "Strict")
	if at.attr("#password_min_length", "value") != "15" || !at.has(`[data-preset="strict"].chosen`) {
		t.Error("Strict is not filled in")
	}
	at.says(`[data-preset="compatible"]`, "In force")
	if h.count(`SELECT count(*) FROM policies`) != 1 {
		t.Error("a preset was saved by a link")
	}
	at = b.submit(at, "policy", nil).want("admin_review", 200)
	b.submit(at, "save-policy", nil).want("admin_policy", 200).says(`[data-preset="strict"]`, "In force")
}

func TestARestedAdminConfirmsAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := h.desk()
	h.clock.Advance(16 * time.Minute)
	at := b.get("/admin/users?query=ada%40example.org").want("confirm", 200)
	at.says("#notice", "fifteen minutes")
	b.submit(at, "confirm", M{"password": password}).want("admin_users", 200)
	b.get("/admin").want("admin_overview", 200)
	h.exec(`UPDATE users SET role = $1`, string(account.Member))
	b.get("/admin").want("failure", 403)
}
