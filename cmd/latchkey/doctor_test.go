package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"latchkey/internal/devstack"
	"latchkey/internal/pg/pgtest"
	"latchkey/internal/sso/ssotest"
)

// examined runs the doctor and gives what each check came to, worst first.
func examined(t *testing.T, env []string, args ...string) (int, map[string]string, string) {
	t.Helper()
	cmd := self(t, env, append([]string{"doctor", "--json"}, args...)...)
	out, _ := cmd.Output()
	var found []finding
	if err := json.Unmarshal(out, &found); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	states := map[string]string{}
	for _, f := range found {
		if states[f.Check] != checkTodo {
			states[f.Check] = f.State
		}
		if (f.State == checkTodo) != (f.Todo != "") {
			t.Errorf("%+v: what is to be done is said where something is", f)
		}
	}
	return cmd.ProcessState.ExitCode(), states, string(out)
}

func TestDoctorFindsNothingWhereAllIsWell(t *testing.T) {
	t.Parallel()
	box := pgtest.Mailbox(t)
	provider := ssotest.New(t, time.Now)
	env := append(production(t, pgtest.URL(t)), "OIDC_PROVIDERS=acme", "OIDC_ACME_ISSUER="+provider.Issuer, "OIDC_ACME_CLIENT_ID=latchkey",
		"REDIS_URL="+pgtest.Redis(t), "SMTP_URL="+box.URL(), "MAIL_FROM=no-reply@example.com")
	port, err := devstack.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	listen := fmt.Sprint("127.0.0.1:", port)
	for i, e := range env { // a server whose BASE_URL is where it listens
		if strings.HasPrefix(e, "BASE_URL=") {
			env[i] = "BASE_URL=http://" + listen
		}
		if strings.HasPrefix(e, "LISTEN=") {
			env[i] = "LISTEN=" + listen
		}
	}
	cmd := self(t, env, "user", "create", "--email", "ada@example.com", "--name", "Ada", "--role", "admin", "--verified")
	cmd.Stdin = strings.NewReader(testPassword + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	p := start(t, self(t, env, "serve"))
	at := servedAt(t, p)
	waitFor(t, func() bool { code, _ := get(t, at+"/readyz"); return code == http.StatusOK })
	w := start(t, self(t, env, "worker"))
	waitFor(t, func() bool { return strings.Contains(w.errs.String(), "worker started") })
	var code int
	var states map[string]string
	var out string
	waitFor(t, func() bool { code, states, out = examined(t, env); return code == 0 }) // the worker is connected in a moment
	for _, check := range []string{"settings", "keys", "database", "clock", "schema", "events", "mails", "admins", "processes", "redis", "mail", "sso", "site"} {
		if states[check] != checkOK {
			t.Errorf("%s is %q\n%s", check, states[check], out)
		}
	}
	if code, out := says(t, env, "doctor"); code != 0 || !strings.Contains(out, "ok    database") || strings.Contains(out, "TODO") {
		t.Errorf("%d %s", code, out)
	}
	if len(box.Mails()) != 0 {
		t.Error("the doctor sent a mail")
	}
}

func TestDoctorSaysWhatToDo(t *testing.T) {
	t.Parallel()
	migrated := pgtest.URL(t)
	for _, c := range []struct {
		name string
		env  []string
		todo string // checks, in order of their names
		says []string
	}{
		{"nothing is set", nil, "settings", []string{"DATABASE_URL is not set", "latchkey keys generate"}},
		{"nothing answers", append(production(t, "postgres://u:sesame@127.0.0.1:1/d?sslmode=disable"),
			"REDIS_URL=redis://:sesame@127.0.0.1:1/0", "SMTP_URL=smtp://u:sesame@127.0.0.1:1?tls=none", "MAIL_FROM=a@example.com"),
			"database mail redis site", []string{"does not answer", "start it"}},
		{"nothing runs", production(t, migrated), "admins processes site", []string{"no latchkey worker is connected", "latchkey user create"}},
		{"bad setting", append(production(t, migrated), "LOG_LEVEL=x", "IP_LIMITS=perhaps", "OTEL_TRACES_EXPORTER=paper"),
			"admins processes settings site", []string{"IP_LIMITS", "LOG_LEVEL", "OTEL_TRACES_EXPORTER"}},
		{"not migrated", production(t, pgtest.Server(t).URL), "schema site", []string{"latchkey migrate up"}},
		{"no such provider", append(production(t, migrated), "OIDC_PROVIDERS=acme", "OIDC_ACME_ISSUER=http://127.0.0.1:1",
			"OIDC_ACME_CLIENT_ID=latchkey", "OIDC_ACME_CLIENT_SECRET=sesame"), "admins processes site sso", []string{"OIDC_ACME_ISSUER is the issuer"}},
		{"bad provider", append(production(t, migrated), "OIDC_PROVIDERS=acme", "OIDC_ACME_CLIENT_ID=latchkey"),
			"admins processes settings site", []string{"OIDC_ACME_ISSUER is not set"}},
		{"broken keys", []string{"BASE_URL=https://id.example.org", "DATABASE_URL=" + migrated, `KEYSET={"codes":{"sesame":1}}`},
			"admins keys processes", []string{"restore the keyset", "--reach asks it"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			code, states, out := examined(t, c.env)
			var todo []string
			for _, check := range []string{"admins", "database", "keys", "mail", "mails", "processes", "redis", "schema", "settings", "site", "sso"} {
				if states[check] == checkTodo {
					todo = append(todo, check)
				}
			}
			if code != exitFailed || strings.Join(todo, " ") != c.todo {
				t.Errorf("code %d, to do %q, want %q\n%s", code, todo, c.todo, out)
			}
			for _, want := range c.says {
				if !strings.Contains(out, want) {
					t.Errorf("%s\ndoes not say %s", out, want)
				}
			}
			if strings.Contains(out, "sesame") {
				t.Errorf("a secret is shown: %s", out)
			}
		})
	}
}

func TestDoctorFindsLateMailsAndLostKeys(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	env, other, db := production(t, url), production(t, url), pgtest.Open(t, url)
	settles(t, houseOn(t, db, setting(env, "KEYSET_FILE")), "ada@example.org")
	_, err := db.ExecContext(t.Context(), `
		INSERT INTO mails (id, kind, recipient, queue, sealed, due_at, created_at, expires_at)
		VALUES (gen_random_uuid(), 'new_device', 'ada@example.org', 'notices', '\x01', $1, $1, $2)`,
		db.Now().Add(-2*60e9), db.Now().Add(60e9))
	if err != nil {
		t.Fatal(err)
	}
	_, states, out := examined(t, other)
	if states["mails"] != checkTodo || states["keys"] != checkTodo || !strings.Contains(out, "1 mail is more than a minute late") || !strings.Contains(out, "missing and needed by") {
		t.Errorf("%s", out)
	}
}
