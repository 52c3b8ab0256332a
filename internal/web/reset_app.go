package web

import (
	"strings"

	"latchkey/internal/factor"
)

// resetAppPage asks before all apps end, and says what happens next.
type resetAppPage struct {
	frame
	Names string // of the apps
	Other bool   // another method is left, and asked for first
	Keys  int    // unused recovery keys that end too
}

func resetAppAsk(v *visit) error {
	p, err := v.resetAppPage()
	if err != nil {
		return v.alreadyOff(err)
	}
	return v.draw("reset_app", p)
}

func (v *visit) resetAppPage() (*resetAppPage, error) {
	state, err := v.o.Settings.TwoFactor(v.ctx(), v.in)
	if err != nil {
		return nil, err
	}
	p := &resetAppPage{}
	p.Here = "security"
	var names []string
	for _, m := range state.Methods {
		if m.Kind == factor.App {
			names = append(names, m.Name)
		} else {
			p.Other = true
		}
	}
	if len(names) == 0 {
		return nil, errNoSuch
	}
	if !p.Other { // a remaining method keeps them
		p.Keys = state.KeysLeft
	}
	p.Names = strings.Join(names, ", ")
	return p, nil
}

// resetApp signs this browser out too: nothing that was signed in is left.
func resetApp(v *visit) error {
	err := v.o.Settings.ResetApp(v.ctx(), v.by, v.in)
	switch {
	case err == nil:
		v.jar.drop(v.c, sessionCookie)
		v.notice(noticeAppReset, "")
		return v.to("/sign-in")
	case isPast(err):
		return v.alreadyOff(errNoSuch)
	}
	p, drawErr := v.resetAppPage()
	if drawErr != nil {
		return v.alreadyOff(drawErr)
	}
	return v.redraw("reset_app", p, err)
}
