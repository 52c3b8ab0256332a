package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"latchkey/internal/account"
	"latchkey/internal/factor"
)

// as gives a person a role.
func (p *person) as(r account.Role) *person {
	p.h.t.Helper()
	p.h.exec(`UPDATE users SET role = $2 WHERE id = $1`, p.id, string(r))
	return p
}

// desk is an admin who is signed in and has just confirmed.
func (h *house) desk() (*browser, *person) {
	h.t.Helper()
	p, b := h.person().as(account.Admin), h.browser()
	b.in(p)
	b.confirm(p)
	return b, p
}

// confirm proves again who it is.
func (b *browser) confirm(p *person) {
	b.t.Helper()
	at := b.get("/account/confirm?return_to=/account/profile").want("confirm", 200)
	fields := M{"password": password}
	if at.has(`input[name="code"]`) {
		fields["code"] = p.appCode()
	}
	b.submit(at, "confirm", fields).want("profile", 200)
}

func (p *person) page() string { return "/admin/users/" + p.id.String() }

// adminPages are all that can be opened without an id.
var adminPages = []string{
	"/admin", "/admin/policy", "/admin/policy/history", "/admin/policy/review?over=1&rules=x", "/admin/policy/review.csv",
	"/admin/users", "/admin/users.csv", "/admin/users/invite", "/admin/events", "/admin/events.csv", "/admin/events.jsonl", "/admin/mails",
	"/admin/webhooks", "/admin/webhooks/new",
}

func TestAdminPagesAreForAdmins(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	other := h.person(factor.App)
	all := append([]string{other.page(), other.page() + "/unlock", other.page() + "/delete"}, adminPages...)
	posts := []string{
		"/admin/policy", "/admin/policy/review", "/admin/users/invite", other.page() + "/unlock", other.page() + "/delete",
		"/admin/mails/" + other.id.String() + "/retry", "/admin/webhooks/new",
	}

	out := h.browser()
	user := h.browser()
	user.in(h.person()).want("offer", 200)
	if user.get("/account/security").has("#administration") {
		t.Error("a user is shown the way to the admin pages")
	}
	for _, path := range all {
		out.get(path).want("sign_in", 200)
		user.get(path).want("failure", 403)
	}
	for _, path := range posts {
		out.follow(out.post(path, url.Values{})).want("sign_in", 200)
		user.post(path, url.Values{}).want("failure", 403)
	}
	if n := h.count(`SELECT count(*) FROM events WHERE actor_kind = 'admin'`); n != 0 {
		t.Errorf("%d acts", n)
	}
}

func TestSupportSeesUsersAndNothingElse(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p, admin := h.person(factor.App), h.person(factor.App).as(account.Admin)
	b := h.browser()
	helper := h.person().as(account.Support)
	b.in(helper)
	at := b.get("/account/security")
	at = b.get(at.attr("#administration", "href")).want("admin_users", 200)
	if n := at.Doc.Find("nav.tabs a").Length(); n != 1 || at.has("#invite") {
		t.Errorf("support is offered %d pages: %s", n, at.text("nav.tabs"))
	}
	for _, path := range []string{"/admin/policy", "/admin/policy/history", "/admin/events", "/admin/events.csv", "/admin/users.csv", "/admin/mails", "/admin/users/invite", p.page() + "/disable"} {
		b.get(path).want("failure", 403)
	}
	acts := func(path string) string { return b.get(path).want("admin_user", 200).text(".acts a") }
	if got := acts(p.page()); got != "UnlockReset authenticator appRecovery pass" {
		t.Errorf("of a user: %s", got)
	}
	if got := acts(admin.page()); got != "" {
		t.Errorf("of an admin: %s", got)
	}
	b.confirm(helper)
	b.act(admin, "unlock", nil).want("admin_act", 403)
	b.post(p.page()+"/disable", url.Values{"reason": {"x"}}).want("failure", 403)
	b.post("/admin/users/invite", url.Values{"email": {"x@example.org"}, "name": {"X"}, "role": {"user"}}).want("failure", 403)
	b.act(p, "unlock", nil).want("admin_user", 200).says("#notice", "Unlocked")
}

// act does something to somebody, with a reason.
func (b *browser) act(p *person, name string, fields M) *page {
	b.t.Helper()
	at := b.get(p.page()+"/"+name).want("admin_act", 200)
	with := M{"reason": "Asked for by phone"}
	for k, v := range fields {
		with[k] = v
	}
	return b.submit(at, "act", with)
}

func TestFormsOfOtherSitesDoNothingAtTheDesk(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := h.desk()
	p := h.person()
	for _, path := range []string{"/admin/policy", "/admin/policy/review", "/admin/users/invite", p.page() + "/disable", "/admin/mails/" + p.id.String() + "/retry"} {
		b.crossSite(path, url.Values{"reason": {"x"}}).want("failure", 403)
	}
	if n := h.count(`SELECT count(*) FROM users WHERE status = 'disabled'`); n != 0 {
		t.Error("it worked")
	}
}

// crossSite posts as a page of somebody else would have the browser do.
func (b *browser) crossSite(path string, values url.Values) *page {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), "POST", b.base+path, strings.NewReader(values.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	return b.do(req)
}
