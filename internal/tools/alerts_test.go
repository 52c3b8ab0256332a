package tools

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
)

// rules reads the alert rules as Prometheus does: fields, expressions,
// durations, and the templates of annotations.
func rules(t *testing.T) map[string]rulefmt.Rule {
	t.Helper()
	groups, errs := rulefmt.ParseFile(filepath.Join(root, "docs", "operations", "alerts.yml"), false,
		model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	out := map[string]rulefmt.Rule{}
	for _, g := range groups.Groups {
		for _, r := range g.Rules {
			out[r.Alert] = r
		}
	}
	return out
}

func TestDashboardIsPromQL(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(root, "docs", "operations", "dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(raw, &board); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			n++
			// Grafana puts the variable's value there.
			expr := strings.ReplaceAll(target.Expr, "$__rate_interval", "5m")
			if _, err := parser.NewParser(parser.Options{}).ParseExpr(expr); err != nil {
				t.Errorf("%s: %v", p.Title, err)
			}
		}
	}
	if n < 10 {
		t.Errorf("only %d expressions were looked at", n)
	}
}

// state is what a scrape a minute saw: `start+step x times` for an hour.
type state struct{ bad, good string }

// Each good state is close to the bad one: an alert that looks at another
// label, or compares the other way round, is red here.
var states = map[string]state{
	"LatchkeyDown": {`up{job="latchkey",instance="a"} 0x60`, `up{job="latchkey",instance="a"} 1x60
  up{job="other",instance="a"} 0x60`},
	"LatchkeyDatabaseDown": {`latchkey_database_up{instance="a"} 0x60
  latchkey_database_up{instance="b"} 0x60`, `latchkey_database_up{instance="a"} 0x60
  latchkey_database_up{instance="b"} 1x60`},
	"LatchkeyErrors": {`latchkey_requests_total{status="500"} 0+1x60`, `latchkey_requests_total{status="503"} 0+1x60
  latchkey_requests_total{status="500"} 7x60`},
	"LatchkeyCodesLate": {`latchkey_mail_queue_age_seconds{queue="codes"} 61x60`, `latchkey_mail_queue_age_seconds{queue="codes"} 59x60
  latchkey_mail_queue_age_seconds{queue="notices"} 1700x60`},
	"LatchkeyWebhooksLate": {`latchkey_webhook_queue_age_seconds 301x60`, `latchkey_webhook_queue_age_seconds 299x60`},
	"LatchkeyWebhooksFail": {`latchkey_webhook_deliveries_queued{outcome="too_slow"} 1x60`, `latchkey_webhook_deliveries_queued{outcome="none"} 9x60
  latchkey_webhook_deliveries_last_hour{state="sent",outcome="accepted"} 9x60`},
	"LatchkeyNoticesLate": {`latchkey_mail_queue_age_seconds{queue="notices"} 1801x60`, `latchkey_mail_queue_age_seconds{queue="notices"} 1799x60`},
	// Two processes tell the same: their mails are not added up.
	"LatchkeyMailsRefused": {`latchkey_mails_last_hour{kind="k",state="refused",instance="a"} 11x60
  latchkey_mails_last_hour{kind="k",state="sent",instance="a"} 90x60`, `latchkey_mails_last_hour{kind="k",state="refused",instance="a"} 9x60
  latchkey_mails_last_hour{kind="k",state="refused",instance="b"} 9x60
  latchkey_mails_last_hour{kind="k",state="sent",instance="a"} 10x60`},
	"LatchkeyGuessing": {`latchkey_sign_in_steps_total{step="password",outcome="wrong_credentials"} 0+800x60
  latchkey_sign_in_steps_total{step="password",outcome="ok"} 0+60x60`, `latchkey_sign_in_steps_total{step="password",outcome="wrong_credentials"} 0+600x60
  latchkey_sign_in_steps_total{step="password",outcome="ok"} 0+60x60`},
	"LatchkeyCodesGuessed": {`latchkey_codes_total{method="app",outcome="wrong_code"} 0+70x60
  latchkey_codes_total{method="app",outcome="ok"} 0+60x60`, `latchkey_codes_total{method="app",outcome="wrong_code"} 0+58x60
  latchkey_codes_total{method="app",outcome="ok"} 0+60x60`},
	"LatchkeyFrozen": {`latchkey_events_last_hour{action="frozen"} 6x60`, `latchkey_events_last_hour{action="frozen"} 5x60
  latchkey_events_last_hour{action="signed_in"} 900x60`},
	"LatchkeyHashingBusy": {`latchkey_password_hashes_waiting 20x60`, `latchkey_password_hashes_waiting 16x60`},
	"LatchkeyBusy": {`latchkey_refusals_total{code="unavailable"} 0+70x60`, `latchkey_refusals_total{code="unavailable"} 0+50x60
  latchkey_refusals_total{code="too_many_attempts"} 0+900x60`},
	"LatchkeyDatabasePoolFull": {`go_sql_in_use_connections{db_name="latchkey",instance="a"} 19x60
  go_sql_max_open_connections{db_name="latchkey",instance="a"} 20x60`, `go_sql_in_use_connections{db_name="latchkey",instance="a"} 18x60
  go_sql_max_open_connections{db_name="latchkey",instance="a"} 20x60
  go_sql_in_use_connections{db_name="other",instance="a"} 20x60
  go_sql_max_open_connections{db_name="other",instance="a"} 20x60`},
	"LatchkeySlow": {`latchkey_request_duration_seconds_bucket{le="1"} 0+90x60
  latchkey_request_duration_seconds_bucket{le="2.5"} 0+100x60
  latchkey_request_duration_seconds_bucket{le="+Inf"} 0+100x60`, `latchkey_request_duration_seconds_bucket{le="0.5"} 0+100x60
  latchkey_request_duration_seconds_bucket{le="1"} 0+100x60
  latchkey_request_duration_seconds_bucket{le="+Inf"} 0+100x60`},
}

func TestAlertsFireWhenTheyShouldAndOnlyThen(t *testing.T) {
	engine := promqltest.NewTestEngine(t, false, 0, 100_000)
	all := rules(t)
	for name, r := range all {
		s, ok := states[name]
		if !ok {
			t.Errorf("%s: no states to try it on", name)
			continue
		}
		if !fires(t, engine, r, s.bad) {
			t.Errorf("%s is silent on\n  %s", name, s.bad)
		}
		if fires(t, engine, r, s.good) {
			t.Errorf("%s fires on\n  %s", name, s.good)
		}
		if fires(t, engine, r, "nothing_at_all 1x60") {
			t.Errorf("%s fires where there is nothing", name)
		}
	}
	if len(all) != len(states) {
		t.Errorf("%d rules, %d states", len(all), len(states))
	}
}

// fires reports whether a rule holds at every minute of its `for`, to the end
// of an hour that looked like this.
func fires(t *testing.T, engine *promql.Engine, r rulefmt.Rule, hour string) bool {
	t.Helper()
	store := promqltest.LoadedStorage(t, "load 1m\n  "+hour)
	end := time.Unix(0, 0).Add(time.Hour)
	for at := end.Add(-time.Duration(r.For)); !at.After(end); at = at.Add(time.Minute) {
		q, err := engine.NewInstantQuery(t.Context(), store, nil, r.Expr, at)
		if err != nil {
			t.Fatalf("%s: %v", r.Alert, err)
		}
		res := q.Exec(t.Context())
		if res.Err != nil {
			t.Fatalf("%s: %v", r.Alert, res.Err)
		}
		v, err := res.Vector()
		if err != nil {
			t.Fatalf("%s: %v", r.Alert, err)
		}
		firing := len(v) > 0
		q.Close()
		if !firing {
			return false
		}
	}
	return true
}
