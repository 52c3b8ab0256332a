package forwardauth

import (
	"net/http"
	"strings"
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

// handBack answers with the cookies that the app may see: all but ours. It is
// for proxies that can put a header of our answer in place of the client's, and
// can't take a single cookie away themselves (Traefik).
func (g *Gate) handBack(c *gin.Context) {
	var theirs []string
	for _, line := range c.Request.Header.Values("Cookie") {
		for one := range strings.SplitSeq(line, ";") {
			one = strings.TrimSpace(one)
			if name, _, _ := strings.Cut(one, "="); one != "" && strings.TrimSpace(name) != g.CookieName() {
				theirs = append(theirs, one)
			}
		}
	}
	if len(theirs) > 0 {
		c.Header("Cookie", strings.Join(theirs, "; "))
	}
}

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
