package web

import "latchkey/internal/factor"

// keyCheckPage tells whether a key is good, without spending it.
type keyCheckPage struct {
	frame
	State factor.KeyState // empty: nothing was checked yet
}

func keyCheckForm(v *visit) error {
	p := &keyCheckPage{}
	p.Here = "security"
	return v.draw("key_check", p)
}

// keyCheck answers on the spot: the key can't go into a redirect, and checking
// again does no harm.
func keyCheck(v *visit) error {
	p := &keyCheckPage{}
	p.Here = "security"
	state, err := v.o.Settings.CheckKey(v.ctx(), v.by, v.in, v.form("key"))
	if err != nil {
		return v.redraw("key_check", p, err)
	}
	p.State = state
	return v.draw("key_check", p)
}
