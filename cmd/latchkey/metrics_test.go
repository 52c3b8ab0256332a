package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"latchkey/internal/pg/pgtest"
)

// TestServerTellsWhatSignInsCameTo asks a real server for its metrics after a
// sign-in by app, a wrong code and a wrong password.
func TestServerTellsWhatSignInsCameTo(t *testing.T) {
	t.Parallel()
	env := append(production(t, pgtest.URL(t)), "IP_LIMITS=off", "METRICS_LISTEN=127.0.0.1:0")
	db := pgtest.Open(t, setting(env, "DATABASE_URL"))
	ada := settles(t, houseOn(t, db, setting(env, "KEYSET_FILE")), "ada@example.org")
	p := start(t, self(t, env, "serve"))
	at := caller{base: servedAt(t, p)}
	waitFor(t, func() bool { code, _ := get(t, at.base+"/readyz"); return code == http.StatusOK })
	var listen string
	waitFor(t, func() bool {
		for line := range strings.Lines(p.errs.String()) {
			var l struct{ Msg, Listen string }
			if json.Unmarshal([]byte(line), &l) == nil && l.Msg == "metrics" {
				listen = l.Listen
			}
		}
		return listen != ""
	})
	if _, err := at.signIn(ada.email, "not the password", "", ""); err == nil {
		t.Fatal("a wrong password was taken")
	}
	if _, err := at.signIn(ada.email, testPassword, "app", "000000"); err == nil {
		t.Fatal("a wrong code was taken")
	}
	if _, err := at.signIn(ada.email, testPassword, "app", ada.appCode(t, db)); err != nil {
		t.Fatal(err)
	}
	code, text := get(t, "http://"+listen+"/metrics")
	if code != http.StatusOK {
		t.Fatalf("%d %s", code, text)
	}
	for _, line := range []string{
		`latchkey_sign_in_steps_total{outcome="wrong_credentials",step="password"} 1`,
		`latchkey_sign_in_steps_total{outcome="ok",step="password"} 2`,
		`latchkey_sign_in_steps_total{outcome="ok",step="second_factor"} 1`,
		`latchkey_codes_total{method="app",outcome="wrong_code"} 1`,
		`latchkey_codes_total{method="app",outcome="ok"} 1`,
		`latchkey_request_duration_seconds_count{method="POST",route="/api/v1/sign-ins"} 3`,
		`latchkey_events_last_hour{action="code_refused"} 1`,
		`latchkey_password_hashes_waiting 0`,
		`latchkey_database_up 1`,
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	if strings.Contains(text, "@") || strings.Contains(text, ada.id.String()) || strings.Contains(text, ada.secret) {
		t.Error("something of a user is shown")
	}
	if code, _ := get(t, at.base+"/metrics"); code == http.StatusOK {
		t.Error("metrics are where people are")
	}
}
