package web

import (
	"github.com/google/uuid"

	"latchkey/internal/session"
)

// sessionsPage lists where the account is signed in, and which devices skip
// the second step.
type sessionsPage struct {
	frame
	Current  session.Session
	Others   []session.Session
	Devices  []session.Device
	Strength map[session.Assurance]string
	Proved   map[uuid.UUID]proved // by session
}

func sessions(v *visit) error {
	all, err := v.o.Settings.List(v.ctx(), v.in)
	if err != nil {
		return err
	}
	p := &sessionsPage{Current: v.in, Strength: strengths(v)}
	p.Here, p.Proved = "sessions", map[uuid.UUID]proved{}
	for _, s := range all {
		p.Proved[s.ID] = v.proved(s)
		if s.ID != v.in.ID {
			p.Others = append(p.Others, s)
		}
	}
	if p.Devices, err = v.o.Settings.Devices(v.ctx(), v.in); err != nil {
		return err
	}
	return v.draw("sessions", p)
}

// strengths says what each assurance is, in words.
func strengths(v *visit) map[session.Assurance]string {
	return map[session.Assurance]string{
		session.Password:  v.o.Words.T("web.assurance.password", nil),
		session.TwoStep:   v.o.Words.T("web.assurance.two_step", nil),
		session.TwoFactor: v.o.Words.T("web.assurance.two_factor", nil),
	}
}

// sessionEnd ends one session. One that is gone already was ended by a second
// press of the button.
func sessionEnd(v *visit) error {
	id, err := uuid.Parse(v.c.Param("id"))
	if err == nil {
		err = v.o.Settings.EndSession(v.ctx(), v.by, v.in, id)
	} else {
		err = errNoSuch
	}
	return v.ended(noticeEnded, err)
}

func sessionsEndOthers(v *visit) error {
	return v.ended(noticeOthersEnded, v.o.Settings.EndOthers(v.ctx(), v.by, v.in))
}

func deviceEnd(v *visit) error {
	id, err := uuid.Parse(v.c.Param("id"))
	if err == nil {
		err = v.o.Settings.EndDevice(v.ctx(), v.by, v.in, id)
	} else {
		err = errNoSuch
	}
	return v.ended(noticeDistrusted, err)
}

func (v *visit) ended(said string, err error) error {
	if isAbsent(err) {
		said, err = noticeAlready, nil
	}
	if err != nil {
		return err
	}
	v.notice(said, "")
	return v.to("/account/sessions")
}
