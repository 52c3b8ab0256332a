package web

import (
	"github.com/google/uuid"

	"latchkey/internal/factor"
	"latchkey/internal/fault"
)

// addAppBeginPage asks what the app shall be called, and which one it replaces.
type addAppBeginPage struct {
	frame
	Name     string
	Replaces string // id of the app that ends when the new one is proved; empty: none
	Old      string // its name
	First    bool   // no method is on yet
}

func addApp(v *visit) error {
	p, err := v.addApp(v.c.Query("replaces"))
	if err != nil {
		return err
	}
	return v.draw("add_app_begin", p)
}

func (v *visit) addApp(replaces string) (*addAppBeginPage, error) {
	state, err := v.o.Settings.TwoFactor(v.ctx(), v.in)
	if err != nil {
		return nil, err
	}
	p := &addAppBeginPage{First: len(state.Methods) == 0}
	for _, m := range state.Methods {
		if m.Kind == factor.App && m.ID.String() == replaces {
			p.Replaces, p.Old = replaces, m.Name
		}
	}
	p.Here = "security"
	return p, nil
}

func addAppBegin(v *visit) error {
	replaces := uuid.Nil
	if raw := v.form("replaces"); raw != "" {
		var err error
		if replaces, err = uuid.Parse(raw); err != nil {
			return fault.New(fault.NotFound, fault.Absent)
		}
	}
	_, _, err := v.o.Settings.Enrol(v.ctx(), v.by, v.in, factor.App, v.form("name"), replaces)
	if err != nil {
		p, drawErr := v.addApp(v.form("replaces"))
		if drawErr != nil {
			return drawErr
		}
		p.Name = v.form("name")
		return v.redraw("add_app_begin", p, err)
	}
	return v.to("/account/security/app/code")
}

// addAppPage shows the secret until a code from it is accepted.
type addAppPage struct {
	frame
	App appCode
}

func addAppCode(v *visit) error {
	p, next, err := v.addAppCode()
	if err != nil || next != "" {
		return v.orGoTo(next, err)
	}
	return v.draw("add_app", p)
}

func (v *visit) addAppCode() (p *addAppPage, next string, err error) {
	e, _, err := v.o.Settings.OpenEnrolment(v.ctx(), v.by, v.in, factor.App)
	if isPast(err) {
		return nil, v.noEnrolment(err, "/account/security/app"), nil
	}
	if err != nil {
		return nil, "", err
	}
	me, err := v.o.Settings.Me(v.ctx(), v.in)
	if err != nil {
		return nil, "", err
	}
	p = &addAppPage{}
	p.Here, p.blame = "security", "code"
	p.App, err = v.appCode(e, me.User.Email)
	return p, "", err
}

// noEnrolment leads on from a page whose enrolment is gone: on already, or run
// out.
func (v *visit) noEnrolment(err error, begin string) string {
	if hasCode(err, fault.AlreadyEnabled) {
		v.notice(noticeAlready, "")
		return "/account"
	}
	v.notice(noticeBeginAgain, "")
	return begin
}

func addAppSubmit(v *visit) error {
	_, err := v.o.Settings.ConfirmEnrolment(v.ctx(), v.by, v.in, factor.App, v.form("code"), false)
	if err == nil {
		return v.turnedOn()
	}
	if isPast(err) {
		return v.to(v.noEnrolment(err, "/account/security/app"))
	}
	p, next, drawErr := v.addAppCode()
	if drawErr != nil || next != "" {
		return v.orGoTo(next, drawErr)
	}
	return v.redraw("add_app", p, err)
}

// turnedOn: first the recovery keys, where the method came with new ones.
func (v *visit) turnedOn() error {
	v.notice(noticeMethodOn, "")
	return v.to("/account?return_to=/account/security")
}
