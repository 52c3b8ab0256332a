package api

import (
	"context"
	"maps"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"latchkey/internal/edge"
	"latchkey/internal/fault"
	"latchkey/internal/session"
	"latchkey/internal/settings"
)

// tokenRoutes are the routes that take access tokens, each with the scope that
// it asks for. What is not here takes none and answers not_with_token: every
// route that is guarded (🔒), what only a session can do (confirming, signing
// out), and whatever is new until somebody adds its line.
var tokenRoutes = map[string]session.Scope{
	"GET /me":                             session.ScopeRead,
	"GET /me/policy":                      session.ScopeRead,
	"GET /me/two-factor":                  session.ScopeRead,
	"GET /me/sessions":                    session.ScopeRead,
	"GET /me/trusted-devices":             session.ScopeRead,
	"GET /me/tokens":                      session.ScopeRead,
	"GET /me/events":                      session.ScopeRead,
	"PATCH /me":                           session.ScopeWrite,
	"POST /me/email-verification":         session.ScopeWrite,
	"POST /me/email-verification/confirm": session.ScopeWrite,
	"DELETE /me/sessions":                 session.ScopeWrite,
	"DELETE /me/sessions/:id":             session.ScopeWrite,
	"DELETE /me/trusted-devices/:id":      session.ScopeWrite,
	"DELETE /me/tokens/:id":               session.ScopeWrite,

	"GET /admin/policy":                  session.ScopeAdminRead,
	"GET /admin/policy/history":          session.ScopeAdminRead,
	"GET /admin/users":                   session.ScopeAdminRead,
	"GET /admin/users/:id":               session.ScopeAdminRead,
	"GET /admin/events":                  session.ScopeAdminRead,
	"GET /admin/events.csv":              session.ScopeAdminRead,
	"GET /admin/events.jsonl":            session.ScopeAdminRead,
	"GET /admin/coverage":                session.ScopeAdminRead,
	"GET /admin/mails":                   session.ScopeAdminRead,
	"POST /admin/policy/preview":         session.ScopeAdminWrite,
	"POST /admin/users":                  session.ScopeAdminWrite,
	"POST /admin/users/:id/unlock":       session.ScopeAdminWrite,
	"POST /admin/users/:id/verification": session.ScopeAdminWrite,
	"DELETE /admin/users/:id/sessions":   session.ScopeAdminWrite,
	"POST /admin/mails/:id/retry":        session.ScopeAdminWrite,
}

// byToken lets a live access token through to a route that takes its scope.
// Which route it is, is asked last: a dead token learns nothing of it.
func (a *API) byToken(c *gin.Context, token string) (session.Session, error) {
	in, err := a.Sessions.CheckToken(c.Request.Context(), a.DB, token, edge.ActorOf(c).Address)
	if err != nil {
		return in, err
	}
	scope, takes := tokenRoutes[c.Request.Method+" "+strings.TrimPrefix(c.FullPath(), "/api/v1")]
	if !takes {
		return in, session.NotWithToken(in)
	}
	if !in.Token.May(scope) {
		return in, fault.New(fault.Forbidden, fault.NotAllowed).Say("fault.scope_missing", map[string]any{"Scope": string(scope)})
	}
	return in, nil
}

type tokenAnswer struct {
	ID         uuid.UUID       `json:"id"`
	Name       string          `json:"name"`
	Scopes     []session.Scope `json:"scopes"`
	CreatedAt  time.Time       `json:"created_at"`
	ExpiresAt  time.Time       `json:"expires_at"`
	LastUsedAt *time.Time      `json:"last_used_at"`
	Token      string          `json:"token,omitzero"` // only when it is made
}

func accessToken(t session.Token, secret string) tokenAnswer {
	return tokenAnswer{t.ID, t.Name, t.Scopes, t.CreatedAt, t.ExpiresAt, t.LastUsedAt, secret}
}

func (a *API) tokens(ctx context.Context, c *edge.Call) (page[tokenAnswer], error) {
	all, err := a.Settings.Tokens(ctx, sessionOf(c))
	out := page[tokenAnswer]{Items: []tokenAnswer{}}
	for _, t := range all {
		out.Items = append(out.Items, accessToken(t, ""))
	}
	return out, err
}

type tokenRequest struct {
	Name      string     `json:"name"`
	Scopes    []string   `json:"scopes"`
	ExpiresAt *time.Time `json:"expires_at,omitzero"`
}

func (a *API) makeToken(ctx context.Context, c *edge.Call, req tokenRequest) (tokenAnswer, error) {
	c.Secret()
	t, secret, err := a.Settings.MakeToken(ctx, c.By, sessionOf(c), settings.TokenWish(req))
	return accessToken(t, secret), err
}

func (a *API) revokeToken(ctx context.Context, c *edge.Call) error {
	id, err := c.ID("id")
	if err != nil {
		return err
	}
	return a.Settings.RevokeToken(ctx, c.By, sessionOf(c), id)
}

// TokenRoutes is a copy of the table, for the test that asks every route.
func TokenRoutes() map[string]session.Scope { return maps.Clone(tokenRoutes) }
