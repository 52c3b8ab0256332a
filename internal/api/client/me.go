package client

import (
	"context"
	"io"
	"time"
)

// Role is user, support or admin.
type Role string

// Me is the caller's account.
type Me struct {
	ID            string    `json:"id"`
	Email         string    `json:"email"`
	EmailVerified bool      `json:"email_verified"`
	Name          string    `json:"name"`
	Role          Role      `json:"role"`
	TwoFactor     bool      `json:"two_factor"`
	CreatedAt     time.Time `json:"created_at"`
}

// Me reads the account.
func (c *Client) Me(ctx context.Context) (Me, error) { return call[Me](ctx, c, "GET", "/me", nil) }

// MeChange is what changes; what is empty stays.
type MeChange struct {
	Name            string `json:"name,omitzero"`
	PreferredMethod Method `json:"preferred_method,omitzero"`
}

// ChangeMe changes name or preferred method.
func (c *Client) ChangeMe(ctx context.Context, r MeChange) (Me, error) {
	return call[Me](ctx, c, "PATCH", "/me", r)
}

// DeleteMe deletes the account. 🔒
func (c *Client) DeleteMe(ctx context.Context) error { return c.do(ctx, "DELETE", "/me", nil) }

// Required is which rule asks for two-factor: policy, admin or reset; empty: none.
type Required struct {
	By   string     `json:"by"`
	From *time.Time `json:"from"`
}

// MyPolicy is what is asked of the caller.
type MyPolicy struct {
	Required Required   `json:"required"`
	Enrol    bool       `json:"enrol"`
	Until    *time.Time `json:"until"`
	Methods  []Method   `json:"methods"`
}

// MyPolicy tells what is asked of me, by which rule, and until when.
func (c *Client) MyPolicy(ctx context.Context) (MyPolicy, error) {
	return call[MyPolicy](ctx, c, "GET", "/me/policy", nil)
}

// SendVerification mails the code that verifies the address.
func (c *Client) SendVerification(ctx context.Context) (EmailCode, error) {
	return call[EmailCode](ctx, c, "POST", "/me/email-verification", nil)
}

// CodeRequest is a code.
type CodeRequest struct {
	Code string `json:"code"`
}

// ConfirmVerification verifies the address.
func (c *Client) ConfirmVerification(ctx context.Context, code string) (Me, error) {
	return call[Me](ctx, c, "POST", "/me/email-verification/confirm", CodeRequest{code})
}

// SendEmailChange mails a code to a new address. 🔒
func (c *Client) SendEmailChange(ctx context.Context, email string) (EmailCode, error) {
	return call[EmailCode](ctx, c, "POST", "/me/email-change", EmailRequest{email})
}

// ChangeEmail changes the address. 🔒
func (c *Client) ChangeEmail(ctx context.Context, code string) (Me, error) {
	return call[Me](ctx, c, "POST", "/me/email-change/confirm", CodeRequest{code})
}

// ConfirmationRequest proves again that it is you: the password and, with
// two-factor on, a code; together or one after the other.
type ConfirmationRequest struct {
	Password string `json:"password,omitzero"`
	Method   Method `json:"method,omitzero"`
	Code     string `json:"code,omitzero"`
}

// Confirmation is until when what is marked 🔒 is open.
type Confirmation struct {
	ConfirmedUntil time.Time `json:"confirmed_until"`
}

// Confirm opens what is marked 🔒 for some minutes.
func (c *Client) Confirm(ctx context.Context, r ConfirmationRequest) (Confirmation, error) {
	return call[Confirmation](ctx, c, "POST", "/me/confirmations", r)
}

// SendConfirmationCode mails a code for that.
func (c *Client) SendConfirmationCode(ctx context.Context) (EmailCode, error) {
	return call[EmailCode](ctx, c, "POST", "/me/confirmations/email-code", nil)
}

// PasswordRequest is a new password.
type PasswordRequest struct {
	Password string `json:"password"`
}

// ChangePassword sets a password. 🔒
func (c *Client) ChangePassword(ctx context.Context, password string) error {
	return c.do(ctx, "POST", "/me/password", PasswordRequest{password})
}

// Session is a place where the user is signed in.
type Session struct {
	ID         string    `json:"id"`
	Current    bool      `json:"current"`
	Device     string    `json:"device"`
	Address    string    `json:"address"`
	Assurance  Assurance `json:"assurance"`
	CreatedAt  time.Time `json:"created_at"`
	LastSeenAt time.Time `json:"last_seen_at"`
	ExpiresAt  time.Time `json:"expires_at"`
}

// Sessions lists where the user is signed in.
func (c *Client) Sessions(ctx context.Context) (Page[Session], error) {
	return call[Page[Session]](ctx, c, "GET", "/me/sessions", nil)
}

// EndSession ends one.
func (c *Client) EndSession(ctx context.Context, id string) error {
	return c.do(ctx, "DELETE", "/me/sessions"+part(id), nil)
}

// EndOtherSessions ends all but this one.
func (c *Client) EndOtherSessions(ctx context.Context) error {
	return c.do(ctx, "DELETE", "/me/sessions", nil)
}

// SignOut ends this session.
func (c *Client) SignOut(ctx context.Context) error {
	return c.do(ctx, "DELETE", "/me/sessions/current", nil)
}

// Device is one that is not asked for a code.
type Device struct {
	ID         string    `json:"id"`
	Device     string    `json:"device"`
	CreatedAt  time.Time `json:"created_at"`
	LastUsedAt time.Time `json:"last_used_at"`
	ExpiresAt  time.Time `json:"expires_at"`
}

// TrustedDevices lists them.
func (c *Client) TrustedDevices(ctx context.Context) (Page[Device], error) {
	return call[Page[Device]](ctx, c, "GET", "/me/trusted-devices", nil)
}

// EndTrustedDevice trusts one no longer.
func (c *Client) EndTrustedDevice(ctx context.Context, id string) error {
	return c.do(ctx, "DELETE", "/me/trusted-devices"+part(id), nil)
}

// Scope is what an access token may do. None includes another.
type Scope string

const (
	Read       Scope = "read"
	Write      Scope = "write"
	AdminRead  Scope = "admin:read"
	AdminWrite Scope = "admin:write"
)

// AccessToken is a token of the user, without its secret.
type AccessToken struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Scopes     []Scope    `json:"scopes"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  time.Time  `json:"expires_at"`
	LastUsedAt *time.Time `json:"last_used_at"` // to the minute
}

// Tokens lists the user's access tokens.
func (c *Client) Tokens(ctx context.Context) (Page[AccessToken], error) {
	return call[Page[AccessToken]](ctx, c, "GET", "/me/tokens", nil)
}

// TokenRequest is an access token as it is wished for.
type TokenRequest struct {
	Name      string     `json:"name"`
	Scopes    []Scope    `json:"scopes"`
	ExpiresAt *time.Time `json:"expires_at,omitzero"` // nil: in 90 days, or as long as the policy allows
}

// NewToken is an access token with its secret.
type NewToken struct {
	AccessToken
	Token string `json:"token"` // given this once
}

// MakeToken makes an access token. 🔒
func (c *Client) MakeToken(ctx context.Context, r TokenRequest) (NewToken, error) {
	return call[NewToken](ctx, c, "POST", "/me/tokens", r)
}

// RevokeToken ends one at once.
func (c *Client) RevokeToken(ctx context.Context, id string) error {
	return c.do(ctx, "DELETE", "/me/tokens"+part(id), nil)
}

// Event is something that happened.
type Event struct {
	ID        string         `json:"id"`
	At        time.Time      `json:"at"`
	Action    string         `json:"action"`
	Actor     Actor          `json:"actor"`
	SubjectID string         `json:"subject_id"` // empty: nobody
	Address   string         `json:"address"`
	Device    string         `json:"device"`
	Data      map[string]any `json:"data"`
}

// Actor did it: anonymous, user, admin, host or system.
type Actor struct {
	Kind string `json:"kind"`
	ID   string `json:"id"` // empty: not a user
}

// Events lists what happened to the account, newest first.
func (c *Client) Events(ctx context.Context, cursor string) (Page[Event], error) {
	return call[Page[Event]](ctx, c, "GET", query("/me/events", "cursor", cursor), nil)
}

// stream gives an answer to read from and to close.
func (c *Client) stream(ctx context.Context, path string) (io.ReadCloser, error) {
	res, err := c.send(ctx, "GET", path, nil, nil)
	if err != nil {
		return nil, err
	}
	return res.Body, nil
}
