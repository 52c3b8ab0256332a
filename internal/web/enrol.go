package web

import (
	"time"

	"latchkey/internal/factor"
	"latchkey/internal/signin"
)

// enrolPage asks which method to turn on, where two-factor is required.
type enrolPage struct {
	frame
	App, Email     bool
	SentTo         string
	SkippableUntil *time.Time
	KeysLeft       *int
}

func enrolChoose(v *visit) error {
	p, next, err := v.enrol()
	if err != nil || next != "" {
		return v.orGoTo(next, err)
	}
	return v.draw("enrol", p)
}

func (v *visit) enrol() (p *enrolPage, next string, err error) {
	s, err := v.o.SignIn.Current(v.ctx(), v.by, v.signIn.token)
	if err != nil {
		return nil, "", err
	}
	if s.Status != signin.Enrolment || s.Enrolled {
		return nil, stepOf(s), nil
	}
	p = &enrolPage{SkippableUntil: s.SkippableUntil, SentTo: s.User.Email, KeysLeft: s.KeysLeft}
	for _, c := range s.Choices {
		p.App = p.App || c.Kind == factor.App
		p.Email = p.Email || c.Kind == factor.Email
	}
	return p, "", nil
}

// enrolBegin begins with a method; for email it mails the code.
func enrolBegin(v *visit) error {
	k := factor.Kind(v.form("method"))
	_, _, err := v.o.SignIn.Enrol(v.ctx(), v.by, v.signIn.token, k, v.form("name"))
	switch {
	case err == nil:
		return v.to("/sign-in/enrol/" + string(k))
	case isPast(err):
		return v.goToStep()
	}
	p, next, drawErr := v.enrol()
	if drawErr != nil || next != "" {
		return v.orGoTo(next, drawErr)
	}
	return v.redraw("enrol", p, err)
}

// enrolSkip puts it off, while it may be.
func enrolSkip(v *visit) error {
	s, err := v.o.SignIn.Skip(v.ctx(), v.by, v.signIn.token)
	if err == nil {
		return v.goOn(s, v.signIn.returnTo)
	}
	p, next, drawErr := v.enrol()
	if drawErr != nil || next != "" {
		return v.orGoTo(next, drawErr)
	}
	return v.redraw("enrol", p, err)
}

// enrolment reads what waits for its code; next is where to go when nothing
// does: done in another tab, or run out.
func (v *visit) enrolment(k factor.Kind) (e factor.Enrolment, next string, err error) {
	e, err = v.o.SignIn.OpenEnrolment(v.ctx(), v.by, v.signIn.token, k)
	if !isPast(err) {
		return e, "", err
	}
	s, err := v.o.SignIn.Current(v.ctx(), v.by, v.signIn.token)
	if err == nil && stepOf(s) == "/sign-in/enrol" {
		v.notice(noticeBeginAgain, "")
	}
	return e, stepOf(s), err
}
