package forwardauth

import (
	"encoding/base64"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"latchkey/internal/edge"
	"latchkey/internal/fault"
	"latchkey/internal/session"
)

// continuePath is the page between an app and its user's sign-in: apps send
// people here, sign-in and confirmation come back here, and from here they
// leave for the app.
const continuePath = "/apps/continue"

// goOn leads a browser on: to sign-in, to a confirmation, or back to the app.
// It leaves by a page of ours and never by a redirect (browsers hold redirects
// after a form to form-action), and only to hosts that a rule is for.
func (g *Gate) goOn(c *gin.Context) {
	asked := c.Request.URL.Query().Has("to")
	to, ok := g.aim(c)
	if !ok {
		if asked {
			edge.Fail(c, fault.New(fault.Invalid, fault.InvalidRequest).Say("fault.app_unknown", nil))
			return
		}
		c.Redirect(http.StatusSeeOther, "/account")
		return
	}
	must := g.rules.find(to)
	if len(must) == 0 {
		edge.Fail(c, fault.New(fault.Forbidden, fault.NotAllowed).Say("fault.app_not_yours", nil))
		return
	}
	if must.open() {
		g.leave(c, to, true)
		return
	}
	in, err := g.o.Sessions.Check(c.Request.Context(), g.o.DB, only(c, g.o.SessionCookie))
	if f, known := fault.As(err); known && f.Kind == fault.Unauthenticated || err == nil && in.Front != session.Cookie {
		g.detour(c, to, "/sign-in")
		return
	}
	if err != nil {
		edge.Fail(c, err)
		return
	}
	who, err := g.o.Sessions.CheckForward(c.Request.Context(), g.o.DB, g.o.Sessions.ForwardToken(in))
	if err != nil {
		edge.Fail(c, err)
		return
	}
	switch must.judge(who) {
	case lacksRight:
		edge.Fail(c, fault.New(fault.Forbidden, fault.NotAllowed).Say("fault.app_not_yours", nil))
	case lacksAddress:
		g.detour(c, to, "/account/email")
	case lacksFactor:
		if !in.Confirmed(g.o.DB.Now()) {
			g.detour(c, to, "/account/confirm")
			return
		}
		// Confirmed, and still not enough: asking once more would go in circles.
		g.setAim(c, encode(to), aimFor)
		if err := g.o.Pages.AppWantsMore(c, "/account/confirm?return_to="+continuePath); err != nil {
			edge.Fail(c, err)
		}
	default:
		// Whoever holds the cookie and comes from the app all the same is
		// not sent back at once: the cookie does not arrive there, and the
		// two of us would play ball.
		again := asked && g.cookie(c) == g.o.Sessions.ForwardToken(in)
		g.Issue(c, in)
		g.leave(c, to, !again)
	}
}

// aim is where this browser wants to go: named now, or remembered.
func (g *Gate) aim(c *gin.Context) (*url.URL, bool) {
	raw, named := c.GetQuery("to")
	if !named {
		kept, err := base64.RawURLEncoding.DecodeString(only(c, g.aimName()))
		if err != nil {
			return nil, false
		}
		raw = string(kept)
	}
	to, ok := address(raw, g.o.BaseURL.Scheme)
	if !ok || !g.rules.knows(to.Host) {
		return nil, false
	}
	return to, true
}

func encode(to *url.URL) string { return base64.RawURLEncoding.EncodeToString([]byte(to.String())) }

// detour goes by a page of ours that comes back here.
func (g *Gate) detour(c *gin.Context, to *url.URL, page string) {
	kept := encode(to)
	if len(kept) > 3500 { // more than a cookie holds: the app's front page will do
		kept = encode(&url.URL{Scheme: to.Scheme, Host: to.Host, Path: "/"})
	}
	g.setAim(c, kept, aimFor)
	c.Redirect(http.StatusSeeOther, page+"?return_to="+continuePath)
}

func (g *Gate) leave(c *gin.Context, to *url.URL, atOnce bool) {
	g.setAim(c, "", 0)
	if err := g.o.Pages.LeaveForApp(c, to.Host, to.String(), atOnce); err != nil {
		edge.Fail(c, err)
	}
}
