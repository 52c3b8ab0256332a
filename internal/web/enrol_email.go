package web

import (
	"latchkey/internal/factor"
	"latchkey/internal/signin"
)

type enrolEmailPage struct {
	frame
	SentTo   string
	Delivery *delivery
}

func enrolEmail(v *visit) error {
	p, next, err := v.enrolEmailPage()
	if err != nil || next != "" {
		return v.orGoTo(next, err)
	}
	return v.draw("enrol_email", p)
}

func (v *visit) enrolEmailPage() (*enrolEmailPage, string, error) {
	if _, next, err := v.enrolment(factor.Email); err != nil || next != "" {
		return nil, next, err
	}
	s, err := v.o.SignIn.Screen(v.ctx(), v.by, v.signIn.token)
	if err != nil {
		return nil, "", err
	}
	p := &enrolEmailPage{SentTo: signin.Mask(s.User.Email), Delivery: v.delivered(s.Mailed, "/sign-in/delivery")}
	p.blame = "code"
	return p, "", nil
}

func enrolEmailSubmit(v *visit) error {
	_, err := v.o.SignIn.ConfirmEnrolment(v.ctx(), v.by, v.signIn.token, factor.Email, v.form("code"))
	if err == nil || isPast(err) {
		return v.to("/sign-in/recovery-keys")
	}
	return v.enrolEmailAgain(err)
}

func enrolEmailSend(v *visit) error {
	_, err := v.o.SignIn.SendCode(v.ctx(), v.by, v.signIn.token)
	if err == nil || isPast(err) {
		return v.to("/sign-in/enrol/email")
	}
	return v.enrolEmailAgain(err)
}

func (v *visit) enrolEmailAgain(err error) error {
	p, next, drawErr := v.enrolEmailPage()
	if drawErr != nil || next != "" {
		return v.orLost(next, drawErr, err)
	}
	return v.redraw("enrol_email", p, err)
}
