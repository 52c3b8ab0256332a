package web

import (
	"latchkey/internal/admin"
	"latchkey/internal/mail"
)

// overviewPage is how things stand.
type overviewPage struct {
	frame
	admin.Coverage
	Percent int
	Bars    []bar
	Chart   chart
	SignIns []tally
	Posted  []tally
	None    int // active users without a method
}

// bar is a share as it is drawn: a width out of a hundred.
type bar struct {
	Name, Class string
	Count       int
	Width       float64
}

// tally is a count with a name, and where it leads.
type tally struct {
	Name, To string
	Count    int
	Warn     bool
}

func overview(v *visit) error {
	c, err := v.o.Admin.Coverage(v.ctx(), v.by, v.in)
	if err != nil {
		return err
	}
	p := &overviewPage{Coverage: c, None: c.Now.Users - c.Now.Covered, Chart: v.coverageChart(c.Days)}
	p.Here = "overview"
	if c.Now.Users > 0 {
		p.Percent = c.Now.Covered * 100 / c.Now.Users
	}
	for _, b := range []bar{
		{Name: v.o.Words.T("web.way.app", nil), Class: "app", Count: c.Now.App},
		{Name: v.o.Words.T("web.way.email", nil), Class: "email", Count: c.Now.Email},
		{Name: v.o.Words.T("web.admin.no_method", nil), Class: "none", Count: p.None},
	} {
		b.Width = float64(b.Count) * 100 / float64(max(c.Now.Users, 1))
		p.Bars = append(p.Bars, b)
	}
	p.SignIns = []tally{
		{v.o.Words.T("web.admin.outcome.signed_in", nil), listPath("/admin/events", "action", "signed_in"), c.SignIns, false},
		{v.o.Words.T("web.admin.outcome.password_refused", nil), listPath("/admin/events", "action", "password_refused"), c.WrongPasswords, false},
		{v.o.Words.T("web.admin.outcome.code_refused", nil), listPath("/admin/events", "action", "code_refused"), c.WrongCodes, false},
	}
	for _, s := range []mail.State{mail.Sent, mail.Queued, mail.Refused, mail.Expired} {
		p.Posted = append(p.Posted, tally{
			v.o.Words.T(mailStateNames[s], nil), listPath("/admin/mails", "state", string(s)), c.Mails[s],
			(s == mail.Refused || s == mail.Expired) && c.Mails[s] > 0,
		})
	}
	return v.draw("admin_overview", p)
}
