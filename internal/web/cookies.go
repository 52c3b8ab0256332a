package web

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
)

// What each cookie holds. None is read by scripts.
const (
	sessionCookie = "session"        // token of the session; ends with the browser, and on the server
	signInCookie  = "sign-in"        // token of an unfinished sign-in, and where to go on to
	browserCookie = "browser"        // a random id and our signature: signed in here before; skips nothing
	deviceCookie  = "trusted-device" // token that skips the second step, never the password
	ssoCookie     = "sso"            // a round trip to a provider, signed
	noticeCookie  = "notice"         // what the next page says, by name
)

const (
	knownFor   = 365 * 24 * time.Hour
	signInFor  = 15 * time.Minute
	noticeFor  = time.Minute
	browserTag = "browser" // what the signature is for
)

// jar names and writes cookies. Over https they are "__Host-": bound to this
// very host, whole path, Secure. Over http, which is loopback only, browsers
// would refuse that, and every port shares one jar, so the port is in the name.
type jar struct {
	prefix, suffix string
	secure         bool
}

func newJar(base *url.URL) jar {
	if base.Scheme == "https" {
		return jar{prefix: "__Host-latchkey-", secure: true}
	}
	port := base.Port()
	if port == "" {
		port = "80"
	}
	return jar{prefix: "latchkey-", suffix: "-" + port}
}

// SessionCookie is the name of the session's cookie, for the front that leads
// people back to apps.
func SessionCookie(base *url.URL) string { return newJar(base).name(sessionCookie) }

func (j jar) name(what string) string { return j.prefix + what + j.suffix }

// get reads a cookie; a name sent twice is nobody's: one of the two was
// planted.
func (j jar) get(c *gin.Context, what string) string {
	found := c.Request.CookiesNamed(j.name(what))
	if len(found) != 1 || len(found[0].Value) > 1024 {
		return ""
	}
	return found[0].Value
}

// set writes a cookie; life 0 ends with the browser.
func (j jar) set(c *gin.Context, what, value string, life time.Duration) {
	http.SetCookie(c.Writer, &http.Cookie{ // #nosec G124 -- Secure but for http on loopback
		Name: j.name(what), Value: value, Path: "/", MaxAge: int(life / time.Second),
		Secure: j.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

func (j jar) drop(c *gin.Context, what string) {
	http.SetCookie(c.Writer, &http.Cookie{ // #nosec G124 -- Secure but for http on loopback
		Name: j.name(what), Path: "/", MaxAge: -1,
		Secure: j.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// openSignIn is what the sign-in cookie holds.
type openSignIn struct{ token, returnTo string }

func (j jar) signIn(c *gin.Context) openSignIn {
	token, to, _ := strings.Cut(j.get(c, signInCookie), ".")
	path, err := base64.RawURLEncoding.DecodeString(to)
	if err != nil {
		return openSignIn{token: token}
	}
	return openSignIn{token, safeReturn(string(path))}
}

func (j jar) setSignIn(c *gin.Context, s openSignIn) {
	j.set(c, signInCookie, s.token+"."+base64.RawURLEncoding.EncodeToString([]byte(s.returnTo)), signInFor)
}

// browser is the id of this browser, made on its first visit: the flows know
// pages by it. Only our own signature makes an id, so nobody takes another's.
func (j jar) browser(v *visit) uuid.UUID {
	raw, sign, _ := strings.Cut(j.get(v.c, browserCookie), ".")
	tag, err := base64.RawURLEncoding.DecodeString(sign)
	if id, bad := uuid.Parse(raw); err == nil && bad == nil && v.o.Cookies.Verify(tag, browserTag, id.String()) {
		return id
	}
	id := uuid.New()
	j.setBrowser(v, id)
	return id
}

func (j jar) setBrowser(v *visit, id uuid.UUID) {
	tag := v.o.Cookies.Digest(browserTag, id.String())
	j.set(v.c, browserCookie, id.String()+"."+base64.RawURLEncoding.EncodeToString(tag), knownFor)
}
