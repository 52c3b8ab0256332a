package main

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"latchkey/internal/pg/pgtest"
)

// atHost runs the built command with these settings and nothing else: no Redis
// and no mail server are set, so neither is there.
func atHost(t *testing.T, env []string, stdin string, args ...string) (code int, out, errs string) {
	t.Helper()
	cmd := self(t, env, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var o, e strings.Builder
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	if _, ended := err.(*exec.ExitError); err != nil && !ended {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), o.String(), e.String()
}

// The first admin is made before anything else runs: the setting holds for the
// policy that comes with them.
func TestTheFirstPolicyTakesItsSignUpFromTheSetting(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{"open", "closed"} {
		env := append(production(t, pgtest.URL(t)), "SIGN_UP="+setting)
		if code, _, errs := atHost(t, env, "correct horse battery staple 9\n", "user", "create", "--email", "boss@example.com", "--name", "Boss", "--role", "admin"); code != 0 {
			t.Fatal(errs)
		}
		code, out, errs := atHost(t, env, "", "policy", "show", "--json")
		if code != 0 || !strings.Contains(out, `"sign_up": "`+setting+`"`) {
			t.Errorf("%s: %s %s", setting, out, errs)
		}
	}
}

func TestTheHostHelpsWithoutRedisAndMail(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	env := production(t, url)
	db := pgtest.Open(t, url)
	must := func(args ...string) string {
		t.Helper()
		code, out, errs := atHost(t, env, "correct horse battery staple 9\n", args...)
		if code != 0 {
			t.Fatalf("%v: code %d, %s%s", args, code, out, errs)
		}
		return out
	}
	must("user", "create", "--email", "boss@example.com", "--name", "Boss", "--role", "admin", "--verified")
	must("user", "create", "--email", "ada@example.com", "--name", "Ada", "--verified")

	if out := must("user", "list"); !strings.Contains(out, "boss@example.com") || !strings.Contains(out, "ada@example.com") {
		t.Errorf("list: %s", out)
	}
	var ada userJSON
	if err := json.Unmarshal([]byte(must("user", "list", "--query", "ada", "--json")), &ada); err != nil || ada.Email != "ada@example.com" {
		t.Errorf("%v, %+v", err, ada)
	}
	if out := must("user", "list", "--filter", "required"); strings.Contains(out, "@") {
		t.Errorf("required: %s", out)
	}
	if err := json.Unmarshal([]byte(must("user", "require", "ada@example.com", "--reason", "audit", "--json")), &ada); err != nil || ada.Required.By == nil || *ada.Required.By != "admin" {
		t.Errorf("%v, %+v", err, ada)
	}
	if out := must("user", "show", ada.ID); !strings.Contains(out, "by admin from") {
		t.Errorf("show: %s", out)
	}
	must("user", "require", "ada@example.com", "--lift")
	must("user", "unlock", "ada@example.com")
	must("user", "role", "ada@example.com", "support")

	for _, c := range []struct {
		says string
		code int
		args []string
	}{
		{"there is no user nobody@example.com", exitFailed, []string{"user", "show", "nobody@example.com"}},
		{"email:", exitUsage, []string{"user", "show", "nobody"}},
		{"no method on", exitFailed, []string{"user", "disable-two-factor", "ada@example.com"}},
		{"no authenticator app is on", exitFailed, []string{"user", "reset-app", "ada@example.com"}},
		{"last active administrator", exitFailed, []string{"user", "role", "boss@example.com", "user"}},
		{"filter: Give one of", exitUsage, []string{"user", "list", "--filter", "bald"}},
		{"must be one of", exitUsage, []string{"user", "role", "ada@example.com", "king"}},
		{"--from takes", exitUsage, []string{"user", "require", "ada@example.com", "--from", "soon"}},
		{"grace_days: Give a whole number", exitUsage, []string{"policy", "set", "grace_days=400"}},
		{"form FIELD=VALUE", exitUsage, []string{"policy", "set", "grace_days"}},
		{"require:", exitUsage, []string{"policy", "set", "require=everyone", "app_method=off", "email_method=off"}},
		{"say what to change", exitUsage, []string{"policy", "set"}},
	} {
		if code, out, errs := atHost(t, env, "", c.args...); code != c.code || !strings.Contains(strings.ToLower(errs), strings.ToLower(c.says)) {
			t.Errorf("%v: code %d, %s%s", c.args, code, out, errs)
		}
	}

	if out := must("policy", "set", "--dry-run", "require=everyone", "grace_days=0"); !strings.Contains(out, "2 users must") {
		t.Errorf("dry run: %s", out)
	}
	var p map[string]any
	if err := json.Unmarshal([]byte(must("policy", "set", "--preset", "standard", "require=everyone", "--json")), &p); err != nil ||
		p["version"] != 2.0 || p["preset"] != "standard" || p["require"] != "everyone" || p["saved_by"] != nil {
		t.Errorf("%v, %v", err, p)
	}
	if out := must("policy", "show"); !strings.Contains(out, "Version 2 (standard)") || !strings.Contains(out, "saved") {
		t.Errorf("show: %s", out)
	}

	count := func(query string) (n int) {
		t.Helper()
		if err := db.GetContext(t.Context(), &n, query); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for query, want := range map[string]int{
		`SELECT count(*) FROM events WHERE actor_kind <> 'host'`:                                         0,
		`SELECT count(*) FROM events WHERE action = 'two_factor_required' AND data->>'reason' = 'audit'`: 1,
		`SELECT count(*) FROM events WHERE action IN ('unlocked', 'role_changed', 'policy_saved')`:       3,
		`SELECT count(*) FROM mails WHERE kind = 'admin_changed_two_factor' AND state = 'queued'`:        4,
		`SELECT count(*) FROM users WHERE enrol_by IS NOT NULL`:                                          2,
	} {
		if got := count(query); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
}
