package web

// leavePage asks before an account is erased: for the address, typed, since a
// press of a button is soon done.
type leavePage struct {
	frame
	Account string
	Email   string // as typed
}

func leaveAsk(v *visit) error {
	p, err := v.leavePage("")
	if err != nil {
		return err
	}
	return v.draw("leave", p)
}

func (v *visit) leavePage(typed string) (*leavePage, error) {
	me, err := v.o.Settings.Me(v.ctx(), v.in)
	p := &leavePage{Account: me.User.Email, Email: typed}
	p.Here = "profile"
	return p, err
}

func leave(v *visit) error {
	err := v.o.Settings.Leave(v.ctx(), v.by, v.in, v.form("email"))
	if err != nil {
		p, drawErr := v.leavePage(v.form("email"))
		if drawErr != nil {
			return drawErr
		}
		return v.redraw("leave", p, err)
	}
	v.jar.drop(v.c, sessionCookie)
	v.jar.drop(v.c, deviceCookie)
	v.notice(noticeDeleted, "")
	return v.to("/sign-in")
}
