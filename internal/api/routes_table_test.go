package api_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/api/apitest"
	"latchkey/internal/audit"
	"latchkey/internal/factor"
	"latchkey/internal/pg"
	"latchkey/internal/session"
)

// What every route that changes something answers to whom. A route that is
// registered and has no row here fails the test, and so does a row without a
// route: adding one means writing down who may call it.
//
// The columns are: nobody; the token of an unfinished sign-in; a session; a
// session that was confirmed; an access token with every scope; and another
// user, confirmed, who sends the very same call: our ids, our codes.
type answers struct{ nobody, signIn, plain, sure, token, other string }

const (
	out  = "401 unauthenticated"
	lock = "403 confirmation_required"
	noTk = "403 not_with_token"
	gone = "404 not_found"
	not  = "403 forbidden"
)

// public routes look at no bearer.
func public(ok string) answers { return answers{ok, ok, ok, ok, ok, ok} }

// steps of a sign-in take its token alone; other is another's sign-in.
func step(ok, other string) answers { return answers{out, ok, out, out, out, other} }

// guarded routes are those marked 🔒.
func guarded(ok, other string) answers { return answers{out, out, lock, ok, noTk, other} }

// free routes want a session, or a token that may write.
func free(ok, other string) answers { return answers{out, out, ok, ok, ok, other} }

// inPerson wants a session and nothing less.
func inPerson(ok, other string) answers { return answers{out, out, ok, ok, noTk, other} }

// cell is one cell's cast: fresh people for each, since a call may end them.
type cell struct {
	h         *house
	me, other *person
	subject   *person // whom an admin's call is about
	signIn    string
	plain     string // a session of mine
	sure      string // another, confirmed, where it is the caller
}

// routeRow is one call. path and body are made for each cell; before sets the
// stage, with the session that will call (empty: none will).
type routeRow struct {
	want   answers
	traits []trait // of me and of the other one
	enrols bool    // both have no method, and must turn one on
	path   func(*cell) string
	before func(c *cell, caller string)
	body   func(c *cell, caller string) any
	header [2]string
}

func fixed(body any) func(*cell, string) any { return func(*cell, string) any { return body } }

func idIn(list string) func(*cell) string {
	return func(c *cell) string { return c.h.api.As(c.plain).Get(list).Want(200).Text("items.0.id") }
}

func subjectID(c *cell) string { return c.subject.id.String() }

var mutatingRoutes = map[string]routeRow{
	"POST /sign-ups": {want: public("201"), body: func(c *cell, _ string) any {
		return apitest.M{"email": "new-" + uuid.NewString() + "@example.org", "name": "Eve", "password": "lamp orbit cabbage quartz"}
	}},
	"POST /sign-ins": {want: public("200"), body: func(c *cell, _ string) any {
		return apitest.M{"email": c.me.email, "password": password}
	}},
	"POST /password-resets": {want: public("202"), body: func(c *cell, _ string) any { return apitest.M{"email": c.me.email} }},
	"POST /password-resets/confirm": {want: public("422 code_expired"),
		body: fixed(apitest.M{"token": strings.Repeat("A", 43), "password": "lamp orbit cabbage quartz"})},
	"POST /invitations/accept": {want: public("422 code_expired"),
		body: fixed(apitest.M{"token": strings.Repeat("A", 43), "name": "Eve", "password": "lamp orbit cabbage quartz"})},

	"DELETE /sign-ins/current":          {want: step("204", "204")},
	"POST /sign-ins/current/email-code": {want: step("202", "202"), traits: []trait{withEmail}},
	"POST /sign-ins/current/verify": {want: step("200", "422 wrong_code"),
		body: func(c *cell, _ string) any { return codeBody("app", c.me.appCode()) }},
	"POST /sign-ins/current/enrolments": {want: step("201", "201"), enrols: true, body: fixed(apitest.M{"method": "app"})},
	"POST /sign-ins/current/enrolments/confirm": {want: step("200", "409 conflict"), enrols: true, body: func(c *cell, _ string) any {
		made := c.h.api.As(c.signIn).Post("/sign-ins/current/enrolments", apitest.M{"method": "app"}).Want(201)
		return codeBody("app", codeOf(c.h, made.Text("secret"), 0))
	}},
	"POST /sign-ins/current/complete": {want: step("200", "409 conflict"), enrols: true, body: func(c *cell, _ string) any {
		made := c.h.api.As(c.signIn).Post("/sign-ins/current/enrolments", apitest.M{"method": "app"}).Want(201)
		c.h.api.As(c.signIn).Post("/sign-ins/current/enrolments/confirm", codeBody("app", codeOf(c.h, made.Text("secret"), 0))).Want(200)
		return apitest.M{"recovery_keys_saved": true}
	}},

	"PATCH /me":                   {want: free("200", "200"), body: fixed(apitest.M{"name": "Grace"})},
	"DELETE /me":                  {want: guarded("204", "204")},
	"POST /me/email-verification": {want: free("202", "202"), traits: []trait{unverified}},
	"POST /me/email-verification/confirm": {want: free("200", "422 wrong_code"), traits: []trait{unverified}, body: func(c *cell, _ string) any {
		c.h.api.As(c.plain).Post("/me/email-verification", nil).Want(202)
		return apitest.M{"code": c.me.mailed(factor.VerifyEmail)}
	}},
	"POST /me/email-change": {want: guarded("202", "202"), body: fixed(apitest.M{"email": "moved@example.org"})},
	// Asking for the code was 🔒, and it is good in that session alone.
	"POST /me/email-change/confirm": {want: answers{out, out, "409 conflict", "200", noTk, "409 conflict"}, body: func(c *cell, caller string) any {
		c.h.api.As(c.begins(caller)).Post("/me/email-change", apitest.M{"email": "to-" + c.me.email}).Want(202)
		return apitest.M{"code": c.me.mailed(factor.EmailChange)}
	}},
	"POST /me/confirmations": {want: inPerson("200", "422 wrong_code"), body: func(c *cell, _ string) any {
		return apitest.M{"password": password, "method": "app", "code": c.me.appCode()}
	}},
	"POST /me/confirmations/email-code": {want: inPerson("202", "202"), traits: []trait{withEmail}},
	"POST /me/password":                 {want: guarded("204", "204"), body: fixed(apitest.M{"password": "lamp orbit cabbage quartz"})},
	"DELETE /me/two-factor":             {want: guarded("200", "200")},
	"POST /me/two-factor/enrolments":    {want: guarded("201", "201"), body: fixed(apitest.M{"method": "app", "name": "Tablet"})},
	"POST /me/two-factor/enrolments/confirm": {want: guarded("200", "409 already_enabled"), body: func(c *cell, caller string) any {
		made := c.h.api.As(c.begins(caller)).Post("/me/two-factor/enrolments", apitest.M{"method": "app", "name": "Tablet"}).Want(201)
		return codeBody("app", codeOf(c.h, made.Text("secret"), 0))
	}},
	"DELETE /me/two-factor/methods/:id": {want: guarded("200", gone),
		path: func(c *cell) string { return c.h.api.As(c.plain).Get("/me/two-factor").Want(200).Text("methods.0.id") }},
	"POST /me/two-factor/app/reset": {want: guarded("204", "204")},
	"POST /me/recovery-keys":        {want: guarded("201", "201")},
	"POST /me/recovery-keys/check":  {want: guarded("200", "200"), body: func(c *cell, _ string) any { return apitest.M{"key": c.me.keys[0]} }},
	"DELETE /me/sessions":           {want: free("204", "204")},
	"DELETE /me/sessions/current":   {want: inPerson("204", "204")},
	"DELETE /me/sessions/:id":       {want: free("204", gone), path: idIn("/me/sessions")},
	"DELETE /me/trusted-devices/:id": {want: free("204", gone), path: idIn("/me/trusted-devices"),
		before: func(c *cell, _ string) { c.trust(c.me) }},
	"POST /me/tokens":       {want: guarded("201", "201"), body: fixed(apitest.M{"name": "script", "scopes": []string{"read"}})},
	"DELETE /me/tokens/:id": {want: free("204", gone), path: idIn("/me/tokens"), before: func(c *cell, _ string) { c.me.token(c.h.session(c.me, true), "read") }},

	"PUT /admin/policy":          {want: guarded("200", not), traits: []trait{asAdmin}, header: [2]string{"If-Match", `"1"`}, body: policyNow},
	"POST /admin/policy/preview": {want: free("200", not), traits: []trait{asAdmin}, body: policyNow},
	"POST /admin/users": {want: free("201", not), traits: []trait{asAdmin}, body: func(*cell, string) any {
		return apitest.M{"email": "guest-" + uuid.NewString() + "@example.org", "name": "Guest", "role": "user"}
	}},
	"PATCH /admin/users/:id":                     {want: guarded("200", not), traits: []trait{asAdmin}, path: subjectID, body: fixed(apitest.M{"name": "Grace"})},
	"DELETE /admin/users/:id":                    {want: guarded("204", not), traits: []trait{asAdmin}, path: subjectID},
	"PUT /admin/users/:id/requirement":           {want: guarded("204", not), traits: []trait{asAdmin}, path: subjectID},
	"DELETE /admin/users/:id/requirement":        {want: guarded("204", not), traits: []trait{asAdmin}, path: subjectID, before: func(c *cell, _ string) { c.subject.require() }},
	"DELETE /admin/users/:id/two-factor":         {want: guarded("204", not), traits: []trait{asAdmin}, path: subjectID},
	"POST /admin/users/:id/two-factor/app/reset": {want: guarded("204", not), traits: []trait{asAdmin}, path: subjectID},
	"POST /admin/users/:id/unlock":               {want: free("204", not), traits: []trait{asAdmin}, path: subjectID},
	"POST /admin/users/:id/verification": {want: free("202", not), traits: []trait{asAdmin}, path: subjectID, before: func(c *cell, _ string) {
		c.h.exec(`UPDATE users SET email_verified_at = NULL WHERE id = $1`, c.subject.id)
	}},
	"DELETE /admin/users/:id/sessions":    {want: free("204", not), traits: []trait{asAdmin}, path: subjectID},
	"POST /admin/users/:id/recovery-pass": {want: guarded("201", not), traits: []trait{asAdmin}, path: subjectID},
	"POST /admin/mails/:id/retry": {want: free("202", not), traits: []trait{asAdmin}, path: func(c *cell) string {
		c.h.api.Post("/sign-ups", apitest.M{"email": "mail-" + c.subject.email, "name": "Eve", "password": "lamp orbit cabbage quartz"}).Want(201)
		var id uuid.UUID
		if err := c.h.db.GetContext(c.h.t.Context(), &id, `SELECT id FROM mails WHERE recipient = $1`, "mail-"+c.subject.email); err != nil {
			c.h.t.Fatal(err)
		}
		return id.String()
	}},
}

func policyNow(c *cell, _ string) any {
	return apitest.As[apitest.M](c.h.api.As(c.plain).Get("/admin/policy").Want(200))
}

func TestEveryMutatingRouteAnswersEveryCallerAsDocumented(t *testing.T) {
	t.Parallel()
	registered := map[string]bool{}
	all := newHouse(t)
	for _, r := range all.app.Routes() {
		method, path, _ := strings.Cut(r, " ")
		if path, ours := strings.CutPrefix(path, apitest.Prefix); ours && method != "GET" {
			registered[method+" "+path] = true
			if _, listed := mutatingRoutes[method+" "+path]; !listed {
				t.Errorf("%s %s has no row: write down who may call it", method, path)
			}
		}
	}
	for route, row := range mutatingRoutes {
		if !registered[route] {
			t.Errorf("%s is not registered", route)
			continue
		}
		t.Run(route, func(t *testing.T) {
			t.Parallel()
			house := all.in(t)
			if route == "PUT /admin/policy" { // it changes what holds for all
				house = newHouse(t)
			}
			for name, want := range map[string]string{
				"nobody": row.want.nobody, "sign-in": row.want.signIn, "session": row.want.plain, "confirmed": row.want.sure,
				"access token": row.want.token, "another user": row.want.other,
			} {
				if got := house.ask(route, row, name); got != want {
					t.Errorf("%s: %s, want %s", name, got, want)
				}
			}
		})
	}
}

// ask makes the people of one cell and has them call.
func (h *house) ask(route string, row routeRow, who string) string {
	h.t.Helper()
	answer := h.ready(route, row, who)()
	return strings.TrimSpace(status(answer.Status) + " " + answer.Problem().Code)
}

// ready makes the people of one cell and gives their call.
func (h *house) ready(route string, row routeRow, who string) func() *apitest.Response {
	h.t.Helper()
	traits := slices.Clone(row.traits)
	if !row.enrols {
		traits = append([]trait{withApp}, traits...)
	}
	c := &cell{h: h, me: h.person(traits...), subject: h.person(withApp)}
	c.plain = h.session(c.me, false)
	var token string
	if who == "access token" { // one that exists goes on working when its user must enrol
		scopes := everyScope[:2]
		if strings.Contains(route, " /admin/") {
			scopes = everyScope
		}
		token = c.me.token(h.session(c.me, true), scopes...)
	}
	admin := strings.Contains(route, " /admin/")
	if admin {
		c.other = h.person(withApp)
	} else {
		c.other = h.person(traits...)
	}
	if strings.Contains(route, "/sign-ins/current") || who == "sign-in" {
		if row.enrols {
			c.me.require()
			c.other.require()
		}
		c.signIn = c.me.signIn()
	}
	caller := map[string]func() string{
		"nobody": func() string { return "" }, "sign-in": func() string { return c.signIn },
		"session": func() string { return c.plain }, "confirmed": func() string { c.sure = h.session(c.me, true); return c.sure },
		"access token": func() string { return token },
		"another user": func() string {
			if strings.Contains(route, "/sign-ins/current") {
				return c.other.signIn()
			}
			return h.session(c.other, true)
		},
	}[who]()
	if row.before != nil {
		row.before(c, caller)
	}
	method, path, _ := strings.Cut(route, " ")
	if row.path != nil {
		path = strings.Replace(path, ":id", row.path(c), 1)
	}
	var body any
	if row.body != nil {
		body = row.body(c, caller)
	}
	call := h.api.Bad().As(caller)
	if row.header[0] != "" {
		call = call.Header(row.header[0], row.header[1])
	}
	return func() *apitest.Response { return call.Do(method, path, body) }
}

// session makes one straight through the store.
func (h *house) session(p *person, confirmed bool) (token string) {
	h.t.Helper()
	n := session.New{User: p.id, Front: session.Bearer, Assurance: session.TwoFactor, Method: "app", Idle: time.Hour, Lifetime: time.Hour}
	if confirmed {
		n.Confirmed = 10 * time.Minute
	}
	h.tx(func(ctx context.Context, tx *pg.Tx) (err error) {
		_, token, err = h.app.SignIn.Sessions.CreateTx(ctx, tx, audit.Actor{Device: "table"}, n)
		return err
	})
	return token
}

func (c *cell) trust(p *person) (device string) {
	c.h.t.Helper()
	c.h.tx(func(ctx context.Context, tx *pg.Tx) (err error) {
		device, _, err = c.h.app.SignIn.Sessions.TrustTx(ctx, tx, audit.Actor{Device: "table"}, p.id, time.Hour)
		return err
	})
	return device
}

// begins is the session of mine that asks for a code, which is good there
// alone: the caller's, where that may ask.
func (c *cell) begins(caller string) string {
	if c.sure != "" {
		return caller
	}
	return c.h.session(c.me, true)
}
