package web

import "latchkey/internal/fault"

// keysPrintPage is the recovery keys for a sheet of paper: large, in groups,
// and nothing else on it. It needs no script to be printed.
type keysPrintPage struct {
	frame
	Keys    keySheet
	Account string
	Host    string
}

func keysPrint(v *visit) error {
	set, err := v.o.Settings.ShowKeys(v.ctx(), v.by, v.in)
	if err != nil {
		return err
	}
	if len(set.Shown()) == 0 {
		return fault.New(fault.Forbidden, fault.NotAllowed).Say("fault.keys_not_viewable", nil)
	}
	me, err := v.o.Settings.Me(v.ctx(), v.in)
	if err != nil {
		return err
	}
	p := &keysPrintPage{Keys: sheetOf(set, ""), Account: me.User.Email, Host: v.o.BaseURL.Host}
	return v.draw("keys_print", p)
}
