package web

import (
	"net/url"
	"unicode/utf8"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/admin"
	"latchkey/internal/factor"
	"latchkey/internal/fault"
)

// peoplePage is the list of users.
type peoplePage struct {
	frame
	Query   string
	Filter  admin.Filter
	Filters []filterLink
	People  []personRow
	Next    string // address of the next page; empty: this is the last
	First   string // address of the first page; empty: this is it
	CSV     string // address of the file; empty: not for this role
	MayRule bool
}

type filterLink struct {
	Name, Words, To string
	Here            bool
}

// personRow is a user in a list, in words.
type personRow struct {
	admin.User
	RoleName, StatusName string
	App, Mail            bool
	Apps                 int
}

// Normal: nothing of the account's standing needs to be said.
func (p personRow) Normal() bool { return p.Status == account.Active }

// Plain: there is nothing about the account's standing to show.
func (p personRow) Plain() bool {
	return p.Normal() && p.Role == account.Member && p.EmailVerified && p.FrozenUntil == nil
}

var filterNames = map[admin.Filter]string{
	"":               "web.admin.filter.all",
	admin.Covered:    "web.admin.filter.covered",
	admin.NotCovered: "web.admin.filter.not_covered",
	admin.Required:   "web.admin.filter.required",
	admin.Frozen:     "web.admin.filter.frozen",
	admin.Unverified: "web.admin.filter.unverified",
	admin.Disabled:   "web.admin.filter.disabled",
}

func people(v *visit) error {
	s := admin.Search{Query: v.query("query"), Filter: admin.Filter(v.query("filter")), Cursor: v.query("cursor")}
	p := &peoplePage{Query: s.Query, Filter: s.Filter, MayRule: v.desk == account.Admin}
	p.Here = "users"
	for _, f := range append([]admin.Filter{""}, admin.Filters()...) {
		p.Filters = append(p.Filters, filterLink{
			string(f), v.o.Words.T(filterNames[f], nil), listPath("/admin/users", "query", s.Query, "filter", string(f)), f == s.Filter,
		})
	}
	if p.MayRule {
		p.CSV = listPath("/admin/users.csv", "query", s.Query, "filter", string(s.Filter))
	}
	list, next, err := v.o.Admin.Users(v.ctx(), v.by, v.in, s)
	if err != nil {
		return v.redrawList("admin_users", p, err)
	}
	for _, u := range list {
		p.People = append(p.People, v.personRow(u))
	}
	if next != "" {
		p.Next = listPath("/admin/users", "query", s.Query, "filter", string(s.Filter), "cursor", next)
	}
	if s.Cursor != "" {
		p.First = listPath("/admin/users", "query", s.Query, "filter", string(s.Filter))
	}
	return v.draw("admin_users", p)
}

func (v *visit) personRow(u admin.User) personRow {
	row := personRow{
		User: u, RoleName: v.o.Words.T(roleNames[u.Role], nil), StatusName: v.o.Words.T(statusNames[u.Status], nil),
		Mail: factor.Has(u.Methods, factor.Email),
	}
	for _, m := range u.Methods {
		if m.Kind == factor.App {
			row.App = true
			row.Apps++
		}
	}
	return row
}

// redrawList shows a list with what is wrong in its search; only that is a
// failure of the page itself.
func (v *visit) redrawList(name string, p page, err error) error {
	if f, ok := fault.As(err); !ok || f.Kind != fault.Invalid {
		return err
	}
	return v.redraw(name, p, err)
}

// query reads a part of the address. What is not text reads as empty.
func (v *visit) query(name string) string {
	s := v.c.Query(name)
	if !utf8.ValidString(s) {
		return ""
	}
	for _, r := range s {
		if r == 0 {
			return ""
		}
	}
	return s
}

// listPath is a page of a list: pairs of name and value, empty ones left out.
func listPath(path string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" { // #nosec G602 -- callers write pairs
			q.Set(pairs[i], pairs[i+1]) // #nosec G602 -- the same
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// invitePage asks for whom an account is made.
type invitePage struct {
	frame
	Email, Name string
	Role        string
	Roles       []ruleOption
}

func inviteForm(v *visit) error {
	return v.draw("admin_invite", v.invitePage("", "", string(account.Member)))
}

func (v *visit) invitePage(email, name, role string) *invitePage {
	p := &invitePage{Email: email, Name: name, Role: role, Roles: v.roleOptions(role)}
	p.Here = "users"
	return p
}

func (v *visit) roleOptions(chosen string) []ruleOption {
	var out []ruleOption
	for i, r := range []account.Role{account.Member, account.Support, account.Admin} {
		id := "role"
		if i > 0 {
			id += "-" + string(r)
		}
		out = append(out, ruleOption{id, string(r), v.o.Words.T(roleTexts[r], nil), string(r) == chosen})
	}
	return out
}

var roleTexts = map[account.Role]string{
	account.Member:  "web.admin.role.user_text",
	account.Support: "web.admin.role.support_text",
	account.Admin:   "web.admin.role.admin_text",
}

// inviteSubmit invites. A second press of the button is no second invitation,
// and no address that is taken either.
func inviteSubmit(v *visit) error {
	email, name, role := v.form("email"), v.form("name"), v.form("role")
	first, kept, done, err := v.onceKept()
	if err != nil {
		return err
	}
	if !first {
		v.notice(noticeAlready, "")
		if id, err := uuid.ParseBytes(kept); err == nil {
			return v.to("/admin/users/" + id.String())
		}
		return v.to("/admin/users") // the first is still under way
	}
	u, err := v.o.Admin.Invite(v.ctx(), v.by, v.in, admin.Invited{Email: email, Name: name, Role: account.Role(role)})
	done(err, []byte(u.ID.String()))
	if err != nil {
		return v.redraw("admin_invite", v.invitePage(email, name, role), err)
	}
	v.notice(noticeInvited, "")
	return v.to("/admin/users/" + u.ID.String())
}
