package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/edge"
	"latchkey/internal/fault"
	"latchkey/internal/sso"
)

// ssoChoice is a provider as a page offers it.
type ssoChoice struct{ Slug, Name string }

// ssoChoices are all providers that which chooses.
func (v *visit) ssoChoices(which func(sso.Settings) bool) []ssoChoice {
	var out []ssoChoice
	for _, p := range v.o.SSO.List() {
		if which(p) {
			out = append(out, ssoChoice{p.Slug, p.Name})
		}
	}
	return out
}

func anySSO(sso.Settings) bool { return true }

// ssoFailedPage says why a provider did not lead in, and what else there is.
type ssoFailedPage struct {
	frame
	Title, Detail string
	Again         string // where to begin again; empty: it is no use
	Back          string // where the visit came from
	Account       bool   // that is a page of the account, not the sign-in
}

// ssoStart leads to a provider. It is a link, so that no form is led off our
// own origin, and writes nothing but a cookie.
func ssoStart(v *visit) error {
	return v.leave(sso.Trip{Provider: v.c.Param("provider"), Purpose: sso.SignIn, ReturnTo: v.returnTo()})
}

// ssoConfirm leads to a provider for the first half of a confirmation.
func ssoConfirm(v *visit) error {
	return v.leave(sso.Trip{Provider: v.c.Param("provider"), Purpose: sso.Confirm, Session: v.in.ID, ReturnTo: v.returnTo()})
}

func (v *visit) leave(t sso.Trip) error {
	to, cookie, err := v.o.SSO.Begin(v.ctx(), t, v.o.DB.Now())
	if err != nil {
		return v.ssoFailed(t, err)
	}
	v.jar.set(v.c, ssoCookie, cookie, sso.TripLife)
	v.c.Redirect(http.StatusFound, to)
	return nil
}

// ssoBack is where providers lead back to. What comes with it counts only in
// the browser that began the round trip: without its cookie nothing changes.
// The way on never carries what came in the query.
func ssoBack(v *visit) error {
	v.back = ""
	query := v.c.Request.URL.Query()
	t, err := v.o.SSO.Open(v.jar.get(v.c, ssoCookie), v.c.Param("provider"), query, v.o.DB.Now())
	if err != nil {
		return v.ssoFailed(sso.Trip{}, err)
	}
	v.jar.drop(v.c, ssoCookie)
	switch {
	case t.Purpose == sso.SignIn && v.signedIn(): // in another tab, meanwhile
		return v.to("/account")
	case t.Purpose != sso.SignIn && v.in.ID != t.Session: // signed out meanwhile, or somebody else now
		return v.ssoFailed(sso.Trip{}, errOtherSession)
	case t.Purpose == sso.Link:
		if err := v.o.Settings.Link(v.ctx(), v.by, v.in, t, query); err != nil {
			return v.ssoFailed(t, err)
		}
		v.notice(noticeLinked, "")
		return v.to("/account/security")
	case t.Purpose == sso.Confirm:
		done, err := v.o.SignIn.ConfirmSSO(v.ctx(), v.by, v.in, t, query)
		if err != nil {
			return v.ssoFailed(t, err)
		}
		if done.Token == "" { // the code is still due
			return v.to("/account/confirm" + returning(t.ReturnTo))
		}
		v.jar.set(v.c, sessionCookie, done.Token, 0)
		return v.to(orElse(t.ReturnTo, "/account/security"))
	}
	s, err := v.o.SignIn.StartSSO(v.ctx(), v.by, t, query, v.jar.get(v.c, deviceCookie))
	if err != nil {
		return v.ssoFailed(t, err)
	}
	return v.goOn(s, t.ReturnTo)
}

var errOtherSession = fault.New(fault.Forbidden, fault.NotAllowed).Say("fault.sso_other_session", nil)

// ssoFailed draws what went wrong on the way to a provider or back.
func (v *visit) ssoFailed(t sso.Trip, err error) error {
	f, ok := fault.As(err)
	if !ok || f.Code == fault.ConfirmationRequired || f.Code == fault.Absent || f.Code == fault.NotSignedIn {
		return err
	}
	a := edge.AnswerTo(v.c, err)
	if a.RetryAfter > 0 {
		v.c.Header("Retry-After", strconv.Itoa(int((a.RetryAfter+time.Second-1)/time.Second)))
	}
	p := &ssoFailedPage{Title: v.o.Words.T("web.sso.failed", nil), Detail: a.Detail, Back: "/sign-in" + returning(t.ReturnTo)}
	if f.Kind == fault.Unavailable {
		p.Title = v.o.Words.T("web.sso.down", nil)
	}
	if v.signedIn() {
		p.Back, p.Account = "/account/security", true
	}
	switch t.Purpose {
	case sso.SignIn:
		p.Again = "/sign-in/sso/" + t.Provider + returning(t.ReturnTo)
	case sso.Confirm:
		p.Again = "/account/confirm" + returning(t.ReturnTo)
	case sso.Link:
		p.Again = "/account/security/sso/" + t.Provider + "/link"
	}
	return v.drawAs(a.Status, "sso_failed", p)
}

// orElse is a path to go on to, or a page of its own.
func orElse(path, page string) string {
	if path = safeReturn(path); path != "" {
		return path
	}
	return page
}

// identity is a linked provider as pages show it.
type identity struct {
	ID       uuid.UUID
	Name     string
	Email    string
	LinkedAt time.Time
	LastUsed *time.Time
}

func (v *visit) identities(all []sso.Identity) []identity {
	var out []identity
	for _, i := range all {
		out = append(out, identity{i.ID, v.o.SSO.NameOf(i.Issuer), i.Email, i.LinkedAt, i.LastUsedAt})
	}
	return out
}
