package web

import (
	"encoding/base64"
	"html/template"
	"strings"

	"latchkey/internal/factor"
)

// appCode is an app that waits for its first code: what to scan, what to type
// where nothing can be scanned, and the link for the phone at hand.
type appCode struct {
	QR     template.URL // data: of our own making
	Link   template.URL // otpauth: of our own making
	Secret string       // in groups of four
	Name   string
}

func (v *visit) appCode(e factor.Enrolment, account string) (appCode, error) {
	link := factor.OtpauthURL(v.o.Brand.Name, account, e.Secret)
	png, err := factor.QR(link)
	if err != nil {
		return appCode{}, err
	}
	return appCode{
		QR:     template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(png)), // #nosec G203 -- base64 of our own picture
		Link:   template.URL(link),                                                              // #nosec G203 -- built by factor.OtpauthURL, every part escaped
		Secret: grouped(e.Secret), Name: e.Name,
	}, nil
}

// grouped sets a secret in groups of four, as it is read aloud and typed.
func grouped(s string) string {
	var b strings.Builder
	for i, r := range s {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}

type enrolAppPage struct {
	frame
	App appCode
}

func enrolApp(v *visit) error {
	p, next, err := v.enrolAppPage()
	if err != nil || next != "" {
		return v.orGoTo(next, err)
	}
	return v.draw("enrol_app", p)
}

func (v *visit) enrolAppPage() (*enrolAppPage, string, error) {
	e, next, err := v.enrolment(factor.App)
	if err != nil || next != "" {
		return nil, next, err
	}
	s, err := v.o.SignIn.Current(v.ctx(), v.by, v.signIn.token)
	if err != nil {
		return nil, "", err
	}
	p := &enrolAppPage{}
	p.blame = "code"
	p.App, err = v.appCode(e, s.User.Email)
	return p, "", err
}

func enrolAppSubmit(v *visit) error {
	_, err := v.o.SignIn.ConfirmEnrolment(v.ctx(), v.by, v.signIn.token, factor.App, v.form("code"))
	if err == nil || isPast(err) {
		return v.to("/sign-in/recovery-keys")
	}
	p, next, drawErr := v.enrolAppPage()
	if drawErr != nil || next != "" {
		return v.orLost(next, drawErr, err)
	}
	return v.redraw("enrol_app", p, err)
}

// orLost says why a sign-in ended when its last try was wrong.
func (v *visit) orLost(next string, drawErr, why error) error {
	if isNotSignedIn(drawErr) {
		v.jar.drop(v.c, signInCookie)
		return v.redraw("sign_in", &signInPage{}, why)
	}
	return v.orGoTo(next, drawErr)
}
