package apitest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"latchkey/internal/api/apitest"
)

// watched is a test that takes note of what would fail it.
type watched struct {
	testing.TB
	said []string
}

func (w *watched) Helper()                      {}
func (w *watched) Errorf(f string, args ...any) { w.said = append(w.said, fmt.Sprintf(f, args...)) }

const (
	id    = `"01939c1e-8b2a-7c4e-9f31-5a6f2f0e7d11"`
	at    = `"2026-01-02T03:04:05.123456Z"`
	me    = `{"id":` + id + `,"email":"a@b.c","email_verified":true,"name":"A","role":"user","two_factor":false,"created_at":` + at + `}`
	lks   = "lks_abcdefghijklmnopqrstuvwxyz0123456789"
	lki   = "lki_abcdefghijklmnopqrstuvwxyz0123456789"
	empty = ""
)

func TestWhatDoesNotFitIsSeen(t *testing.T) {
	t.Parallel()
	problem := func(status int, code string) string {
		return fmt.Sprintf(`{"type":"https://x/docs#x","title":"T","status":%d,"detail":"D","code":%q}`, status, code)
	}
	for name, tc := range map[string]struct {
		method, path, token string
		body                any
		status              int
		answer              string
		header              string
		want                string // part of what is said; empty: all is well
	}{
		"a good answer":        {"GET", "/me", lks, nil, 200, me, "", ""},
		"a good body":          {"POST", "/sign-ups", empty, apitest.M{"email": "a@b.c", "name": "A", "password": "p"}, 201, me, "", ""},
		"an unknown field":     {"GET", "/me", lks, nil, 200, strings.Replace(me, `{`, `{"password_hash":"x",`, 1), "", "does not fit"},
		"a missing field":      {"GET", "/me", lks, nil, 200, strings.Replace(me, `"name":"A",`, ``, 1), "", "does not fit"},
		"another type":         {"GET", "/me", lks, nil, 200, strings.Replace(me, `"user"`, `7`, 1), "", "does not fit"},
		"another enum":         {"GET", "/me", lks, nil, 200, strings.Replace(me, `"user"`, `"root"`, 1), "", "does not fit"},
		"a local time":         {"GET", "/me", lks, nil, 200, strings.Replace(me, `123456Z`, `123456+01:00`, 1), "", "does not fit"},
		"a random UUID":        {"GET", "/me", lks, nil, 200, strings.Replace(me, `-7c4e-`, `-4c4e-`, 1), "", "does not fit"},
		"not JSON":             {"GET", "/me", lks, nil, 200, `me`, "", "does not fit"},
		"a status":             {"GET", "/me", lks, nil, 418, me, "", "does not fit"},
		"a route":              {"GET", "/nowhere", lks, nil, 404, problem(404, "not_found"), "", "not described"},
		"a method":             {"PUT", "/me", lks, nil, 404, problem(404, "not_found"), "", "not described"},
		"a body for none":      {"POST", "/me/email-verification", lks, `{"x":1}`, 400, problem(400, "invalid_request"), "", "does not fit"},
		"braces for none":      {"POST", "/me/email-verification", lks, `{}`, 400, problem(400, "invalid_request"), "", ""},
		"a field too many":     {"POST", "/sign-ups", empty, apitest.M{"email": "a", "name": "A", "password": "p", "role": "admin"}, 201, me, "", "does not fit"},
		"no token":             {"GET", "/me", empty, nil, 200, me, "", "does not fit"},
		"another token":        {"GET", "/me", lki, nil, 200, me, "", "does not fit"},
		"a token too weak":     {"DELETE", "/me/two-factor", strings.Replace(lks, "lks_", "lkp_", 1), nil, 403, problem(403, "not_with_token"), "", "does not fit"},
		"a problem":            {"GET", "/me", lks, nil, 401, problem(401, "unauthenticated"), "", ""},
		"another code":         {"GET", "/me", lks, nil, 401, problem(401, "wrong_code"), "", "does not fit"},
		"another status in it": {"GET", "/me", lks, nil, 401, problem(400, "unauthenticated"), "", "does not fit"},
		"words missing":        {"GET", "/me", lks, nil, 401, strings.Replace(problem(401, "unauthenticated"), `"D"`, `"[fault.x]"`, 1), "", "does not fit"},
		"no Retry-After":       {"GET", "/me", lks, nil, 503, problem(503, "unavailable"), "", "does not fit"},
		"Retry-After":          {"GET", "/me", lks, nil, 503, problem(503, "unavailable"), "Retry-After: 2", ""},
		"a cookie":             {"GET", "/me", lks, nil, 200, me, "Set-Cookie: a=b", "cookie"},
		"cached":               {"GET", "/me", lks, nil, 200, me, "Cache-Control: public", "no-store"},
		"half a session":       {"GET", "/sign-ins/current", lki, nil, 200, `{"status":"second_factor","expires_at":` + at + `,"methods":[],"session_token":"` + lks + `"}`, "", "does not fit"},
		"complete without one": {"GET", "/sign-ins/current", lki, nil, 200, `{"status":"complete","expires_at":` + at + `,"methods":[]}`, "", "does not fit"},
		"complete": {"GET", "/sign-ins/current", lki, nil, 200, `{"status":"complete","expires_at":` + at + `,"methods":[],"assurance":"password","user":` + me + `,"session_token":"` + lks + `"}`,
			"", ""},
		"both words":    {"POST", "/sign-ins/current/complete", lki, apitest.M{"skip": true, "recovery_keys_saved": true}, 400, problem(400, "invalid_request"), "", "does not fit"},
		"skip false":    {"POST", "/sign-ins/current/complete", lki, apitest.M{"skip": false}, 400, problem(400, "invalid_request"), "", "does not fit"},
		"empty":         {"DELETE", "/me/sessions/" + strings.Trim(id, `"`), lks, nil, 204, "", "", ""},
		"a text file":   {"GET", "/me/recovery-keys.txt", lks, nil, 200, "keys", "Content-Disposition: attachment; filename=\"x.txt\"", ""},
		"no attachment": {"GET", "/me/recovery-keys.txt", lks, nil, 200, "keys", "", "does not fit"},
		"an app enrolment without its secret": {"POST", "/sign-ins/current/enrolments", lki, apitest.M{"method": "app"}, 201,
			`{"method":"app","expires_at":` + at + `}`, "", "does not fit"},
		"nulls where they may be": {"GET", "/me/two-factor", lks, nil, 200,
			`{"enabled":false,"methods":[],"preferred":null,"recovery_keys":{"total":0,"left":0,"generated_at":null},"required":{"by":null,"from":null}}`, "", ""},
		"null for a list": {"GET", "/me/two-factor", lks, nil, 200,
			`{"enabled":false,"methods":null,"preferred":null,"recovery_keys":{"total":0,"left":0,"generated_at":null},"required":{"by":null,"from":null}}`, "", "does not fit"},
		"an event": {"GET", "/me/events?cursor=x", lks, nil, 200,
			`{"items":[{"id":` + id + `,"at":` + at + `,"action":"sign_in","actor":{"kind":"user","id":` + id + `},"subject_id":null,"address":"1.2.3.4","device":"curl","data":{"n":[1]}}],"next_cursor":null}`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Request-Id", "r1")
				w.Header().Set("Cache-Control", "no-store")
				w.Header().Set("Content-Type", "application/json")
				switch {
				case tc.status >= 400 && tc.status != 418:
					w.Header().Set("Content-Type", "application/problem+json")
				case strings.HasSuffix(tc.path, ".txt"):
					w.Header().Set("Content-Type", "text/plain; charset=utf-8")
				case tc.status == 204:
					w.Header().Del("Content-Type")
				}
				if k, v, ok := strings.Cut(tc.header, ": "); ok {
					w.Header().Set(k, v)
				}
				w.WriteHeader(tc.status)
				_, _ = w.Write([]byte(tc.answer))
			}))
			defer srv.Close()
			w := &watched{TB: t}
			apitest.New(w, srv.URL).As(tc.token).Do(tc.method, tc.path, tc.body)
			said := strings.Join(w.said, "\n")
			if (tc.want == "") != (said == "") || !strings.Contains(said, tc.want) {
				t.Errorf("said: %s", said)
			}
		})
	}
}

func TestRoutesAndDescriptionMustMatch(t *testing.T) {
	t.Parallel()
	var all []string
	for _, r := range apitest.Routes() {
		all = append(all, strings.NewReplacer("{id}", ":id").Replace(r))
	}
	w := &watched{TB: t}
	apitest.CheckRoutes(w, append(all, "GET /healthz"))
	if len(w.said) != 0 || len(all) < 30 {
		t.Errorf("%d routes: %v", len(all), w.said)
	}
	apitest.CheckRoutes(w, append(all[1:], "GET /api/v1/secret-door"))
	if len(w.said) != 2 {
		t.Errorf("said: %v", w.said)
	}
}
