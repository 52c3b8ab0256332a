package web

// verifyPage proves the address of the account.
type verifyPage struct {
	frame
	SentTo   string
	Delivery *delivery
}

func verifyForm(v *visit) error {
	p, next, err := v.verify()
	if err != nil || next != "" {
		return v.orGoTo(next, err)
	}
	return v.draw("verify", p)
}

func (v *visit) verify() (p *verifyPage, next string, err error) {
	me, err := v.o.Settings.Me(v.ctx(), v.in)
	if err != nil {
		return nil, "", err
	}
	if me.User.EmailVerified {
		return nil, v.orElse("/account/profile"), nil
	}
	p = &verifyPage{SentTo: me.User.Email}
	p.blame = "code"
	d, err := v.o.Settings.VerificationDelivery(v.ctx(), v.by, v.in)
	if err == nil {
		d.SentTo = me.User.Email
		p.Delivery = v.delivered(&d, "/account/email/delivery")
	} else if !isAbsent(err) {
		return nil, "", err
	}
	return p, "", nil
}

func verifySubmit(v *visit) error {
	_, err := v.o.Settings.VerifyEmail(v.ctx(), v.by, v.in, v.form("code"))
	switch {
	case err == nil:
		v.notice(noticeVerified, "")
		return v.to("/account" + returning(v.returnTo()))
	case isPast(err):
		v.notice(noticeAlready, "")
		return v.to("/account" + returning(v.returnTo()))
	}
	return v.verifyAgain(err)
}

func verifySend(v *visit) error {
	_, err := v.o.Settings.SendVerification(v.ctx(), v.by, v.in)
	if err == nil || isPast(err) {
		return v.to("/account/email" + returning(v.returnTo()))
	}
	return v.verifyAgain(err)
}

func (v *visit) verifyAgain(err error) error {
	p, next, drawErr := v.verify()
	if drawErr != nil || next != "" {
		return v.orGoTo(next, drawErr)
	}
	return v.redraw("verify", p, err)
}

func verifyDelivery(v *visit) error {
	d, err := v.o.Settings.VerificationDelivery(v.ctx(), v.by, v.in)
	if isAbsent(err) {
		return v.answerDelivery(nil)
	}
	if err != nil {
		return err
	}
	return v.answerDelivery(v.delivered(&d, ""))
}
