package forwardauth

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"latchkey/internal/session"
)

// CookieName is the name of the cookie that reaches the apps. It is fixed, so
// that a proxy's configuration can strip it.
func (g *Gate) CookieName() string {
	if g.secure() {
		return "__Secure-latchkey-app"
	}
	return "latchkey-app"
}

func (g *Gate) secure() bool { return g.o.BaseURL.Scheme == "https" }

// Issue gives this browser the cookie for apps, for its session. The page in
// between does so by itself; a front may do so earlier, at sign-in.
func (g *Gate) Issue(c *gin.Context, in session.Session) { g.set(c, g.o.Sessions.ForwardToken(in), 0) }

// Withdraw takes the cookie for apps back, at sign-out. It was dead already:
// it ends with its session.
func (g *Gate) Withdraw(c *gin.Context) { g.set(c, "", -1) }

func (g *Gate) set(c *gin.Context, value string, age int) {
	http.SetCookie(c.Writer, &http.Cookie{ // #nosec G124 -- Secure but for http on loopback
		Name: g.CookieName(), Value: value, Path: "/", Domain: g.o.CookieDomain, MaxAge: age,
		Secure: g.secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// cookie reads it; a name sent twice is nobody's: one of the two was planted
// by another host of the domain.
func (g *Gate) cookie(c *gin.Context) string { return only(c, g.CookieName()) }

func only(c *gin.Context, name string) string {
	found := c.Request.CookiesNamed(name)
	if len(found) != 1 {
		return ""
	}
	return found[0].Value
}

// aimFor is how long we remember where somebody wanted to go.
const aimFor = 15 * time.Minute

// aimName is the cookie that keeps the app's address during sign-in: return_to
// takes paths of ours only, and no address of an app ever stands in it.
func (g *Gate) aimName() string {
	if g.secure() {
		return "__Host-latchkey-aim"
	}
	return "latchkey-aim-" + g.o.BaseURL.Port()
}

func (g *Gate) setAim(c *gin.Context, value string, life time.Duration) {
	age := int(life / time.Second)
	if value == "" {
		age = -1
	}
	http.SetCookie(c.Writer, &http.Cookie{ // #nosec G124 -- Secure but for http on loopback
		Name: g.aimName(), Value: value, Path: "/", MaxAge: age,
		Secure: g.secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}
