package web_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"latchkey/internal/factor"
)

func TestTheOverviewCounts(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := h.desk()
	h.person(factor.App)
	both := h.person(factor.App, factor.Email)
	h.person()
	wrong := h.browser()
	wrong.signIn(both.email, "wrong")
	at := b.get("/admin").want("admin_overview", 200)
	at.says("#percent", "50%")
	at.says("#percent", "2 of 4")
	for method, n := range map[string]string{"app": "2", "email": "1", "none": "2"} {
		if got := at.text(`[data-method="` + method + `"] strong`); got != n {
			t.Errorf("%s: %s", method, got)
		}
	}
	at.says("#sign-ins", "Completed 1 Wrong password 1")
	if !at.has("#single") || at.has("polyline") {
		t.Error("one day is drawn as a line")
	}
	h.exec(`INSERT INTO coverage_days (day, users, covered, app, email)
		SELECT date '2026-03-02' - n, 10 + n, n, n, 1 FROM generate_series(1, 20) AS n`)
	at = b.get("/admin").want("admin_overview", 200)
	if n := at.Doc.Find(".plot polyline").Length(); n != 4 {
		t.Errorf("%d lines", n)
	}
	if n := at.Doc.Find("#coverage-table tbody tr").Length(); n != 21 {
		t.Errorf("%d days in the table", n)
	}
}

// Whoever looks for an action chooses it by words, and reads it by them.
func TestEveryActionIsChosenByWords(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := h.desk()
	h.exec(`INSERT INTO events (at, action, actor_kind) VALUES ($1, 'keys_rotated', 'host')`, h.clock.Now())
	at := b.get("/admin/events").want("admin_events", 200)
	at.says(".log", "The keys of the service were changed")
	options := at.Doc.Find(`select[name="action"] option`)
	for _, o := range options.EachIter() {
		if words := o.Text(); !regexp.MustCompile(`^["A-Z]`).MatchString(words) {
			t.Errorf("%s is called %q", o.AttrOr("value", ""), words)
		}
	}
	if options.Length() < 50 {
		t.Errorf("%d actions", options.Length())
	}
}

func TestTheAuditLogIsFilteredPagedAndTakenOut(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, me := h.desk()
	p := h.person()
	b.act(p, "disable", M{"reason": "<b>left</b> the company"})
	at := b.get("/admin/events?subject="+p.email+"&actor=admin").want("admin_events", 200)
	at.says(".log", "An account was disabled")
	at.says(".log .who", p.email+" by "+me.email)
	at.says(".log .why", "<b>left</b> the company")
	if n := at.Doc.Find(".log > li").Length(); n != 1 {
		t.Errorf("%d events", n)
	}
	for path, n := range map[string]int{
		"/admin/events?action=disabled":                    1,
		"/admin/events?actor=" + me.id.String():            3, // signed in, confirmed, disabled
		"/admin/events?from=2026-03-02&to=2026-03-02":      3,
		"/admin/events?from=2026-03-03":                    0,
		"/admin/events?subject=" + p.email + "&actor=host": 0,
		"/admin/events?action=signed_in&actor=" + me.email: 1,
	} {
		if got := b.get(path).want("admin_events", 200).Doc.Find(".log > li").Length(); got != n {
			t.Errorf("%s: %d events, want %d", path, got, n)
		}
	}
	bad := b.get("/admin/events?subject=nobody@example.org&action=No+such&from=soon").want("admin_events", 400)
	for _, field := range []string{"subject", "action", "from"} {
		if bad.text("#"+field+"-error") == "" {
			t.Errorf("%s is taken", field)
		}
	}
	b.get("/admin/events?subject="+strings.Repeat("%C3%A9", 300)).want("admin_events", 400)
	b.get("/admin/events?action=nonsense").want("admin_events", 200).says("#nothing", "Nothing happened")
	b.get("/admin/events.csv?from=soon").want("failure", 400)

	file := b.get(at.attr("#csv", "href"))
	if lines := strings.Split(strings.TrimSpace(file.Body), "\n"); len(lines) != 2 || !strings.HasPrefix(lines[0], "id,at,action") {
		t.Errorf("%q", lines)
	}
	file = b.get("/admin/events.jsonl")
	lines := strings.Split(strings.TrimSpace(file.Body), "\n")
	for _, line := range lines {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
	if h.count(`SELECT count(*) FROM events WHERE action = 'events_exported'`) != 2 || len(lines) != 5 {
		t.Errorf("%d lines", len(lines))
	}
	h.exec(`INSERT INTO events (at, action, actor_kind, address, device) SELECT now(), 'unlocked', 'host', '', '' FROM generate_series(1, 60)`)
	first := b.get("/admin/events").want("admin_events", 200)
	if b.get(first.attr("#next", "href")).want("admin_events", 200).has("#next") {
		t.Error("there is a third page")
	}
}

func TestMailsAreSeenAndTriedAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := h.desk()
	h.exec(`DELETE FROM mails`)
	p := h.person(factor.Email)
	h.browser().signIn(p.email, password)
	h.exec(`UPDATE mails SET attempts = 2, last_error = '451 try later <script>', due_at = now() + interval '1 day'`)
	at := b.get("/admin/mails?state=queued").want("admin_mails", 200)
	at.says("#mails", p.email)
	at.says("#mails", "Queued451 try later <script>")
	if strings.Contains(at.Body, h.mailed(p.email)) {
		t.Error("the code is on the page")
	}
	b.submit(at, "retry", nil).want("admin_mails", 200).says("#notice", "tried again now")
	h.exec(`UPDATE mails SET state = 'refused', sealed = NULL`)
	b.submit(at, "retry", nil).want("admin_mails", 409).says(".summary", "finished")
	if at = b.get("/admin/mails?state=refused"); at.has("form[data-form=retry]") || !at.has("[data-state=refused]") {
		t.Error("a refused mail is offered again")
	}
	b.get("/admin/mails?state=sent").want("admin_mails", 200).says("#nothing", "No mails")
	b.get("/admin/mails?state=nonsense").want("admin_mails", 400)
}

// No page of the desk holds a secret of anybody, whatever it is about.
func TestTheDeskShowsNoSecrets(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, me := h.desk()
	p := h.person(factor.App, factor.Email)
	theirs := h.browser()
	theirs.in(p)
	secrets := append([]string{p.secret, h.passwordHash(), "$argon2id$", "lks_", "lki_", "lkp_", "digest", "sealed"}, p.keys...)
	pages := append([]string{p.page(), me.page(), p.page() + "/reset-app", p.page() + "/delete"}, adminPages...)
	for _, path := range pages {
		at := b.get(path)
		for _, s := range secrets {
			if strings.Contains(at.Body, s) {
				t.Errorf("%s holds %q", path, s)
			}
		}
	}
}
