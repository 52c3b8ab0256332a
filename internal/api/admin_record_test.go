package api_test

import (
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestEventsAreFilteredAndExported(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	me, boss := h.boss()
	p := h.person()
	h.api.Header("User-Agent", "=HYPERLINK(1)").As("").Post("/sign-ins", map[string]any{"email": p.email, "password": password}).Want(200)
	boss.Do("PUT", at(p, "/requirement"), map[string]any{"reason": "why not"}).Want(204)
	get := func(query string) int { return len(boss.Get("/admin/events" + query).Want(200).Field("items").([]any)) }
	for query, want := range map[string]int{
		"?subject=" + p.id.String(): 2, "?actor=" + me.id.String() + "&action=two_factor_required": 1, "?actor=admin": 1,
		"?action=signed_in": 2, "?from=" + h.clock.Now().Add(time.Second).Format(time.RFC3339): 0,
		"?to=" + h.clock.Now().Add(-time.Hour).Format(time.RFC3339): 0, "?limit=1": 1,
	} {
		if got := get(query); got != want {
			t.Errorf("%s: %d events, want %d", query, got, want)
		}
	}
	for query, field := range map[string]string{"?actor=me": "actor", "?subject=1": "subject", "?action=A": "action", "?from=today": "from", "?cursor=-1": "cursor"} {
		if got := boss.Bad().Get("/admin/events"+query).WantProblem(400, "invalid_request"); got.Names() != field {
			t.Errorf("%s: %+v", query, got.Errors)
		}
	}

	h.exec(`INSERT INTO events (at, action, actor_kind, device) SELECT $1, 'swept', 'system', 'n' || n FROM generate_series(1, 2500) n`, h.clock.Now())
	lines := strings.Split(strings.TrimSpace(string(boss.Get("/admin/events.jsonl?action=swept").Want(200).Body)), "\n")
	var last struct{ Action, Device string }
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || len(lines) != 2500 || last.Device != "n1" {
		t.Errorf("%d lines, %v, %+v", len(lines), err, last)
	}
	rows, err := csv.NewReader(strings.NewReader(string(boss.Get("/admin/events.csv?subject=" + p.id.String()).Want(200).Body))).ReadAll()
	if err != nil || len(rows) != 3 || rows[0][2] != "action" || !strings.HasPrefix(rows[2][7], "'=") && strings.HasPrefix(rows[2][7], "=") {
		t.Errorf("%v %q", err, rows)
	}
	if n := get("?action=events_exported"); n != 2 {
		t.Errorf("%d exports are written down", n)
	}
}

func TestTheOverviewCounts(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, boss := h.boss()
	h.person(withApp)
	h.person(withApp, withEmail)
	h.person(withEmail, disabled)
	if err := h.app.Admin.Daily(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.exec(`UPDATE coverage_days SET day = day - 1`)
	got := boss.Get("/admin/coverage").Want(200)
	if got.Field("now.users") != 3.0 || got.Field("now.covered") != 2.0 || got.Field("now.app") != 2.0 || got.Field("now.email") != 1.0 ||
		got.Text("days.0.day") != "2026-03-01" || got.Text("days.1.day") != "2026-03-02" || got.Field("days.2") != nil ||
		got.Field("sign_ins.completed") != 1.0 {
		t.Errorf("%s", got.Body)
	}
}

func TestMailsAreListedAndTriedAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	_, boss := h.boss()
	p := h.person(withEmail)
	p.signIn()
	list := boss.Get("/admin/mails?to=" + p.email).Want(200)
	if list.Text("items.0.kind") != "sign_in_code" || list.Text("items.0.state") != "queued" || list.Field("items.1") != nil {
		t.Fatalf("%s", list.Body)
	}
	id := list.Text("items.0.id")
	h.exec(`UPDATE mails SET due_at = due_at + interval '5 minutes', attempts = 3, last_error = 'greylisted' WHERE id = $1`, id)
	got := boss.Post("/admin/mails/"+id+"/retry", nil).Want(202)
	if got.Text("last_error") != "greylisted" || h.count(`SELECT count(*) FROM mails WHERE id = $1 AND due_at <= $2`, id, h.clock.Now()) != 1 {
		t.Errorf("%s", got.Body)
	}
	h.clock.Advance(11 * time.Minute)
	if boss.Get("/admin/mails?state=expired&to="+p.email).Want(200).Text("items.0.id") != id {
		t.Error("an expired mail is not shown as expired")
	}
	boss.Post("/admin/mails/"+id+"/retry", nil).WantProblem(409, "conflict")
	boss.Post("/admin/mails/"+p.id.String()+"/retry", nil).WantProblem(404, "not_found")
	boss.Bad().Get("/admin/mails?state=lost").WantProblem(400, "invalid_request")
}
