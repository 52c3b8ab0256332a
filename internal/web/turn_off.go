package web

import (
	"github.com/google/uuid"

	"latchkey/internal/factor"
	"latchkey/internal/fault"
)

// turnOffPage asks before a method, or all of them, is turned off, and says
// what else ends.
type turnOffPage struct {
	frame
	All    bool
	Method factor.Method
	Last   bool // with it two-factor ends
	Keys   int  // unused recovery keys that end then
	Action string
}

func turnOffAsk(v *visit) error {
	p, err := v.turnOffPage(v.c.Param("id"))
	if err != nil {
		return v.alreadyOff(err)
	}
	return v.draw("turn_off", p)
}

// turnOffPage describes what would end; an empty id means everything.
func (v *visit) turnOffPage(id string) (*turnOffPage, error) {
	state, err := v.o.Settings.TwoFactor(v.ctx(), v.in)
	if err != nil {
		return nil, err
	}
	p := &turnOffPage{All: id == "", Last: len(state.Methods) == 1 || id == "", Keys: state.KeysLeft}
	p.Here, p.Action = "security", v.c.Request.URL.Path
	for _, m := range state.Methods {
		if m.ID.String() == id {
			p.Method = m
		}
	}
	if len(state.Methods) == 0 || (id != "" && p.Method.ID == uuid.Nil) {
		return nil, fault.New(fault.NotFound, fault.Absent)
	}
	return p, nil
}

func turnOff(v *visit) error {
	id, err := uuid.Parse(v.c.Param("id"))
	if err != nil {
		return fault.New(fault.NotFound, fault.Absent)
	}
	_, err = v.o.Settings.TurnOff(v.ctx(), v.by, v.in, id)
	return v.turnedOff(noticeMethodOff, id.String(), err)
}

func turnOffAllAsk(v *visit) error {
	p, err := v.turnOffPage("")
	if err != nil {
		return v.alreadyOff(err)
	}
	return v.draw("turn_off", p)
}

func turnOffAll(v *visit) error {
	_, err := v.o.Settings.TurnOffAll(v.ctx(), v.by, v.in)
	return v.turnedOff(noticeAllOff, "", err)
}

func (v *visit) turnedOff(said, id string, err error) error {
	switch {
	case err == nil:
		v.notice(said, "")
		return v.to("/account/security")
	case isAbsent(err) || isPast(err):
		return v.alreadyOff(fault.New(fault.NotFound, fault.Absent))
	}
	p, drawErr := v.turnOffPage(id)
	if drawErr != nil {
		return drawErr
	}
	return v.redraw("turn_off", p, err)
}

// alreadyOff: by a second press of the button, or in another tab.
func (v *visit) alreadyOff(err error) error {
	if !isAbsent(err) {
		return err
	}
	v.notice(noticeAlready, "")
	return v.to("/account/security")
}
