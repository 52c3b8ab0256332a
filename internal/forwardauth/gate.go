// Package forwardauth is the front for reverse proxies: before each request to
// an app they ask here whether it may pass, and as whom.
//
// It takes a cookie of its own, which reaches the apps' hosts and opens nothing
// here; the documented proxy configurations strip it before the app. Answers
// are 200, 401 and 403 only, and whatever goes wrong is a refusal.
package forwardauth

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"latchkey/internal/config"
	"latchkey/internal/edge"
	"latchkey/internal/fault"
	"latchkey/internal/pg"
	"latchkey/internal/session"
)

// Options are what the gate is built from.
type Options struct {
	DB            *pg.DB
	Sessions      *session.Store
	BaseURL       *url.URL
	CookieDomain  string // empty: the host of BaseURL alone
	Rules         []config.AppRule
	SessionCookie string // name of the pages' cookie, which continue reads
	Pages         Pages
}

// Pages are what people see between an app and their sign-in.
type Pages interface {
	// LeaveForApp leads a browser to an app, by itself or by a button alone.
	LeaveForApp(c *gin.Context, host, to string, atOnce bool) error
	// AppWantsMore says that a confirmation was too weak for an app; again is
	// where to confirm by something else.
	AppWantsMore(c *gin.Context, again string) error
}

// Gate answers proxies and leads people back to their apps.
type Gate struct {
	o     Options
	rules rules
}

// New makes a gate. Without rules nobody gets anywhere.
func New(o Options) *Gate { return &Gate{o, o.Rules} }

// Routes registers the two doors for proxies, and the page in between.
func (g *Gate) Routes(r gin.IRouter) {
	r.GET("/forward-auth", func(c *gin.Context) { g.ask(c, false) })
	r.GET("/forward-auth/redirect", func(c *gin.Context) { g.ask(c, true) })
	r.GET(continuePath, g.goOn)
}

// ask answers one question of a proxy. lead: send browsers to sign-in at once,
// for proxies that hand our answer on.
func (g *Gate) ask(c *gin.Context, lead bool) {
	o, why := originalOf(c, g.o.BaseURL.Scheme)
	if why != "" {
		refuse(c, why)
		return
	}
	must := g.rules.find(o.url)
	if len(must) == 0 {
		refuse(c, "No rule lets anyone here.")
		return
	}
	if must.open() {
		// The proxy strips one cookie of ours. Beside a planted one, the real
		// one would reach the app.
		if len(c.Request.CookiesNamed(g.CookieName())) > 1 {
			refuse(c, "There is more than one cookie of this name.")
			return
		}
		anonymous(c)
		g.handBack(c)
		c.Status(http.StatusOK)
		return
	}
	who, err := g.o.Sessions.CheckForward(c.Request.Context(), g.o.DB, g.cookie(c))
	if f, known := fault.As(err); known && f.Kind == fault.Unauthenticated {
		g.signIn(c, o, lead)
		return
	}
	if err != nil {
		// Written to the log; a proxy takes anything but 401 and 403 for a
		// failure of its own set-up.
		edge.AnswerTo(c, err)
		refuse(c, "We can't tell right now. Please try again in a moment.")
		return
	}
	switch must.judge(who) {
	case lacksRight:
		refuse(c, "This account may not use this app.")
	case lacksAddress:
		refuse(c, "The email address of this account is not verified.")
	case lacksFactor:
		g.signIn(c, o, lead)
	default:
		identify(c, who)
		g.handBack(c)
		c.Status(http.StatusOK)
	}
}

// identify tells the app who it is. Groups are the role, until there are groups.
func identify(c *gin.Context, who session.Forward) {
	c.Header("Remote-User", plain(who.Email))
	c.Header("Remote-Id", who.Session.User.String())
	c.Header("Remote-Name", plain(who.Name))
	c.Header("Remote-Groups", who.Role)
}

// anonymous says that it is nobody, in so many words: some versions of
// Caddy hand on the name of a placeholder in place of a header that is missing.
func anonymous(c *gin.Context) {
	for _, name := range []string{"Remote-User", "Remote-Id", "Remote-Name", "Remote-Groups"} {
		c.Writer.Header()[name] = []string{""}
	}
}

// plain keeps a header on its line, whatever a name holds.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}

// signIn answers whoever has to sign in, or to confirm, first.
func (g *Gate) signIn(c *gin.Context, o original, lead bool) {
	to := g.o.BaseURL.JoinPath(continuePath)
	to.RawQuery = url.Values{"to": {o.url.String()}}.Encode()
	if lead && o.page {
		c.Redirect(http.StatusSeeOther, to.String())
		return
	}
	c.Header("X-Latchkey-Sign-In", to.String())
	c.String(http.StatusUnauthorized, "Please sign in: %s\n", to)
}

func refuse(c *gin.Context, why string) { c.String(http.StatusForbidden, "%s\n", why) }
