package web

import (
	"latchkey/internal/account"
	"latchkey/internal/factor"
	"latchkey/internal/settings"
)

// profilePage is name, address and which method is asked for first.
type profilePage struct {
	frame
	User      account.User
	Name      string
	Preferred string
	Choose    bool // there is more than one kind of method to choose from

	NoPassword bool
}

func profileForm(v *visit) error {
	p, err := v.profile()
	if err != nil {
		return err
	}
	return v.draw("profile", p)
}

func (v *visit) profile() (*profilePage, error) {
	asked, err := v.o.Settings.Asked(v.ctx(), v.in)
	if err != nil {
		return nil, err
	}
	me, err := v.o.Settings.Me(v.ctx(), v.in)
	if err != nil {
		return nil, err
	}
	p := &profilePage{
		User: me.User, Name: me.User.Name, Preferred: me.User.PreferredMethod,
		NoPassword: me.User.PasswordHash == "",
		Choose:     factor.Has(asked.Methods, factor.App) && factor.Has(asked.Methods, factor.Email),
	}
	p.Here = "profile"
	return p, nil
}

func profileSubmit(v *visit) error {
	name, preferred := v.form("name"), v.form("preferred_method")
	change := settings.Change{Name: &name}
	if preferred != "" {
		change.PreferredMethod = &preferred
	}
	if _, err := v.o.Settings.Patch(v.ctx(), v.by, v.in, change); err != nil {
		p, drawErr := v.profile()
		if drawErr != nil {
			return drawErr
		}
		p.Name, p.Preferred = name, preferred
		return v.redraw("profile", p, err)
	}
	v.notice(noticeSaved, "")
	return v.to("/account/profile")
}
