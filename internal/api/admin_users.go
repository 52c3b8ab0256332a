package api

import (
	"context"
	"net/http"
	"time"

	"latchkey/internal/account"
	"latchkey/internal/admin"
	"latchkey/internal/edge"
	"latchkey/internal/fault"
)

type adminUserAnswer struct {
	meAnswer
	Status       account.Status `json:"status"`
	Methods      []methodAnswer `json:"methods"`
	RecoveryKeys keyCount       `json:"recovery_keys"`
	Required     requiredAnswer `json:"required"`
	LastSignInAt *time.Time     `json:"last_sign_in_at"`
	FrozenUntil  *time.Time     `json:"frozen_until"`
}

func adminUser(u admin.User, err error) (adminUserAnswer, error) {
	out := adminUserAnswer{
		meAnswer: me(u.User, len(u.Methods) > 0), Status: u.Status, Methods: []methodAnswer{},
		RecoveryKeys: keyCount{u.KeysTotal, u.KeysLeft, u.KeysAt},
		Required:     required(u.By, u.From), LastSignInAt: u.LastSignInAt, FrozenUntil: u.FrozenUntil,
	}
	for _, m := range u.Methods {
		out.Methods = append(out.Methods, methodAnswer{m.ID, m.Kind, m.Name, m.EnabledAt, m.LastUsedAt})
	}
	return out, err
}

func (a *API) users(ctx context.Context, c *edge.Call) (page[adminUserAnswer], error) {
	out := page[adminUserAnswer]{Items: []adminUserAnswer{}}
	var (
		s      admin.Search
		filter string
	)
	if err := queries(c, map[string]*string{"query": &s.Query, "filter": &filter, "cursor": &s.Cursor}); err != nil {
		return out, err
	}
	var err error
	if s.Limit, err = whole(c, "limit", "admin.limit"); err != nil {
		return out, err
	}
	s.Filter = admin.Filter(filter)
	list, next, err := a.Admin.Users(ctx, c.By, sessionOf(c), s)
	if err != nil {
		return out, err
	}
	for _, u := range list {
		one, _ := adminUser(u, nil)
		out.Items = append(out.Items, one)
	}
	out.NextCursor = nextPage(next)
	return out, nil
}

func (a *API) user(ctx context.Context, c *edge.Call) (adminUserAnswer, error) {
	id, err := c.ID("id")
	if err != nil {
		return adminUserAnswer{}, err
	}
	return adminUser(a.Admin.User(ctx, c.By, sessionOf(c), id))
}

type inviteRequest struct {
	Email string       `json:"email"`
	Name  string       `json:"name"`
	Role  account.Role `json:"role"`
}

func (a *API) inviteUser(ctx context.Context, c *edge.Call, req inviteRequest) (adminUserAnswer, error) {
	return adminUser(a.Admin.Invite(ctx, c.By, sessionOf(c), admin.Invited(req)))
}

type userChange struct {
	Name          *string       `json:"name,omitzero"`
	Role          *account.Role `json:"role,omitzero"`
	Disabled      *bool         `json:"disabled,omitzero"`
	EmailVerified *bool         `json:"email_verified,omitzero"`
	Reason        string        `json:"reason,omitzero"`
}

func (a *API) changeUser(ctx context.Context, c *edge.Call, req userChange) (adminUserAnswer, error) {
	id, err := c.ID("id")
	if err != nil {
		return adminUserAnswer{}, err
	}
	return adminUser(a.Admin.Patch(ctx, c.By, sessionOf(c), id, admin.Change(req)))
}

func (a *API) deleteUser(ctx context.Context, c *edge.Call) error {
	id, reason, err := about(c, "")
	if err != nil {
		return err
	}
	return a.Admin.Delete(ctx, c.By, sessionOf(c), id, reason)
}

type requirementRequest struct {
	From   *time.Time `json:"from,omitzero"`
	Reason string     `json:"reason,omitzero"`
}

func (a *API) requireTwoFactor(ctx context.Context, c *edge.Call, req requirementRequest) (any, error) {
	id, reason, err := about(c, req.Reason)
	if err != nil {
		return nil, err
	}
	return nil, a.Admin.Require(ctx, c.By, sessionOf(c), id, req.From, reason)
}

func (a *API) liftRequirement(ctx context.Context, c *edge.Call) error {
	id, reason, err := about(c, "")
	if err != nil {
		return err
	}
	return a.Admin.Unrequire(ctx, c.By, sessionOf(c), id, reason)
}

func (a *API) turnUsersTwoFactorOff(ctx context.Context, c *edge.Call) error {
	id, reason, err := about(c, "")
	if err != nil {
		return err
	}
	return a.Admin.TurnOff(ctx, c.By, sessionOf(c), id, reason)
}

// reasonRequest is a body that may be left out.
type reasonRequest struct {
	Reason string `json:"reason,omitzero"`
}

func (a *API) resetUsersApp(ctx context.Context, c *edge.Call, req reasonRequest) (any, error) {
	id, reason, err := about(c, req.Reason)
	if err != nil {
		return nil, err
	}
	return nil, a.Admin.ResetApp(ctx, c.By, sessionOf(c), id, reason)
}

func (a *API) unlockUser(ctx context.Context, c *edge.Call, req reasonRequest) (any, error) {
	id, reason, err := about(c, req.Reason)
	if err != nil {
		return nil, err
	}
	return nil, a.Admin.Unlock(ctx, c.By, sessionOf(c), id, reason)
}

func (a *API) sendUsersVerification(ctx context.Context, c *edge.Call, req reasonRequest) (any, error) {
	id, reason, err := about(c, req.Reason)
	if err != nil {
		return nil, err
	}
	return nil, a.Admin.SendVerification(ctx, c.By, sessionOf(c), id, reason)
}

func (a *API) endUsersSessions(ctx context.Context, c *edge.Call) error {
	id, reason, err := about(c, "")
	if err != nil {
		return err
	}
	return a.Admin.EndSessions(ctx, c.By, sessionOf(c), id, reason)
}

type passAnswer struct {
	RecoveryPass string    `json:"recovery_pass"`
	ExpiresAt    time.Time `json:"expires_at"`
}

func (a *API) makeRecoveryPass(ctx context.Context, c *edge.Call, req reasonRequest) (any, error) {
	id, reason, err := about(c, req.Reason)
	if err != nil {
		return nil, err
	}
	p, err := a.Admin.MakePass(ctx, c.By, sessionOf(c), id, reason)
	if err != nil {
		return nil, err
	}
	if p.Pending {
		c.Status(http.StatusAccepted)
		return nil, nil
	}
	c.Secret()
	return passAnswer{p.Pass, p.ExpiresAt}, nil
}

// about reads whom a call is about, and its reason, which may stand in the body
// or the query, not in both.
func about(c *edge.Call, inBody string) (id [16]byte, reason string, err error) {
	if id, err = c.ID("id"); err != nil {
		return id, "", err
	}
	reason, err = c.Query("reason")
	if err == nil && inBody != "" {
		if reason != "" {
			return id, "", fault.InField("reason", "field.twice", nil)
		}
		reason = inBody
	}
	return id, reason, err
}
