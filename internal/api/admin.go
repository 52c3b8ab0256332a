package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"latchkey/internal/audit"
	"latchkey/internal/edge"
	"latchkey/internal/fault"
	"latchkey/internal/session"
)

// adminRoutes registers what admins and support call. The role is looked at
// before the request is read, and again by each flow under its lock.
func (a *API) adminRoutes(v1 gin.IRouter, once gin.HandlerFunc) {
	v1.POST("/invitations/accept", edge.JSON(http.StatusCreated, a.acceptInvitation))

	r := v1.Group("/admin", edge.Before(a.holdsSession), edge.Before(a.rules), once)
	r.GET("/policy", edge.Get(a.policy))
	r.PUT("/policy", edge.JSON(http.StatusOK, a.savePolicy))
	r.POST("/policy/preview", edge.JSON(http.StatusOK, a.previewPolicy))
	r.GET("/policy/history", edge.Get(a.policyHistory))

	r.GET("/users", edge.Get(a.users))
	r.POST("/users", edge.JSON(http.StatusCreated, a.inviteUser))
	r.GET("/users/:id", edge.Get(a.user))
	r.PATCH("/users/:id", edge.JSON(http.StatusOK, a.changeUser))
	r.DELETE("/users/:id", edge.End(a.deleteUser))
	r.PUT("/users/:id/requirement", edge.Optional(http.StatusNoContent, a.requireTwoFactor))
	r.DELETE("/users/:id/requirement", edge.End(a.liftRequirement))
	r.DELETE("/users/:id/two-factor", edge.End(a.turnUsersTwoFactorOff))
	r.POST("/users/:id/two-factor/app/reset", edge.Optional(http.StatusNoContent, a.resetUsersApp))
	r.POST("/users/:id/unlock", edge.Optional(http.StatusNoContent, a.unlockUser))
	r.POST("/users/:id/verification", edge.Optional(http.StatusAccepted, a.sendUsersVerification))
	r.DELETE("/users/:id/sessions", edge.End(a.endUsersSessions))
	r.POST("/users/:id/recovery-pass", edge.Optional(http.StatusCreated, a.makeRecoveryPass))

	r.GET("/events", edge.Get(a.allEvents))
	r.GET("/events.csv", edge.Raw(a.eventsCSV))
	r.GET("/events.jsonl", edge.Raw(a.eventsJSONL))
	r.GET("/coverage", edge.Get(a.coverage))
	r.GET("/mails", edge.Get(a.mails))
	r.POST("/mails/:id/retry", edge.Bare(http.StatusAccepted, a.retryMail))
}

// rules lets only admins and support through.
func (a *API) rules(c *gin.Context) error {
	in, by := c.MustGet(sessionKey{}).(session.Session), edge.ActorOf(c)
	if _, err := a.Admin.Enter(c.Request.Context(), by, in); err != nil {
		return err
	}
	by.Kind = audit.Admin
	edge.SetActor(c, by)
	return nil
}

// queries reads several query parameters at once; all that can't be read are
// named together.
func queries(c *edge.Call, into map[string]*string) error {
	for name, at := range into {
		v, err := c.Query(name)
		if err != nil {
			return err
		}
		*at = v
	}
	return nil
}

// whole reads a number of a query; absent is 0.
func whole(c *edge.Call, name, message string) (int, error) {
	raw, err := c.Query(name)
	if err != nil || raw == "" {
		return 0, err
	}
	n, err := strconv.Atoi(raw)
	if err != nil || n < 1 {
		return 0, fault.InField(name, message, map[string]any{"Max": 200})
	}
	return n, nil
}

// nextPage is a cursor as a list carries it.
func nextPage(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

type acceptRequest struct {
	Token    string `json:"token"`
	Name     string `json:"name"`
	Password string `json:"password"`
}

func (a *API) acceptInvitation(ctx context.Context, c *edge.Call, req acceptRequest) (meAnswer, error) {
	u, err := a.Admin.Accept(ctx, c.By, req.Token, req.Name, req.Password)
	return me(u, false), err
}
