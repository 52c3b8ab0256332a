package api_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"latchkey/internal/api/apitest"
	"latchkey/internal/guard"
	"latchkey/internal/pg"
)

// Somebody who has all that there is, open and half done, stands by while
// others call every route: not one row of theirs changes.
func TestNobodyElseIsTouched(t *testing.T) {
	t.Parallel()
	type call struct {
		name  string
		ready func(*house) func() *apitest.Response
	}
	var table, ways []call
	for _, route := range slices.Sorted(maps.Keys(mutatingRoutes)) {
		row := mutatingRoutes[route]
		who := "confirmed"
		if strings.HasPrefix(row.want.nobody, "2") {
			who = "nobody"
		} else if strings.HasPrefix(row.want.signIn, "2") {
			who = "sign-in"
		}
		if route != "PUT /admin/policy" { // it is about everybody
			table = append(table, call{route, func(h *house) func() *apitest.Response { return h.ready(route, row, who) }})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(otherWays)) {
		if name != "an enrolment is put off" { // it changes the policy for the rest
			ways = append(ways, call{name, otherWays[name]})
		}
	}
	for group, calls := range map[string][]call{"table": table, "other ways": ways} {
		t.Run(group, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			bystander := h.bystander()
			before := h.rowsOf(bystander)
			for _, c := range calls {
				c.ready(h)()
				after := h.rowsOf(bystander)
				for where, rows := range before {
					if after[where] != rows {
						t.Errorf("%s changes %s of somebody else:\n%s\n%s", c.name, where, rows, after[where])
					}
				}
				before = after
			}
		})
	}
}

// bystander is a person with a row in every table that can hold one.
func (h *house) bystander() uuid.UUID {
	h.t.Helper()
	p := h.person(withApp, withEmail)
	p.pass()
	p.trusting()
	p.token(h.session(p, true), "read")
	p.resetLink()
	p.verify(p.signIn(), "app", p.wrongCode()).WantProblem(422, "wrong_code")
	p.verify(p.signIn(), "recovery_key", p.keys[0]).Want(200)
	h.api.Post("/sign-ins", apitest.M{"email": p.email, "password": "not it"}).WantProblem(401, "wrong_credentials")
	me := h.api.As(p.confirmed())
	me.Post("/me/two-factor/enrolments", apitest.M{"method": "app", "name": "Tablet"}).Want(201)
	me.Post("/me/email-change", apitest.M{"email": "new-" + p.email}).Want(202)
	h.api.As(p.signIn()).Post("/sign-ins/current/email-code", nil).Want(202)
	h.tx(func(ctx context.Context, tx *pg.Tx) error {
		return guard.KnowTx(ctx, tx, p.id, uuid.New(), "Firefox on Linux", "192.0.2.1")
	})
	return p.id
}

// rowsOf is all that the database holds of one person, by table.
func (h *house) rowsOf(user uuid.UUID) map[string]string {
	h.t.Helper()
	var tables []string
	err := h.db.SelectContext(h.t.Context(), &tables, `
		SELECT c.table_name FROM information_schema.columns c JOIN information_schema.tables USING (table_schema, table_name)
		WHERE c.table_schema = 'public' AND c.column_name = 'user_id' AND table_type = 'BASE TABLE'`)
	if err != nil || len(tables) < 12 {
		h.t.Fatalf("%d tables: %v", len(tables), err)
	}
	out := map[string]string{}
	for _, table := range append(tables, "users") {
		column := "user_id"
		if table == "users" {
			column = "id"
		}
		var rows string
		err := h.db.GetContext(h.t.Context(), &rows, `
			SELECT coalesce(string_agg(to_jsonb(t)::text, E'\n' ORDER BY to_jsonb(t)::text), '') FROM `+table+` t WHERE `+column+` = $1`, user)
		if err != nil {
			h.t.Fatal(err)
		}
		out[table] = rows
	}
	return out
}
