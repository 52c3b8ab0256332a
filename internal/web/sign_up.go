package web

import (
	"latchkey/internal/signin"
	"latchkey/internal/sso"
)

type signUpPage struct {
	frame
	Email, Name string
	Closed      bool // there is nothing to fill in

	Providers []ssoChoice // that make accounts too
}

func signUpForm(v *visit) error {
	if err := v.o.SignIn.MaySignUp(v.ctx()); err != nil {
		return v.redraw("sign_up", &signUpPage{Closed: true}, err)
	}
	return v.draw("sign_up", &signUpPage{Providers: v.ssoChoices(makesAccounts)})
}

func makesAccounts(p sso.Settings) bool { return p.SignUp }

// signUpSubmit answers a taken address like a free one: the next page is the
// same, and its owner is told by mail.
func signUpSubmit(v *visit) error {
	p := &signUpPage{Email: v.form("email"), Name: v.form("name"), Providers: v.ssoChoices(makesAccounts)}
	first, done, err := v.once()
	if err != nil {
		return err
	}
	if first {
		_, err = v.o.SignIn.SignUp(v.ctx(), v.by, signin.Person{
			Email: p.Email, Name: p.Name, Password: v.form("password"),
		})
		done(err)
		if err != nil {
			return v.redraw("sign_up", p, err)
		}
	}
	v.notice(noticeSignedUp, p.Email)
	return v.to("/sign-in" + returning(v.returnTo()))
}
