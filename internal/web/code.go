package web

import (
	"latchkey/internal/factor"
	"latchkey/internal/signin"
)

// codePage asks for the second factor.
type codePage struct {
	frame
	Way      factor.Kind // what is asked for now
	Hint     string      // of that way
	Others   []way       // what else there is; the recovery key last
	Delivery *delivery
	Trust    int // days that a device may be trusted; 0: not offered
	Trusting bool
}

// way is one way to prove who it is.
type way struct {
	Kind factor.Kind
	Hint string // the masked address, or the names of the apps
}

// Named reports whether the hint says more than what the method is called.
func (w way) Named() bool { return w.Hint != "" && w.Hint != plainApp }

// plainApp is what an app is called whose user gave it no name.
const plainApp = "Authenticator app"

// codeForm shows the method to ask first, or the one that was chosen instead.
func codeForm(v *visit) error {
	p, next, err := v.code(v.c.Query("way"))
	if err != nil || next != "" {
		return v.orGoTo(next, err)
	}
	return v.draw("code", p)
}

// code lays the page out; next is where this sign-in is, if not here.
func (v *visit) code(chosen string) (p *codePage, next string, err error) {
	s, err := v.o.SignIn.Screen(v.ctx(), v.by, v.signIn.token)
	if err != nil {
		return nil, "", err
	}
	if s.Status != signin.SecondFactor {
		return nil, stepOf(s.State), nil
	}
	p = &codePage{Way: s.Preferred, Trust: s.TrustDays}
	p.blame = "code"
	var ways []way
	for _, c := range s.Choices {
		ways = append(ways, way{c.Kind, c.Hint})
	}
	if s.RecoveryKey {
		ways = append(ways, way{Kind: factor.RecoveryKey})
	}
	// Whether an admin made a pass is not said to whoever has the password.
	ways = append(ways, way{Kind: factor.RecoveryPass})
	for _, w := range ways {
		if string(w.Kind) == chosen {
			p.Way = w.Kind
		}
	}
	for _, w := range ways {
		if w.Kind == p.Way {
			p.Hint = w.Hint
		} else {
			p.Others = append(p.Others, w)
		}
	}
	if p.Way == factor.Email {
		p.Delivery = v.delivered(s.Mailed, "/sign-in/delivery")
	}
	return p, "", nil
}

// stepOf is the page of the step that an open sign-in waits at.
func stepOf(s signin.State) string {
	switch {
	case s.Status == signin.SecondFactor:
		return "/sign-in/code"
	case s.Enrolled:
		return "/sign-in/recovery-keys"
	}
	return "/sign-in/enrol"
}

func (v *visit) orGoTo(next string, err error) error {
	if err != nil {
		return err
	}
	return v.to(next)
}
