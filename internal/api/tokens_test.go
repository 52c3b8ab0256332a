package api_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/account"
	"latchkey/internal/api"
	"latchkey/internal/api/apitest"
	"latchkey/internal/audit"
	"latchkey/internal/pg"
	"latchkey/internal/policy"
	"latchkey/internal/session"
)

// token makes an access token by API, in a confirmed session.
func (p *person) token(confirmed string, scopes ...string) string {
	p.h.t.Helper()
	return p.h.api.As(confirmed).Post("/me/tokens", apitest.M{"name": "script", "scopes": scopes}).Want(201).Text("token")
}

var everyScope = []string{"read", "write", "admin:read", "admin:write"}

func TestAccessTokenLife(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	in := p.in()
	wish := apitest.M{"name": " Backup ", "scopes": []string{"write", "read"}}
	h.api.As(in).Post("/me/tokens", wish).WantProblem(403, "confirmation_required")
	p.confirm(in)
	made := h.api.As(in).Post("/me/tokens", wish).Want(201)
	if made.Text("name") != "Backup" || fmt.Sprint(made.Field("scopes")) != "[read write]" || made.Field("last_used_at") != nil {
		t.Errorf("%s", made.Body)
	}
	if ends, err := time.Parse(time.RFC3339, made.Text("expires_at")); err != nil || !ends.Equal(h.clock.Now().Add(90*24*time.Hour)) {
		t.Errorf("ends %v, %v", ends, err)
	}
	token := made.Text("token")
	h.api.As(token).Get("/me").Want(200)
	h.clock.Advance(30 * time.Second)
	h.api.As(token).Get("/me/tokens").Want(200)
	list := h.api.As(in).Get("/me/tokens").Want(200)
	if strings.Contains(string(list.Body), token) || strings.Contains(string(list.Body), `"token"`) {
		t.Errorf("the list shows the token: %s", list.Body)
	}
	if n := h.count(`SELECT count(*) FROM access_tokens WHERE last_used_at = date_trunc('minute', last_used_at) AND last_address = '127.0.0.1'`); n != 1 {
		t.Error("last use is not noted to the minute with its address")
	}
	if h.mails("token_made", p.email) != 1 {
		t.Error("no mail")
	}
	h.api.As(token).Delete("/me/tokens/" + made.Text("id")).Want(204)
	h.api.As(token).Get("/me").WantProblem(401, "unauthenticated")
	h.api.As(in).Delete("/me/tokens/"+made.Text("id")).WantProblem(404, "not_found")
	if all := h.events(p.id); !strings.Contains(all, "token_made") || !strings.HasSuffix(all, "token_revoked") {
		t.Error(all)
	}
}

func TestAccessTokenWishesAreJudged(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person()
	in := p.confirmed()
	h.rules(func(r *policy.Rules) { r.TokenMaxDays = 30 })
	at := func(d time.Duration) string { return h.clock.Now().Add(d).Format(time.RFC3339) }
	for name, c := range map[string]struct {
		body  apitest.M
		field string
	}{
		"no name":     {apitest.M{"name": " ", "scopes": []string{"read"}}, "name"},
		"long name":   {apitest.M{"name": strings.Repeat("x", 61), "scopes": []string{"read"}}, "name"},
		"line break":  {apitest.M{"name": "a\nb", "scopes": []string{"read"}}, "name"},
		"no scope":    {apitest.M{"name": "a", "scopes": []string{}}, "scopes"},
		"unknown":     {apitest.M{"name": "a", "scopes": []string{"read", "root"}}, "scopes"},
		"twice":       {apitest.M{"name": "a", "scopes": []string{"read", "read"}}, "scopes"},
		"admin's":     {apitest.M{"name": "a", "scopes": []string{"admin:read"}}, "scopes"},
		"past":        {apitest.M{"name": "a", "scopes": []string{"read"}, "expires_at": at(-time.Second)}, "expires_at"},
		"over policy": {apitest.M{"name": "a", "scopes": []string{"read"}, "expires_at": at(31 * 24 * time.Hour)}, "expires_at"},
	} {
		answer := h.api.As(in).Bad().Post("/me/tokens", c.body)
		answer.WantProblem(400, "invalid_request")
		if !strings.Contains(string(answer.Body), `"field":"`+c.field+`"`) {
			t.Errorf("%s: %s", name, answer.Body)
		}
	}
	made := h.api.As(in).Post("/me/tokens", apitest.M{"name": "a", "scopes": []string{"read"}}).Want(201)
	if ends, err := time.Parse(time.RFC3339, made.Text("expires_at")); err != nil || !ends.Equal(h.clock.Now().Add(30*24*time.Hour)) {
		t.Errorf("ends %v, though policy allows 30 days", ends)
	}
	short := h.api.As(in).Post("/me/tokens", apitest.M{"name": "b", "scopes": []string{"read"}, "expires_at": at(time.Minute)}).Want(201).Text("token")
	h.api.As(short).Get("/me").Want(200)
	h.clock.Advance(time.Minute)
	h.api.As(short).Get("/me").WantProblem(401, "unauthenticated")
}

// TestAccessTokensDieWithTheirUser, and with what was reported.
func TestAccessTokensDieWithTheirUser(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for name, end := range map[string]func(p *person, in string){
		"disabled": func(p *person, _ string) { h.exec(`UPDATE users SET status = 'disabled' WHERE id = $1`, p.id) },
		"deleted":  func(_ *person, in string) { h.api.As(in).Delete("/me").Want(204) },
		"ended": func(p *person, _ string) {
			h.tx(func(ctx context.Context, tx *pg.Tx) error {
				return p.h.app.SignIn.Sessions.EndTokensTx(ctx, tx, p.id)
			})
		},
	} {
		p := h.person()
		in := p.confirmed()
		token := p.token(in, "read")
		h.api.As(token).Get("/me").Want(200)
		end(p, in)
		if answer := h.api.As(token).Get("/me"); answer.Status != 401 {
			t.Errorf("%s: %d", name, answer.Status)
		}
	}
}

// TestAccessTokensAndEnrolment: one that exists goes on working while its user
// must still enrol, but none can be made then.
func TestAccessTokensAndEnrolment(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person()
	in := p.confirmed()
	token := p.token(in, "read")
	p.require()
	h.api.As(token).Get("/me").Want(200)
	h.api.As(in).Post("/me/tokens", apitest.M{"name": "b", "scopes": []string{"read"}}).WantProblem(403, "two_factor_required")
}

// TestScopesAndRoutes asks every route that is described with every scope.
func TestScopesAndRoutes(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(asAdmin)
	in := p.confirmed()
	tokens := map[string]string{}
	for _, s := range everyScope {
		tokens[s] = p.token(in, s)
	}
	takes := api.TokenRoutes()
	for _, route := range apitest.Routes() {
		method, path, _ := strings.Cut(route, " ")
		path = strings.TrimPrefix(path, apitest.Prefix)
		if !strings.HasPrefix(path, "/me") && !strings.HasPrefix(path, "/admin") {
			continue
		}
		scope, open := takes[method+" "+strings.NewReplacer("{", ":", "}", "").Replace(path)]
		if said := apitest.TakesTokens(method, path); said != open {
			t.Errorf("%s: openapi.yaml says that it takes access tokens: %v; it does: %v", route, said, open)
		}
		concrete := strings.ReplaceAll(path, "{id}", "01890a5d-ac96-774b-bcce-b302099a8057")
		for s, token := range tokens {
			if open && s == string(scope) && method != "GET" {
				continue // would be done: those have tests of their own
			}
			answer := h.api.As(token).Bad().Do(method, concrete, nil)
			code := answer.Problem().Code
			switch {
			case !open:
				if answer.Status != 403 || code != "not_with_token" {
					t.Errorf("%s with %s: %d %s, want not_with_token", route, s, answer.Status, code)
				}
			case s != string(scope):
				if answer.Status != 403 || code != "forbidden" {
					t.Errorf("%s with %s: %d %s, want forbidden", route, s, answer.Status, code)
				}
			case answer.Status >= 400 && answer.Status != 404:
				t.Errorf("%s with %s: %d %s", route, s, answer.Status, code)
			}
		}
	}
	// What is registered under both is described, and so was asked above.
	for route, scope := range takes {
		admin := strings.Contains(route, " /admin/")
		wants := []session.Scope{session.ScopeRead, session.ScopeWrite}
		if admin {
			wants = []session.Scope{session.ScopeAdminRead, session.ScopeAdminWrite}
		}
		want := wants[1]
		if strings.HasPrefix(route, "GET ") {
			want = wants[0]
		}
		if scope != want {
			t.Errorf("%s takes %s, want %s", route, scope, want)
		}
	}
}

func TestMutatingRoutesTakeWrite(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person()
	in := p.confirmed()
	write := p.token(in, "write")
	h.api.As(write).Patch("/me", apitest.M{"name": "Grace"}).Want(200)
	h.api.As(write).Get("/me").WantProblem(403, "forbidden")
	h.api.As(write).Bad().Post("/me/confirmations", apitest.M{"password": password}).WantProblem(403, "not_with_token")
	h.api.As(write).Bad().Delete("/me/sessions/current").WantProblem(403, "not_with_token")
	h.api.As(write).Delete("/me/sessions").Want(204)
	h.api.As(in).Get("/me").WantProblem(401, "unauthenticated")
}

// TestAccessTokensElsewhereAreNothing: in a URL, on the steps of a sign-in, as
// a password, beside another scheme.
func TestAccessTokensElsewhereAreNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	in := p.confirmed()
	token := p.token(in, everyScope[:2]...)
	for _, name := range []string{"access_token", "token", "bearer"} {
		h.api.Bad().Get("/me?"+name+"="+token).WantProblem(401, "unauthenticated")
	}
	h.api.As(token).Bad().Get("/sign-ins/current").WantProblem(401, "unauthenticated")
	h.api.As(token).Bad().Post("/sign-ins/current/verify", apitest.M{"method": "app", "code": p.nextAppCode()}).WantProblem(401, "unauthenticated")
	h.api.Post("/sign-ins", apitest.M{"email": p.email, "password": token}).WantProblem(401, "wrong_credentials")
	basic := h.api.Bad().Header("Authorization", "Basic YTpi").Get("/me")
	basic.WantProblem(401, "unauthenticated")
	if !strings.Contains(string(basic.Body), "access token") {
		t.Errorf("a password in a header: the answer does not name tokens: %s", basic.Body)
	}
	if strings.Contains(h.log.String(), token) {
		t.Error("the log has the token")
	}
}

// TestDeadTokensAreAllAlike: one answer for all of them, and those that can't
// be tokens are not even looked up.
func TestDeadTokensAreAllAlike(t *testing.T) {
	t.Parallel()
	h, elsewhere := newHouse(t), newHouse(t)
	p := h.person()
	in := p.confirmed()
	made := func(wish apitest.M) *apitest.Response {
		wish["name"], wish["scopes"] = "script", []string{"read"}
		return h.api.As(in).Post("/me/tokens", wish).Want(201)
	}
	good := made(apitest.M{}).Text("token")
	short := made(apitest.M{"expires_at": h.clock.Now().Add(time.Minute).Format(time.RFC3339)}).Text("token")
	revoked := made(apitest.M{})
	h.api.As(in).Delete("/me/tokens/" + revoked.Text("id")).Want(204)
	stranger := elsewhere.person()
	h.clock.Advance(time.Minute)
	h.api.As(good).Get("/me").Want(200)
	other := map[bool]byte{true: 'b', false: 'a'}[good[20] == 'a']
	malformed := map[string]string{
		"truncated": good[:49], "cut in half": good[:27], "longer": good + "0", "mistyped": good[:20] + string(other) + good[21:],
		"its checksum alone": "lkp_" + strings.Repeat("0", 40) + good[44:], "another kind": "lks_" + good[4:], "in capitals": "LKP_" + good[4:],
	}
	dead := map[string]string{"expired": short, "revoked": revoked.Text("token"), "foreign": stranger.token(stranger.confirmed(), "read")}
	said := ""
	for _, list := range []map[string]string{malformed, dead} {
		for name, token := range list {
			answer := h.api.As(token).Bad().Get("/me")
			answer.WantProblem(401, "unauthenticated")
			if said == "" {
				said = string(answer.Body)
			}
			if string(answer.Body) != said {
				t.Errorf("%s: %s, others %s", name, answer.Body, said)
			}
		}
	}
	h.exec(`ALTER TABLE access_tokens RENAME TO away`) // now each look-up fails
	if answer := h.api.As(good).Get("/me"); answer.Status != 500 {
		t.Errorf("a good token was not looked up: %d", answer.Status)
	}
	for name, token := range malformed {
		if answer := h.api.As(token).Bad().Get("/me"); answer.Status != 401 && name != "another kind" {
			t.Errorf("%s: looked up: %d", name, answer.Status)
		}
	}
}

// TestAReportEndsTheTokensOfTheChange: "this wasn't me" on the mail that told
// of a token ends it, and leaves an older one.
func TestAReportEndsTheTokensOfTheChange(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person()
	in := p.confirmed()
	older := p.token(in, "read")
	h.clock.Advance(time.Minute)
	newer := p.token(in, "read")
	var link string
	h.tx(func(ctx context.Context, tx *pg.Tx) (err error) {
		link, _, err = h.app.Settings.Links.MakeTx(ctx, tx, p.id, account.NotMeLink, account.LinkData{ChangedAt: tx.Now})
		return err
	})
	if err := h.app.Settings.NotMe(t.Context(), audit.Actor{Kind: audit.Anonymous}, account.NotMeLink, link); err != nil {
		t.Fatal(err)
	}
	h.api.As(newer).Get("/me").WantProblem(401, "unauthenticated")
	h.api.As(older).Get("/me").Want(200)
}

func TestEveryScopeIsKnown(t *testing.T) {
	t.Parallel()
	var all []string
	for _, s := range session.Scopes() {
		all = append(all, string(s))
	}
	if !slices.Equal(all, everyScope) {
		t.Errorf("%v", all)
	}
}
