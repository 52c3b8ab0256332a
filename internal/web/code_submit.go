package web

import (
	"latchkey/internal/edge"
	"latchkey/internal/factor"
)

// codeSubmit judges the second factor.
func codeSubmit(v *visit) error {
	method := v.form("method")
	edge.Tried(v.c, method)
	s, err := v.o.SignIn.Verify(v.ctx(), v.by, v.signIn.token, method, v.form("code"), v.form("trust") == "yes")
	switch {
	case err == nil:
		return v.goOn(s, v.signIn.returnTo)
	case isPast(err):
		return v.goToStep()
	}
	p, next, drawErr := v.code(method)
	if isNotSignedIn(drawErr) { // that was the last try: the sign-in is dead
		v.jar.drop(v.c, signInCookie)
		return v.redraw("sign_in", &signInPage{}, err)
	}
	if drawErr != nil || next != "" {
		return v.orGoTo(next, drawErr)
	}
	p.Trusting = v.form("trust") == "yes"
	return v.redraw("code", p, err)
}

// goToStep leads to the step that is due, where this one is not.
func (v *visit) goToStep() error {
	s, err := v.o.SignIn.Current(v.ctx(), v.by, v.signIn.token)
	if err != nil {
		return err
	}
	return v.to(stepOf(s))
}

// codeSend mails the code of this sign-in, or repeats it.
func codeSend(v *visit) error {
	_, err := v.o.SignIn.SendCode(v.ctx(), v.by, v.signIn.token)
	if isPast(err) {
		return v.goToStep()
	}
	if err == nil {
		return v.to("/sign-in/code?way=email")
	}
	p, next, drawErr := v.code(string(factor.Email))
	if drawErr != nil || next != "" {
		return v.orGoTo(next, drawErr)
	}
	return v.redraw("code", p, err)
}

// codeDelivery tells the script what became of the code of this step.
func codeDelivery(v *visit) error {
	d, err := v.o.SignIn.CodeDelivery(v.ctx(), v.by, v.signIn.token)
	if isAbsent(err) {
		return v.answerDelivery(nil)
	}
	if err != nil {
		return err
	}
	return v.answerDelivery(v.delivered(&d, ""))
}
