package web

import (
	"github.com/google/uuid"

	"latchkey/internal/signin"
)

type signInPage struct {
	frame
	Email string
	Open  bool // another sign-in is under way in this browser

	Providers []ssoChoice // other ways in
}

func signInForm(v *visit) error {
	p := &signInPage{Open: v.signIn.token != "", Providers: v.ssoChoices(anySSO)}
	p.Notice, p.Email = v.takeNotice()
	return v.draw("sign_in", p)
}

// signInSubmit is the first step. A second press of the button goes on with
// what the first one began, and mails no second code: with its cookie, or,
// where the answer that carried the cookie was lost, by proving the password
// again.
func signInSubmit(v *visit) error {
	first, kept, done, err := v.onceKept()
	if err != nil {
		return err
	}
	if !first && (v.signIn.token != "" || kept == nil) { // nil: the first is still under way
		return v.to("/sign-in/code")
	}
	resume, _ := uuid.ParseBytes(kept)
	s, err := v.o.SignIn.Start(v.ctx(), v.by, signin.Credentials{
		Email: v.form("email"), Password: v.form("password"), TrustedDevice: v.jar.get(v.c, deviceCookie),
		Resume: resume,
	})
	if first {
		done(err, []byte(s.ID.String()))
	}
	if err != nil {
		return v.redraw("sign_in", &signInPage{Email: v.form("email"), Providers: v.ssoChoices(anySSO)}, err)
	}
	return v.goOn(s, v.returnTo())
}

// goOn leads from one step of a sign-in to the next, or into the session.
func (v *visit) goOn(s signin.State, returnTo string) error {
	if s.Token != "" {
		v.jar.setSignIn(v.c, openSignIn{s.Token, returnTo})
	}
	switch {
	case s.Status == signin.Complete:
		return v.arrived(s, returnTo)
	case s.Status == signin.SecondFactor:
		return v.to("/sign-in/code")
	case s.Enrolled:
		return v.to("/sign-in/recovery-keys")
	}
	return v.to("/sign-in/enrol")
}

// arrived turns a finished sign-in into cookies. The token is fresh: whatever
// a browser held before is forgotten.
func (v *visit) arrived(s signin.State, returnTo string) error {
	v.jar.drop(v.c, signInCookie)
	v.jar.set(v.c, sessionCookie, s.SessionToken, 0)
	v.jar.setBrowser(v, v.by.Browser)
	if s.TrustedDevice != "" {
		v.jar.set(v.c, deviceCookie, s.TrustedDevice, s.TrustedFor)
	}
	if s.KeysLeft != nil {
		return v.to("/account/recovered" + returning(returnTo))
	}
	return v.to("/account" + returning(returnTo))
}

// signInCancel ends an unfinished sign-in, here and on the server.
func signInCancel(v *visit) error {
	if v.signIn.token != "" {
		if err := v.o.SignIn.Cancel(v.ctx(), v.by, v.signIn.token); err != nil && !isNotSignedIn(err) {
			return err
		}
	}
	v.jar.drop(v.c, signInCookie)
	return v.to("/sign-in")
}

// signOut ends the session on the server first: a cookie that is only
// forgotten could still be used.
func signOut(v *visit) error {
	if v.signedIn() {
		if err := v.o.Settings.SignOut(v.ctx(), v.by, v.in); err != nil && !isNotSignedIn(err) {
			return err
		}
	}
	v.jar.drop(v.c, sessionCookie)
	v.jar.drop(v.c, signInCookie)
	v.notice(noticeSignedOut, "")
	return v.to("/sign-in")
}
