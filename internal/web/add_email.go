package web

import (
	"github.com/google/uuid"

	"latchkey/internal/factor"
	"latchkey/internal/signin"
)

// addEmailPage turns on codes by email: first what that is worth, then the code.
type addEmailPage struct {
	frame
	SentTo   string
	Begun    bool
	Delivery *delivery
}

func addEmail(v *visit) error {
	me, err := v.o.Settings.Me(v.ctx(), v.in)
	if err != nil {
		return err
	}
	p := &addEmailPage{SentTo: me.User.Email}
	p.Here = "security"
	return v.draw("add_email", p)
}

// addEmailBegin mails the code that proves the method, or repeats it.
func addEmailBegin(v *visit) error {
	_, _, err := v.o.Settings.Enrol(v.ctx(), v.by, v.in, factor.Email, "", uuid.Nil)
	switch {
	case err == nil:
		return v.to("/account/security/email/code")
	case isPast(err):
		v.notice(noticeAlready, "")
		return v.to("/account")
	}
	me, drawErr := v.o.Settings.Me(v.ctx(), v.in)
	if drawErr != nil {
		return drawErr
	}
	p := &addEmailPage{SentTo: me.User.Email}
	p.Here = "security"
	return v.redraw("add_email", p, err)
}

func addEmailCode(v *visit) error {
	p, next, err := v.addEmailCode()
	if err != nil || next != "" {
		return v.orGoTo(next, err)
	}
	return v.draw("add_email", p)
}

func (v *visit) addEmailCode() (p *addEmailPage, next string, err error) {
	_, d, err := v.o.Settings.OpenEnrolment(v.ctx(), v.by, v.in, factor.Email)
	if isPast(err) {
		return nil, v.noEnrolment(err, "/account/security/email"), nil
	}
	if err != nil {
		return nil, "", err
	}
	p = &addEmailPage{
		SentTo: signin.Mask(d.SentTo), Begun: true, Delivery: v.delivered(&d, "/account/security/email/delivery"),
	}
	p.Here, p.blame = "security", "code"
	return p, "", nil
}

func addEmailSubmit(v *visit) error {
	_, err := v.o.Settings.ConfirmEnrolment(v.ctx(), v.by, v.in, factor.Email, v.form("code"), false)
	if err == nil {
		return v.turnedOn()
	}
	if isPast(err) {
		return v.to(v.noEnrolment(err, "/account/security/email"))
	}
	p, next, drawErr := v.addEmailCode()
	if drawErr != nil || next != "" {
		return v.orGoTo(next, drawErr)
	}
	return v.redraw("add_email", p, err)
}

func addEmailDelivery(v *visit) error {
	d, err := v.o.Settings.EnrolmentDelivery(v.ctx(), v.by, v.in)
	if isAbsent(err) {
		return v.answerDelivery(nil)
	}
	if err != nil {
		return err
	}
	return v.answerDelivery(v.delivered(&d, ""))
}
