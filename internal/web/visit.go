package web

import (
	"context"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	"latchkey/internal/edge"
	"latchkey/internal/fault"
	"latchkey/internal/session"
)

// visit is one request for a page, and what is known of who makes it.
type visit struct {
	*Web
	c      *gin.Context
	by     audit.Actor
	in     session.Session // zero: signed out
	signIn openSignIn      // empty: none under way
	back   string          // the page that the form stood on
	desk   account.Role    // on an admin page: the caller's role
	whose  string          // on an admin page: the caller's address
}

func (v *visit) ctx() context.Context { return v.c.Request.Context() }
func (v *visit) signedIn() bool       { return v.in.ID != uuid.Nil }

// form reads a field of a posted form. What is not text reads as empty, like
// what was left out: the flows say what is missing.
func (v *visit) form(name string) string {
	s := v.c.Request.PostForm.Get(name)
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return ""
	}
	return s
}

// to ends a form that did something, and every GET that belongs elsewhere.
func (v *visit) to(path string) error {
	v.c.Redirect(http.StatusSeeOther, path)
	return nil
}

// handle is the adapter between the router and a page: who calls, what they
// sent, and what becomes of a failure.
func (w *Web) handle(r route) gin.HandlerFunc {
	return func(c *gin.Context) {
		v := &visit{Web: w, c: c, back: w.backTo(c, r)}
		err := v.enter(r)
		if err == nil && !c.Writer.Written() && c.Writer.Status() == http.StatusOK {
			err = r.do(v)
		}
		if err != nil {
			v.fail(r, err)
		}
	}
}

func (w *Web) backTo(c *gin.Context, r route) string {
	path := r.back
	if r.method == http.MethodGet {
		return c.Request.URL.RequestURI()
	}
	for _, p := range c.Params {
		path = strings.ReplaceAll(path, ":"+p.Key, p.Value)
	}
	return path
}

// enter learns who calls and leads them on when the page is not theirs; a
// redirect that was written ends the visit.
func (v *visit) enter(r route) error {
	if err := v.readForm(); err != nil {
		return err
	}
	v.by = edge.ActorOf(v.c)
	v.by.Browser = v.jar.browser(v)
	v.signIn = v.jar.signIn(v.c)
	if err := v.readSession(); err != nil {
		return err
	}
	switch r.who {
	case visitor:
		if v.signedIn() {
			return v.to("/account")
		}
	case signing:
		if v.signIn.token == "" {
			return errOver
		}
	case member, sure:
		if !v.signedIn() {
			return errNotSignedIn
		}
		// Only the way to the page: the flow behind each 🔒 form judges for itself.
		if r.who == sure && !v.in.Confirmed(v.o.DB.Now()) {
			return fault.New(fault.Forbidden, fault.ConfirmationRequired)
		}
	}
	return nil
}

var (
	errNotSignedIn = fault.New(fault.Unauthenticated, fault.NotSignedIn)
	errOver        = errNotSignedIn // a sign-in that ended, or never was
)

// readSession finds the session of the cookie. A bearer's token in a cookie is
// none: whoever holds one never passed a page.
func (v *visit) readSession() error {
	token := v.jar.get(v.c, sessionCookie)
	if token == "" {
		return nil
	}
	in, err := v.o.Sessions.Check(v.ctx(), v.o.DB, token)
	if f, ok := fault.As(err); ok && f.Kind == fault.Unauthenticated {
		return nil
	}
	if err != nil || in.Front != session.Cookie {
		return err
	}
	v.in = in
	v.by.Kind, v.by.ID = audit.User, in.User
	edge.SetActor(v.c, v.by)
	return nil
}

// readForm parses a posted form whole: gin's own reading hides a body that is
// too large, or that broke off.
func (v *visit) readForm() error {
	r := v.c.Request
	if r.Method != http.MethodPost {
		return nil
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.ContentLength != 0 && (err != nil || kind != "application/x-www-form-urlencoded") {
		return fault.New(fault.Invalid, fault.InvalidRequest)
	}
	if err := r.ParseForm(); err != nil {
		return fault.New(fault.Invalid, fault.InvalidRequest)
	}
	return nil
}

// fail leads on where the failure says where to, and draws the rest.
func (v *visit) fail(r route, err error) {
	f, ok := fault.As(err)
	switch {
	case ok && f.Code == fault.ConfirmationRequired:
		_ = v.to("/account/confirm" + returning(v.back))
	case ok && f.Code == fault.NotSignedIn && r.who == signing:
		v.signInOver()
	case ok && f.Code == fault.NotSignedIn && r.who >= member:
		v.jar.drop(v.c, sessionCookie)
		v.notice(noticeSessionOver, "")
		_ = v.to("/sign-in" + returning(v.back))
	case ok && f.Code == fault.EmailNotVerified:
		v.notice(noticeVerifyFirst, "")
		_ = v.to("/account/email" + returning(v.back))
	default:
		edge.Fail(v.c, err)
	}
}

// signInOver: finished in another tab or by a second press of the button, or
// dead. Neither is an error to whoever meets it.
func (v *visit) signInOver() {
	v.jar.drop(v.c, signInCookie)
	if v.signedIn() {
		_ = v.to("/account")
		return
	}
	v.notice(noticeSignInOver, "")
	_ = v.to("/sign-in")
}
