package web

import (
	"github.com/google/uuid"

	"latchkey/internal/session"
)

// sessionsPage lists where the account is signed in, and which devices skip
// the second step.
type sessionsPage struct {
	frame
	Current session.Session
	Others  []session.Session
	Devices []session.Device
	Rests   map[uuid.UUID]string // by session
	Proved  map[uuid.UUID]proved // by session
}

func sessions(v *visit) error {
	all, err := v.o.Settings.List(v.ctx(), v.in)
	if err != nil {
		return err
	}
	p := &sessionsPage{Current: v.in, Rests: v.rests(append(all, v.in))}
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

// assurances are what a session rests on, by its first step.
var assurances = map[session.First]map[session.Assurance]string{
	session.ByPassword: {
		session.Password: "web.assurance.password", session.TwoStep: "web.assurance.two_step",
		session.TwoFactor: "web.assurance.two_factor",
	},
	session.BySSO: {
		session.Password: "web.assurance.sso", session.TwoStep: "web.assurance.sso_two_step",
		session.TwoFactor: "web.assurance.sso_two_factor",
	},
}

// rests says in words what each session rests on.
func (v *visit) rests(all []session.Session) map[uuid.UUID]string {
	out := make(map[uuid.UUID]string, len(all))
	for _, s := range all {
		id := assurances[s.First][s.Assurance]
		if s.Method == string(session.BySSO) {
			id = "web.assurance.sso_proof"
		}
		out[s.ID] = v.o.Words.T(id, nil)
	}
	return out
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
