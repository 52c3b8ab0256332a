package web

import (
	"strconv"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/policy"
	"latchkey/internal/session"
)

// someonePage is one user: what is on, what happened, and what can be done.
type someonePage struct {
	frame
	Person   personRow
	Why      string // which rule requires two-factor; empty: none
	Due      bool
	LowKeys  bool
	Sessions []session.Session
	Rests    map[uuid.UUID]string // by session
	Events   []deskEvent
	Older    string
	Acts     []actGroup
	Linked   []identity
	Pass     passWaiting
	Myself   bool
	MayRule  bool
}

type actGroup struct {
	Title string
	Acts  []actLink
}

type actLink struct {
	Name, Title, Text string
	Danger            bool
}

// passWaiting is a recovery pass that was asked for and waits for a second
// admin; Mine: whoever looks may be that one.
type passWaiting struct{ Waits, Mine bool }

const eventsOfSomeone = 10

func someone(v *visit) error {
	id, err := v.pathID()
	if err != nil {
		return err
	}
	u, err := v.o.Admin.User(v.ctx(), v.by, v.in, id)
	if err != nil {
		return err
	}
	p := &someonePage{
		Person: v.personRow(u), Myself: id == v.in.User, MayRule: v.desk == account.Admin,
		Due: u.From != nil && !u.From.After(v.o.DB.Now()), LowKeys: u.KeysTotal > 0 && u.KeysLeft <= 3,
	}
	p.Here = "users"
	if rule, ok := whyAsked[u.By]; ok {
		p.Why = v.o.Words.T(rule, nil)
	}
	if p.Sessions, err = v.o.Admin.UserSessions(v.ctx(), v.by, v.in, id); err != nil {
		return err
	}
	p.Rests = v.rests(p.Sessions)
	if p.Pass.Waits, p.Pass.Mine, err = v.o.Admin.PassWaits(v.ctx(), v.by, v.in, id, v.desk); err != nil {
		return err
	}
	p.Pass.Mine = p.Pass.Mine && !p.Myself
	linked, err := v.o.Admin.UserIdentities(v.ctx(), v.by, v.in, id)
	if err != nil {
		return err
	}
	p.Linked = v.identities(linked)
	before, bad := strconv.ParseInt(v.c.Query("before"), 10, 64)
	if bad != nil || before < 1 {
		before = 0
	}
	lines, err := v.o.Admin.UserEvents(v.ctx(), v.by, v.in, id, before, eventsOfSomeone+1)
	if err != nil {
		return err
	}
	if len(lines) > eventsOfSomeone {
		lines = lines[:eventsOfSomeone]
		p.Older = strconv.FormatInt(lines[eventsOfSomeone-1].ID, 10)
	}
	if p.Events, err = v.deskEvents(lines); err != nil {
		return err
	}
	for i := range p.Events {
		p.Events[i].withoutOf(id.String())
	}
	if !p.Myself {
		p.Acts = v.actsFor(p.Person)
	}
	return v.draw("admin_user", p)
}

// actsFor lists what makes sense to do for somebody, and is this role's to do.
func (v *visit) actsFor(p personRow) []actGroup {
	var out []actGroup
	for _, g := range actGroups {
		group := actGroup{Title: v.o.Words.T(g.title, nil)}
		for _, name := range g.names {
			a := acts[name]
			if a.fits != nil && !a.fits(p, v.o.DB.Now()) {
				continue
			}
			if v.desk == account.Support && (!a.support || p.Role != account.Member) {
				continue
			}
			group.Acts = append(group.Acts, actLink{name, v.o.Words.T(a.title, nil), v.o.Words.T(a.short, nil), a.danger})
		}
		if len(group.Acts) > 0 {
			out = append(out, group)
		}
	}
	return out
}

// whyAsked say to others why two-factor is asked of somebody.
var whyAsked = map[policy.By]string{
	policy.ByPolicy: "web.admin.why.policy",
	policy.ByAdmin:  "web.admin.why.admin",
	policy.ByReset:  "web.admin.why.reset",
}
