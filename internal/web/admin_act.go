package web

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/admin"
	"latchkey/internal/fault"
)

// act is one thing that is done to somebody, on a page of its own that says
// what it does.
type act struct {
	title, short, text string
	ends               []string // what else happens, one line each
	button             string
	field              string // one more input beside the reason: day, role or name; empty: none
	said               string // notice after it
	locked             bool   // 🔒: confirm before the form is filled in
	support            bool   // role support may, too
	danger             bool
	fits               func(personRow, time.Time) bool // when it is offered; nil: always
	do                 func(v *visit, id uuid.UUID, reason string) error
}

// patch makes an act out of a change of the account.
func patch(change func(v *visit, c *admin.Change)) func(*visit, uuid.UUID, string) error {
	return func(v *visit, id uuid.UUID, reason string) error {
		c := admin.Change{Reason: reason}
		change(v, &c)
		_, err := v.o.Admin.Patch(v.ctx(), v.by, v.in, id, c)
		return err
	}
}

// actPage asks before something is done to somebody.
type actPage struct {
	frame
	Person          personRow
	Name            string // of the act
	Title, Text     string
	Ends            []string
	Button          string
	Danger          bool
	Extra           string
	Day, NewName    string
	Roles           []ruleOption
	Reason          string
	Today, Farthest string
}

func actForm(v *visit) error {
	a, id, err := v.act()
	if err != nil {
		return err
	}
	if a.locked {
		if err := v.confirmed(); err != nil {
			return err
		}
	}
	p, err := v.actPage(a, id)
	if err != nil {
		return err
	}
	return v.draw("admin_act", p)
}

// act finds what is to be done, and to whom.
func (v *visit) act() (act, uuid.UUID, error) {
	id, err := v.pathID()
	a, known := acts[v.c.Param("act")]
	if err != nil || !known {
		return a, id, errNoSuch
	}
	if v.desk == account.Support && !a.support {
		return a, id, errNotYours
	}
	return a, id, nil
}

func (v *visit) actPage(a act, id uuid.UUID) (*actPage, error) {
	u, err := v.o.Admin.User(v.ctx(), v.by, v.in, id)
	if err != nil {
		return nil, err
	}
	now := v.o.DB.Now()
	p := &actPage{
		Person: v.personRow(u), Name: v.c.Param("act"), Title: v.o.Words.T(a.title, nil), Text: v.o.Words.T(a.text, nil),
		Button: v.o.Words.T(a.button, nil), Danger: a.danger, Extra: a.field, Reason: v.form("reason"),
		Day: v.form("from"), NewName: u.Name, Today: now.Format(time.DateOnly), Farthest: now.AddDate(1, 0, 0).Format(time.DateOnly),
	}
	p.Here = "users"
	for _, line := range a.ends {
		p.Ends = append(p.Ends, v.o.Words.T(line, nil))
	}
	if a.field == "role" {
		p.Roles = v.roleOptions(string(u.Role))
	}
	return p, nil
}

// errNoReason: a page asks why, though the API need not say.
var errNoReason = fault.InField("reason", "web.admin.reason_missing", nil)

func actSubmit(v *visit) error {
	a, id, err := v.act()
	if err != nil {
		return err
	}
	reason := strings.TrimSpace(v.form("reason"))
	if err = errNoReason; reason != "" {
		err = a.do(v, id, reason)
	}
	if err == nil {
		if v.c.Writer.Written() {
			return nil // it showed something, once
		}
		v.notice(a.said, "")
		if v.c.Param("act") == "delete" {
			return v.to("/admin/users")
		}
		return v.to("/admin/users/" + id.String())
	}
	p, drawErr := v.actPage(a, id)
	if drawErr != nil {
		return drawErr
	}
	switch a.field { // as it was filled in
	case "name":
		p.NewName = v.form("name")
	case "role":
		p.Roles = v.roleOptions(v.form("role"))
	}
	return v.redraw("admin_act", p, err)
}

// passPage shows a recovery pass, this once.
type passPage struct {
	frame
	Person personRow
	Pass   admin.Pass
}

func makePass(v *visit, id uuid.UUID, reason string) error {
	pass, err := v.o.Admin.MakePass(v.ctx(), v.by, v.in, id, reason)
	if err != nil {
		return err
	}
	u, err := v.o.Admin.User(v.ctx(), v.by, v.in, id)
	if err != nil {
		return err
	}
	p := &passPage{Person: v.personRow(u), Pass: pass}
	p.Here = "users"
	return v.draw("admin_pass", p)
}

// require asks two-factor of somebody; a day means its first moment, and today
// means now.
func require(v *visit, id uuid.UUID, reason string) error {
	var from *time.Time
	if day := strings.TrimSpace(v.form("from")); day != "" && day != v.o.DB.Now().Format(time.DateOnly) {
		at, err := time.Parse(time.DateOnly, day)
		if err != nil {
			return fault.InField("from", "web.admin.unreadable", nil)
		}
		from = &at
	}
	return v.o.Admin.Require(v.ctx(), v.by, v.in, id, from, reason)
}
