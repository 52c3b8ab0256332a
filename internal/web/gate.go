package web

import (
	"latchkey/internal/factor"
)

// keySheet is a set of recovery keys as it is shown: to be downloaded, copied
// and printed.
type keySheet struct {
	Set  factor.Set
	Text string // all keys, one a line, for the copy button
	File string // where the download is

	Print string // where the sheet for paper is; empty: there is none
}

func sheetOf(set factor.Set, file string) keySheet {
	s := keySheet{Set: set, File: file}
	for _, k := range set.Shown() {
		s.Text += k + "\n"
	}
	return s
}

// gatePage stands between an enrolment and the session: the keys, and the word
// that they are kept.
type gatePage struct {
	frame
	Keys    keySheet
	Account string
}

func gateShow(v *visit) error {
	p, next, err := v.gate()
	if err != nil || next != "" {
		return v.orGoTo(next, err)
	}
	return v.draw("gate", p)
}

func (v *visit) gate() (p *gatePage, next string, err error) {
	set, err := v.o.SignIn.UnsavedKeys(v.ctx(), v.by, v.signIn.token)
	if err != nil && !isPast(err) {
		return nil, "", err
	}
	s, bad := v.o.SignIn.Current(v.ctx(), v.by, v.signIn.token)
	if bad != nil || err != nil {
		return nil, stepOf(s), bad
	}
	return &gatePage{Keys: sheetOf(set, "/sign-in/recovery-keys.txt"), Account: s.User.Email}, "", nil
}

// gateSaved finishes the sign-in. The box is asked for here alone: what it
// means the flow is told by being called.
func gateSaved(v *visit) error {
	if v.form("saved") != "yes" {
		p, next, err := v.gate()
		if err != nil || next != "" {
			return v.orGoTo(next, err)
		}
		return v.redraw("gate", p, errNotSaved)
	}
	s, err := v.o.SignIn.Saved(v.ctx(), v.by, v.signIn.token)
	if isPast(err) {
		return v.goToStep()
	}
	if err != nil {
		return err
	}
	return v.goOn(s, v.signIn.returnTo)
}

func gateFile(v *visit) error {
	p, next, err := v.gate()
	if err != nil || next != "" {
		return v.orGoTo(next, err)
	}
	return v.sendFile(v.o.Settings.File(p.Keys.Set, p.Account))
}
