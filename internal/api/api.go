// Package api is the JSON front: routes, request and answer structs, bearer
// tokens. A handler reads its input, knows its caller, calls one flow, and
// draws the answer; no rule is decided here. openapi.yaml describes it all.
package api

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"latchkey/internal/admin"
	"latchkey/internal/audit"
	"latchkey/internal/edge"
	"latchkey/internal/fault"
	"latchkey/internal/pg"
	"latchkey/internal/seal"
	"latchkey/internal/session"
	"latchkey/internal/settings"
	"latchkey/internal/signin"
)

// API answers under /api/v1.
type API struct {
	DB       *pg.DB
	SignIn   *signin.Flow
	Settings *settings.Flow
	Admin    *admin.Flow
	Sessions *session.Store
	Keys     edge.KeyStore // of Idempotency-Key
	Digests  *seal.Digester
	Brand    string // issuer in otpauth links
}

// Routes registers every call.
func (a *API) Routes(r gin.IRouter) {
	once := edge.Idempotent(a.Keys, a.Digests)

	v1 := r.Group("/api/v1")
	v1.POST("/sign-ups", edge.JSON(http.StatusCreated, a.signUp))
	v1.POST("/sign-ins", edge.JSON(http.StatusOK, a.startSignIn))

	v1.POST("/password-resets", edge.Do(a.askReset))
	v1.POST("/password-resets/confirm", edge.Do(a.resetPassword))

	a.adminRoutes(v1, once)

	open := v1.Group("/sign-ins/current", edge.Before(holdsSignIn), once)
	open.GET("", edge.Get(a.currentSignIn))
	open.DELETE("", edge.End(a.cancelSignIn))
	open.POST("/email-code", edge.Bare(http.StatusAccepted, a.sendSignInCode))
	open.GET("/email-code", edge.Get(a.signInCode))
	open.POST("/verify", edge.JSON(http.StatusOK, a.verify))
	open.POST("/enrolments", edge.JSON(http.StatusCreated, a.enrolAtSignIn))
	open.POST("/enrolments/confirm", edge.JSON(http.StatusOK, a.confirmEnrolmentAtSignIn))
	open.POST("/complete", edge.JSON(http.StatusOK, a.completeSignIn))

	me := v1.Group("/me", edge.Before(a.holdsSession), once)
	me.GET("", edge.Get(a.me))
	me.PATCH("", edge.JSON(http.StatusOK, a.changeMe))
	me.DELETE("", edge.End(a.deleteMe))
	me.GET("/policy", edge.Get(a.myPolicy))
	me.POST("/email-verification", edge.Bare(http.StatusAccepted, a.sendVerification))
	me.POST("/email-verification/confirm", edge.JSON(http.StatusOK, a.confirmVerification))
	me.POST("/email-change", edge.JSON(http.StatusAccepted, a.sendEmailChange))
	me.POST("/email-change/confirm", edge.JSON(http.StatusOK, a.changeEmail))
	me.POST("/confirmations", edge.JSON(http.StatusOK, a.confirm))
	me.POST("/confirmations/email-code", edge.Bare(http.StatusAccepted, a.sendConfirmationCode))
	me.POST("/password", edge.Do(a.changePassword))
	me.GET("/two-factor", edge.Get(a.twoFactor))
	me.DELETE("/two-factor", edge.Bare(http.StatusOK, a.turnTwoFactorOff))
	me.POST("/two-factor/enrolments", edge.JSON(http.StatusCreated, a.enrol))
	me.POST("/two-factor/enrolments/confirm", edge.JSON(http.StatusOK, a.confirmEnrolment))
	me.DELETE("/two-factor/methods/:id", edge.Bare(http.StatusOK, a.turnMethodOff))
	me.POST("/two-factor/app/reset", edge.End(a.resetApp))
	me.GET("/recovery-keys", edge.Get(a.recoveryKeys))
	me.POST("/recovery-keys", edge.Bare(http.StatusCreated, a.renewRecoveryKeys))
	me.GET("/recovery-keys.txt", edge.Raw(a.recoveryKeysFile))
	me.POST("/recovery-keys/check", edge.JSON(http.StatusOK, a.checkRecoveryKey))
	me.GET("/sessions", edge.Get(a.sessions))
	me.DELETE("/sessions", edge.End(a.endOtherSessions))
	me.DELETE("/sessions/current", edge.End(a.signOut))
	me.DELETE("/sessions/:id", edge.End(a.endSession))
	me.GET("/trusted-devices", edge.Get(a.trustedDevices))
	me.DELETE("/trusted-devices/:id", edge.End(a.endTrustedDevice))
	me.GET("/tokens", edge.Get(a.tokens))
	me.POST("/tokens", edge.JSON(http.StatusCreated, a.makeToken))
	me.DELETE("/tokens/:id", edge.End(a.revokeToken))
	me.GET("/events", edge.Get(a.events))
}

var errNotSignedIn = fault.New(fault.Unauthenticated, fault.NotSignedIn)

// holdsSignIn lets only sign-in tokens through; which one it is, and whether
// it lives, the flow decides under its lock.
func holdsSignIn(c *gin.Context) error {
	kind, _, err := edge.Bearer(c)
	if err == nil && kind != edge.SignInBearer {
		err = errNotSignedIn
	}
	return err
}

type sessionKey struct{}

// holdsSession lets live sessions through, and access tokens on the routes that
// take them, and names their user.
func (a *API) holdsSession(c *gin.Context) error {
	kind, token, err := edge.Bearer(c)
	if err != nil {
		return err
	}
	var in session.Session
	switch kind {
	case edge.SessionBearer:
		in, err = a.Sessions.Check(c.Request.Context(), a.DB, token)
		if err == nil && in.Front != session.Bearer {
			err = errNotSignedIn // a page's cookie is no bearer token
		}
	case edge.AccessBearer:
		in, err = a.byToken(c, token)
	default:
		err = errNotSignedIn
	}
	if err != nil {
		return err
	}
	by := edge.ActorOf(c)
	by.Kind, by.ID = audit.User, in.User
	edge.SetActor(c, by)
	c.Set(sessionKey{}, in)
	return nil
}

func sessionOf(c *edge.Call) session.Session { return c.Gin.MustGet(sessionKey{}).(session.Session) }

func (a *API) signUp(ctx context.Context, c *edge.Call, req signUpRequest) (meAnswer, error) {
	u, err := a.SignIn.SignUp(ctx, c.By, signin.Person(req))
	return me(u, false), err
}

type emailRequest struct {
	Email string `json:"email"`
}

// askReset answers 202 whatever is known of the address.
func (a *API) askReset(ctx context.Context, c *edge.Call, req emailRequest) error {
	c.Status(http.StatusAccepted)
	return a.SignIn.AskReset(ctx, c.By, req.Email)
}

type resetRequest struct {
	Token    string `json:"token"`
	Password string `json:"password"`
}

func (a *API) resetPassword(ctx context.Context, c *edge.Call, req resetRequest) error {
	return a.SignIn.ResetPassword(ctx, c.By, req.Token, req.Password)
}

type signUpRequest struct {
	Email    string `json:"email"`
	Name     string `json:"name"`
	Password string `json:"password"`
}
