package forwardauth

import (
	"bytes"
	"encoding/base64"
	"html/template"
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
		g.draw(c, http.StatusForbidden, page{Title: "apps.factor.title", Text: "apps.factor.text", Links: []link{
			{"/account/security", "apps.factor.security"}, {"/account/confirm?return_to=" + continuePath, "apps.factor.confirm"},
		}})
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
	p := page{Title: "apps.leave.title", Text: "apps.leave.text", Host: to.Host, Links: []link{{to.String(), "apps.leave.link"}}}
	if atOnce {
		p.Refresh = to.String()
	}
	g.draw(c, http.StatusOK, p)
}

// page is what the page in between says; its texts are ids of the catalogue.
type page struct {
	Title, Text string
	Host        string
	Links       []link
	Refresh     string
}

type link struct{ URL, Words string }

func (g *Gate) draw(c *gin.Context, status int, p page) {
	words := map[string]any{"Host": p.Host}
	p.Title, p.Text = g.o.Words.T(p.Title, words), g.o.Words.T(p.Text, words)
	for i := range p.Links {
		p.Links[i].Words = g.o.Words.T(p.Links[i].Words, words)
	}
	var b bytes.Buffer
	if err := between.Execute(&b, p); err != nil {
		edge.Fail(c, err)
		return
	}
	c.Data(status, "text/html; charset=utf-8", b.Bytes())
}

var between = template.Must(template.New("between").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">{{with .Refresh}}
<meta http-equiv="refresh" content="0; url={{.}}">{{end}}
<title>{{.Title}}</title>
<main>
<h1>{{.Title}}</h1>
<p>{{.Text}}</p>
{{range .Links}}<p><a href="{{.URL}}" rel="noreferrer">{{.Words}}</a></p>
{{end}}</main>
</html>
`))
