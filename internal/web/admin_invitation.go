package web

import (
	"latchkey/internal/fault"
)

// invitationPage is what an invitation opens: a name and a password, and the
// account is its owner's. The link itself proves the address.
type invitationPage struct {
	frame
	Email, Name string
	Token       string
}

func invitationForm(v *visit) error {
	p, err := v.invitation()
	if err != nil {
		return v.deadInvitation(err)
	}
	return v.draw("admin_invitation", p)
}

func (v *visit) invitation() (*invitationPage, error) {
	token := v.c.Param("token")
	u, err := v.o.Admin.InvitationLink(v.ctx(), token)
	return &invitationPage{Email: u.Email, Name: u.Name, Token: token}, err
}

// deadInvitation says how to get another one.
func (v *visit) deadInvitation(err error) error {
	f, ok := fault.As(err)
	if !ok || f.Kind == fault.Unavailable || f.Kind == fault.TooMany {
		return err
	}
	return fault.New(fault.NotFound, fault.Absent).Say("web.admin.invitation.dead", nil)
}

func invitationSubmit(v *visit) error {
	u, err := v.o.Admin.Accept(v.ctx(), v.by, v.c.Param("token"), v.form("name"), v.form("password"))
	if err == nil {
		v.notice(noticeAccepted, u.Email)
		return v.to("/sign-in")
	}
	p, gone := v.invitation()
	if gone != nil {
		return v.deadInvitation(gone)
	}
	p.Name = v.form("name")
	return v.redraw("admin_invitation", p, err)
}
