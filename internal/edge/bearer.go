package edge

import (
	"strings"

	"github.com/gin-gonic/gin"

	"latchkey/internal/fault"
)

// BearerKind says what sort of token a caller holds, as its prefix tells.
type BearerKind string

const (
	NoBearer      BearerKind = ""
	SignInBearer  BearerKind = "lki_" // an unfinished sign-in: opens its own steps only
	SessionBearer BearerKind = "lks_"
	AccessBearer  BearerKind = "lkp_"
)

// errNotSignedIn is one answer for no, malformed and dead tokens.
var errNotSignedIn = fault.New(fault.Unauthenticated, fault.NotSignedIn)

// Bearer reads the Authorization header: its kind and the whole token, prefix
// included. Without a header both are empty; anything but exactly one
// "Bearer <token>" with a known prefix is unauthenticated. No other place is
// looked at: not a query, not a form, not a cookie.
func Bearer(c *gin.Context) (BearerKind, string, error) {
	values := c.Request.Header.Values("Authorization")
	if len(values) == 0 {
		return NoBearer, "", nil
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if strings.EqualFold(scheme, "Basic") { // said here, since that is what scripts try first
		return NoBearer, "", errNotSignedIn.Say("fault.use_token", nil)
	}
	if len(values) > 1 || !strings.EqualFold(scheme, "Bearer") || len(token) < 20 || len(token) > 128 {
		return NoBearer, "", errNotSignedIn
	}
	for _, b := range []byte(token) {
		if !wordByte(b) {
			return NoBearer, "", errNotSignedIn
		}
	}
	switch kind := BearerKind(token[:4]); kind {
	case SignInBearer, SessionBearer, AccessBearer:
		return kind, token, nil
	}
	return NoBearer, "", errNotSignedIn
}
