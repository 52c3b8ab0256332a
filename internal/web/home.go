package web

// home leads to where whoever comes wants to go.
func home(v *visit) error {
	if v.signedIn() {
		return v.to("/account/security")
	}
	return v.to("/sign-in")
}

// arrive comes right after a sign-in: first what can't wait, then where the
// person was going.
func arrive(v *visit) error {
	due, err := v.o.Settings.Arrival(v.ctx(), v.in)
	if err != nil {
		return err
	}
	switch {
	case due.KeysUnsaved:
		return v.to("/account/recovery-keys" + returning(v.returnTo()))
	case due.VerifyEmail:
		return v.to("/account/email" + returning(v.returnTo()))
	case due.Offer:
		return v.to("/account/welcome" + returning(v.returnTo()))
	}
	return v.to(v.orElse("/account/security"))
}

// offerPage offers two-factor to somebody who has none.
type offerPage struct{ frame }

func offerShow(v *visit) error { return v.draw("offer", &offerPage{}) }

// offerPutOff is "not now".
func offerPutOff(v *visit) error {
	if err := v.o.Settings.PutOff(v.ctx(), v.by, v.in); err != nil {
		return err
	}
	v.notice(noticeNotNow, "")
	return v.to(v.orElse("/account/security"))
}
