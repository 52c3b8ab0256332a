package web_test

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/account"
	"latchkey/internal/config"
	"latchkey/internal/factor"
	"latchkey/internal/webhook"
)

func TestAWebhookFromItsAdditionToItsEnd(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := h.desk()
	b.get("/admin/webhooks").want("admin_webhooks", 200).says("#nothing", "No webhooks")
	at := b.get("/admin/webhooks/new").want("admin_webhook_form", 200)
	if n := at.Doc.Find(`input[name=kinds][checked]`).Length(); n != len(webhook.Kinds()) {
		t.Errorf("%d kinds are ticked", n)
	}
	// What was typed is kept.
	form := at.attr(`input[name="form"]`, "value")
	at = b.post("/admin/webhooks/new", url.Values{"form": {form}, "url": {"http://hooks.example.com/a?b"}, "kinds": {"frozen", "made_up"}})
	at.want("admin_webhook_form", 400).says("#url-error", "https://")
	if at.attr("#url", "value") != "http://hooks.example.com/a?b" || at.Doc.Find(`input[name=kinds][checked]`).Length() != 1 || !at.has(`[value=frozen][checked]`) {
		t.Error("what was typed is gone")
	}
	at = b.post("/admin/webhooks/new", url.Values{"url": {"https://10.1.2.3/"}}).want("admin_webhook_form", 400)
	at.says("#url-error", "private")
	at.says("#kinds-error", "at least one")

	filled := url.Values{"form": {form}, "url": {"https://hooks.example.com/a"}, "kinds": {"unlocked", "frozen"}}
	at = b.post("/admin/webhooks/new", filled).want("admin_webhook_key", 200)
	key := at.text("#key")
	if !strings.HasPrefix(key, "whsec_") || len(key) < 40 {
		t.Errorf("key %q", key)
	}
	// A second press makes no second one, and shows the key to nobody.
	b.follow(b.post("/admin/webhooks/new", filled)).want("admin_webhooks", 200).says("#notice", "already done")
	if n := h.count(`SELECT count(*) FROM webhooks`); n != 1 {
		t.Fatalf("%d webhooks", n)
	}
	at = b.get("/admin/webhooks").want("admin_webhooks", 200)
	at.says("#webhooks", "Codes were frozen, An account was unlocked")
	path := at.attr("#webhooks a", "href")
	look := func() *page { t.Helper(); return b.get(path).want("admin_webhook", 200) }
	act := func(name string) *page {
		t.Helper()
		return b.submit(b.get(path+"/"+name).want("admin_webhook_act", 200), "act", nil)
	}
	for _, text := range []string{look().Doc.Text(), b.get("/admin/events").Doc.Text()} {
		if strings.Contains(text, key[6:]) {
			t.Error("the key is shown again")
		}
	}

	at = act("test").want("admin_webhook", 200)
	at.says("#notice", "on its way")
	at.says("#deliveries", "Test")
	at = b.submit(b.get(path+"/edit").want("admin_webhook_form", 200), "webhook", M{"url": "https://hooks.example.com/b"})
	at.want("admin_webhook", 200).says("#url", "https://hooks.example.com/b")

	fresh := act("new-key").want("admin_webhook_key", 200).text("#key")
	if fresh == key || !strings.HasPrefix(fresh, "whsec_") {
		t.Errorf("key %q", fresh)
	}
	at = look()
	at.says("#webhook", "Two keys")
	if at.has("#new-key") || !at.has("#old-key-off") {
		t.Error("what is offered doesn't fit")
	}
	b.post(path+"/new-key", url.Values{}).want("admin_webhook_act", 409)
	act("old-key-off").want("admin_webhook", 200)
	b.post(path+"/old-key-off", url.Values{}).want("admin_webhook_act", 409)

	act("off").want("admin_webhook", 200).says("#webhook", "Off")
	b.post(path+"/off", url.Values{}).want("admin_webhook_act", 409)
	b.post(path+"/test", url.Values{}).want("admin_webhook_act", 409)
	act("on").want("admin_webhook", 200).says("#webhook", "On")

	b.get(path+"/nonsense").want("failure", 404)
	b.get("/admin/webhooks/"+nobodys).want("failure", 404)
	b.post(path+"/deliveries/"+nobodys, url.Values{}).want("failure", 404)
	act("delete").want("admin_webhooks", 200).says("#nothing", "No webhooks")
	b.get(path).want("failure", 404)
	if n := h.count(`SELECT count(*) FROM webhook_deliveries`); n != 0 {
		t.Errorf("%d deliveries are left", n)
	}

	// Each was written down, once, by whom, and without the path.
	for _, action := range []string{
		"webhook_added", "webhook_changed", "webhook_on", "webhook_off", "webhook_deleted", "webhook_key_made", "webhook_key_off", "webhook_tested",
	} {
		n := h.count(`SELECT count(*) FROM events WHERE action = $1 AND actor_kind = 'admin' AND data->>'host' = 'hooks.example.com'`, action)
		if n != 1 {
			t.Errorf("%d events %s", n, action)
		}
	}
	if n := h.count(`SELECT count(*) FROM events WHERE data::text LIKE '%hooks.example.com/%'`); n != 0 {
		t.Error("an event holds the path, which may be a secret")
	}
	b.get("/admin/events").want("admin_events", 200).says("main", "A webhook was added")
}

// nobodys names nothing.
const nobodys = "0197f1d2-0000-7000-8000-000000000000"

func TestTheLogOfAWebhook(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *config.Config) { c.WebhookAllowPrivate = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} })
	b, _ := h.desk()
	at := b.get("/admin/webhooks/new")
	at = b.submit(at, "webhook", M{"url": "http://127.0.0.1:9/<script>"}).want("admin_webhook_key", 200)
	path := at.attr("main .actions a", "href")
	h.exec(`
		INSERT INTO webhook_deliveries (webhook_id, event_id, event_at, kind, state, attempts, outcome, status, answer, due_at, created_at, expires_at, ended_at)
		SELECT id, n, $1, 'frozen', CASE WHEN n % 2 = 0 THEN 'failed' ELSE 'sent' END, 11, 'answered', 500, '<script>alert(1)</script> \x1b[2J',
		       $1, $1::timestamptz + n * interval '1 second', $1::timestamptz + interval '7 days', $1
		FROM webhooks, generate_series(1, 64) n`, h.clock.Now())
	at = b.get(path).want("admin_webhook", 200)
	first := at.Doc.Find("#deliveries tbody tr")
	if first.Length() != 30 || !strings.Contains(first.First().Text(), "evt_64") {
		t.Errorf("%d rows, the first %s", first.Length(), first.First().Text())
	}
	at.says(".answer", `<script>alert(1)</script> \x1b[2J`)
	at.says(".why", "Answered 500")
	if at.has(".answer script") {
		t.Error("an answer is taken for HTML")
	}
	at = b.get(at.attr("#next", "href")).want("admin_webhook", 200)
	at = b.get(at.attr("#next", "href")).want("admin_webhook", 200)
	if n := at.Doc.Find("#deliveries tbody tr").Length(); n != 4 || at.has("#next") {
		t.Errorf("the last page has %d rows", n)
	}
	b.get(path+"?state=nonsense").want("admin_webhook", 400)
	b.get(path+"?cursor=nonsense").want("admin_webhook", 400)
	at = b.get(path+"?state=failed").want("admin_webhook", 200)
	if at.has("[data-state=sent]") {
		t.Error("other states are shown")
	}
	again := at.Doc.Find(`form[data-form="again"]`).First().AttrOr("action", "")
	b.follow(b.post(again, url.Values{})).want("admin_webhook", 200).says("#notice", "sent again")
	if n := h.count(`SELECT count(*) FROM webhook_deliveries WHERE state = 'queued' AND attempts = 0 AND event_id = 64`); n != 1 {
		t.Error("it is not sent again")
	}
	if n := h.count(`SELECT count(*) FROM events WHERE action = 'webhook_sent_again' AND data->>'event' = '64'`); n != 1 {
		t.Errorf("%d events", n)
	}
}

// hookPosts is everything that changes something about a webhook.
func hookPosts(path string) []string {
	out := []string{"/admin/webhooks/new", path + "/edit", path + "/deliveries/" + path[len("/admin/webhooks/"):]}
	for _, name := range []string{"test", "new-key", "old-key-off", "off", "on", "delete"} {
		out = append(out, path+"/"+name)
	}
	return out
}

func TestWebhooksAreForAdminsWhoJustConfirmed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, _ := h.desk()
	at := b.submit(b.get("/admin/webhooks/new"), "webhook", M{"url": "https://hooks.example.com/"}).want("admin_webhook_key", 200)
	path := at.attr("main .actions a", "href")
	out, user, helper := h.browser(), h.browser(), h.browser()
	user.in(h.person())
	support := h.person().as(account.Support)
	helper.in(support)
	helper.confirm(support)
	before := h.count(`SELECT count(*) FROM events`)
	for _, get := range []string{"/admin/webhooks", "/admin/webhooks/new", path, path + "/edit", path + "/delete"} {
		out.get(get).want("sign_in", 200)
		user.get(get).want("failure", 403)
		helper.get(get).want("failure", 403)
	}
	filled := url.Values{"url": {"https://evil.example.com/"}, "kinds": {"frozen"}}
	for _, post := range hookPosts(path) {
		out.follow(out.post(post, filled)).want("sign_in", 200)
		user.post(post, filled).want("failure", 403)
		helper.post(post, filled).want("failure", 403)
		b.crossSite(post, filled).want("failure", 403)
	}
	h.clock.Advance(6 * time.Minute) // the confirmation is over
	for _, post := range hookPosts(path) {
		b.follow(b.post(post, filled)).want("confirm", 200)
	}
	b.get("/admin/webhooks/new").want("confirm", 200)
	b.get(path+"/delete").want("confirm", 200)
	b.get(path).want("admin_webhook", 200) // reading is not locked
	if after := h.count(`SELECT count(*) FROM events WHERE action LIKE 'webhook%'`); after != 1 || h.count(`SELECT count(*) FROM webhooks`) != 1 {
		t.Errorf("%d events of webhooks, %d events before", after, before)
	}
}

// TestEachKindThatIsOfferedHappens walks through the pages until an endpoint
// that asked for everything was told of everything.
func TestEachKindThatIsOfferedHappens(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	boss, _ := h.desk()
	boss.submit(boss.get("/admin/webhooks/new"), "webhook", M{"url": "https://hooks.example.com/"}).want("admin_webhook_key", 200)
	var told []string
	heard := func(kind string, p *person) {
		t.Helper()
		told = append(told, kind)
		n := h.count(`
			SELECT count(*) FROM webhook_deliveries d JOIN events e ON e.id = d.event_id AND e.at = d.event_at
			WHERE d.kind = $1 AND e.action = $1 AND e.subject_id = $2 AND d.state = 'queued'`, kind, p.id)
		if n != 1 {
			t.Errorf("%s was told %d times", kind, n)
		}
	}

	p, b := h.person(), h.browser()
	b.in(p)
	at := b.submit(b.sure(p, "/account/security/app"), "begin-app", M{"name": "Phone"}).want("add_app", 200)
	p.secret = strings.ReplaceAll(at.text("#secret"), " ", "")
	b.submit(at, "app-code", M{"code": codeAt(h, p.secret, 0)})
	heard("method_on", p)

	two, b := h.person(factor.App, factor.Email), h.browser()
	at = b.in(two)
	b.submit(b.sure(two, at.attr(`[data-method="email"] a[href$="/off"]`, "href")), "turn-off", nil)
	heard("method_off", two)
	b.submit(b.sure(two, "/account/security/off"), "turn-off", nil)
	heard("two_factor_off", two)

	p = h.person(factor.App)
	boss.act(p, "reset-app", nil).want("admin_user", 200)
	heard("app_reset", p)
	boss.act(p, "unlock", nil).want("admin_user", 200)
	heard("unlocked", p)

	p = h.person(factor.App)
	h.browser().in(p)
	h.browser().in(p)
	heard("new_device", p)
	b = h.browser()
	at = b.signIn(p.email, password).want("code", 200)
	at = b.get(at.attr(`[data-way="recovery_key"]`, "href"))
	b.submit(at, "code", M{"code": p.keys[0]}).want("recovered", 200)
	heard("recovery_key_used", p)

	// Nineteen wrong ones today, none within the hour; the twentieth freezes.
	p, b = h.person(factor.App), h.browser()
	h.exec(`UPDATE guards SET code_failures = (SELECT array_agg($2::timestamptz - interval '2 hours' + n * interval '1 second') FROM generate_series(1, 19) n)
		WHERE user_id = $1`, p.id, h.clock.Now())
	b.submit(b.signIn(p.email, password).want("code", 200), "code", M{"code": "000000"})
	heard("frozen", p)

	slices.Sort(told)
	if want := slices.Sorted(slices.Values(webhook.Kinds())); !slices.Equal(told, want) {
		t.Errorf("walked %v, offered %v", told, want)
	}
}
