package web

type passwordPage struct {
	frame
	Account    string // for password managers
	NoPassword bool   // so far
}

func passwordForm(v *visit) error {
	p, err := v.password()
	if err != nil {
		return err
	}
	return v.draw("password", p)
}

func (v *visit) password() (*passwordPage, error) {
	me, err := v.o.Settings.Me(v.ctx(), v.in)
	if err != nil {
		return nil, err
	}
	p := &passwordPage{Account: me.User.Email, NoPassword: me.User.PasswordHash == ""}
	p.Here = "profile"
	return p, nil
}

// passwordSubmit changes the password. A second press of the button would
// mail the owner twice.
func passwordSubmit(v *visit) error {
	first, done, err := v.once()
	if err != nil {
		return err
	}
	if first {
		err = v.o.Settings.ChangePassword(v.ctx(), v.by, v.in, v.form("password"))
		done(err)
	}
	if err != nil {
		p, drawErr := v.password()
		if drawErr != nil {
			return drawErr
		}
		return v.redraw("password", p, err)
	}
	v.notice(noticePassword, "")
	return v.to("/account/profile")
}
