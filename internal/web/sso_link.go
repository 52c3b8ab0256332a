package web

import (
	"github.com/google/uuid"

	"latchkey/internal/sso"
)

// ssoLinkPage asks before a provider may open the account.
type ssoLinkPage struct {
	frame
	Name   string
	Action string
}

// ssoLeavingPage leads off to a provider after a form: Chromium would hold a
// redirect against form-action.
type ssoLeavingPage struct {
	frame
	Name string
	To   string
}

// ssoUnlinkPage asks before one may no more.
type ssoUnlinkPage struct {
	frame
	Identity identity
	Last     bool // nothing else opens the account
	Action   string
}

func (v *visit) provider() (sso.Settings, error) {
	for _, p := range v.o.SSO.List() {
		if p.Slug == v.c.Param("provider") {
			return p, nil
		}
	}
	return sso.Settings{}, errNoSuch
}

func ssoLinkAsk(v *visit) error {
	of, err := v.provider()
	if err != nil {
		return err
	}
	p := &ssoLinkPage{Name: of.Name, Action: v.c.Request.URL.Path}
	p.Here = "security"
	return v.draw("sso_link", p)
}

// ssoLink begins to link. It is a form, so that no other site can have somebody
// linked who happens to be signed in at the provider.
func ssoLink(v *visit) error {
	of, err := v.provider()
	if err != nil {
		return err
	}
	if err := v.o.Settings.MayLink(v.ctx(), v.by, v.in); err != nil {
		return v.ssoFailed(sso.Trip{}, err)
	}
	t := sso.Trip{Provider: of.Slug, Purpose: sso.Link, Session: v.in.ID}
	to, cookie, err := v.o.SSO.Begin(v.ctx(), t, v.o.DB.Now())
	if err != nil {
		return v.ssoFailed(t, err)
	}
	v.jar.set(v.c, ssoCookie, cookie, sso.TripLife)
	return v.draw("sso_leaving", &ssoLeavingPage{Name: of.Name, To: to})
}

func ssoUnlinkAsk(v *visit) error {
	p, err := v.ssoUnlinkPage()
	if err != nil {
		return v.alreadyOff(err)
	}
	return v.draw("sso_unlink", p)
}

func (v *visit) ssoUnlinkPage() (*ssoUnlinkPage, error) {
	all, err := v.o.Settings.Identities(v.ctx(), v.in)
	if err != nil {
		return nil, err
	}
	me, err := v.o.Settings.Me(v.ctx(), v.in)
	if err != nil {
		return nil, err
	}
	for _, one := range v.identities(all) {
		if one.ID.String() == v.c.Param("id") {
			p := &ssoUnlinkPage{Identity: one, Last: len(all) == 1 && me.User.PasswordHash == "", Action: v.c.Request.URL.Path}
			p.Here = "security"
			return p, nil
		}
	}
	return nil, errNoSuch
}

func ssoUnlink(v *visit) error {
	id, err := uuid.Parse(v.c.Param("id"))
	if err != nil {
		return errNoSuch
	}
	err = v.o.Settings.Unlink(v.ctx(), v.by, v.in, id)
	switch {
	case err == nil:
		v.notice(noticeUnlinked, "")
		return v.to("/account/security")
	case isAbsent(err):
		return v.alreadyOff(err)
	}
	p, drawErr := v.ssoUnlinkPage()
	if drawErr != nil {
		return drawErr
	}
	return v.redraw("sso_unlink", p, err)
}
