package web

import "latchkey/internal/account"

// emailChangePage asks for the new address, then for the code mailed there.
type emailChangePage struct {
	frame
	User     account.User
	Email    string // as typed
	SentTo   string // the new address, once a code was mailed; empty: none was
	Delivery *delivery
}

func emailChangeForm(v *visit) error {
	p, err := v.emailChange("")
	if err != nil {
		return err
	}
	return v.draw("email_change", p)
}

func (v *visit) emailChange(typed string) (*emailChangePage, error) {
	me, err := v.o.Settings.Me(v.ctx(), v.in)
	p := &emailChangePage{User: me.User, Email: typed}
	p.Here = "profile"
	return p, err
}

// emailChangeBegin mails the code to the new address. An address that belongs
// to someone else answers alike.
func emailChangeBegin(v *visit) error {
	_, err := v.o.Settings.SendEmailChange(v.ctx(), v.by, v.in, v.form("email"))
	if err == nil {
		return v.to("/account/profile/email/code")
	}
	p, drawErr := v.emailChange(v.form("email"))
	if drawErr != nil {
		return drawErr
	}
	return v.redraw("email_change", p, err)
}

func emailChangeCode(v *visit) error {
	p, err := v.emailChangeCode()
	if isAbsent(err) {
		return v.to("/account/profile/email")
	}
	if err != nil {
		return err
	}
	return v.draw("email_change", p)
}

func (v *visit) emailChangeCode() (*emailChangePage, error) {
	d, err := v.o.Settings.EmailChangeDelivery(v.ctx(), v.by, v.in)
	if err != nil {
		return nil, err
	}
	p, err := v.emailChange("")
	if err != nil {
		return nil, err
	}
	p.SentTo, p.Delivery = d.SentTo, v.delivered(&d, "/account/profile/email/delivery")
	p.blame = "code"
	return p, nil
}

func emailChangeSubmit(v *visit) error {
	_, err := v.o.Settings.ChangeEmail(v.ctx(), v.by, v.in, v.form("code"))
	switch {
	case err == nil:
		v.notice(noticeEmailChanged, "")
		return v.to("/account/profile")
	case isPast(err): // no code waits: it was typed already, or in another tab
		v.notice(noticeAlready, "")
		return v.to("/account/profile")
	}
	p, drawErr := v.emailChangeCode()
	if drawErr != nil {
		return drawErr
	}
	return v.redraw("email_change", p, err)
}

// emailChangeSend repeats the code to the same new address.
func emailChangeSend(v *visit) error {
	p, err := v.emailChangeCode()
	if isAbsent(err) {
		return v.to("/account/profile/email")
	}
	if err != nil {
		return err
	}
	if _, err := v.o.Settings.SendEmailChange(v.ctx(), v.by, v.in, p.SentTo); err != nil {
		return v.redraw("email_change", p, err)
	}
	return v.to("/account/profile/email/code")
}

func emailChangeDelivery(v *visit) error {
	d, err := v.o.Settings.EmailChangeDelivery(v.ctx(), v.by, v.in)
	if isAbsent(err) {
		return v.answerDelivery(nil)
	}
	if err != nil {
		return err
	}
	return v.answerDelivery(v.delivered(&d, ""))
}
