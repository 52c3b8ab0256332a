package web

// askResetPage asks where to mail the link to.
type askResetPage struct {
	frame
	Email string
}

// resetSentPage says the same whatever is known of the address.
type resetSentPage struct{ frame }

// newPasswordPage is what the mailed link opens. Its form posts to the link's
// own path: opening it is not using it.
type newPasswordPage struct {
	frame
	Action string
}

func askResetForm(v *visit) error { return v.draw("ask_reset", &askResetPage{}) }

func askReset(v *visit) error {
	first, done, err := v.once()
	if err == nil && first {
		err = v.o.SignIn.AskReset(v.ctx(), v.by, v.form("email"))
		done(err)
	}
	if err != nil {
		return v.redraw("ask_reset", &askResetPage{Email: v.form("email")}, err)
	}
	return v.to("/password-resets/sent")
}

func resetSent(v *visit) error { return v.draw("reset_sent", &resetSentPage{}) }

func newPasswordForm(v *visit) error {
	if err := v.o.SignIn.ResetLink(v.ctx(), v.c.Param("token")); err != nil {
		return v.linkOver(resetLink, err)
	}
	return v.draw("new_password", &newPasswordPage{Action: v.c.Request.URL.Path})
}

// newPassword spends the link. The flow learns which browser this is, and
// knows it from then on: its owner gets out of a flood of wrong guesses.
func newPassword(v *visit) error {
	err := v.o.SignIn.ResetPassword(v.ctx(), v.by, v.c.Param("token"), v.form("password"))
	if isLinkOver(err) {
		return v.linkOver(resetLink, err)
	}
	if err != nil {
		return v.redraw("new_password", &newPasswordPage{Action: v.c.Request.URL.Path}, err)
	}
	v.jar.drop(v.c, signInCookie)
	v.notice(noticeReset, "")
	return v.to("/sign-in")
}
