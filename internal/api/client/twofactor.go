package client

import (
	"context"
	"io"
	"time"
)

// TwoFactor is what an account has on.
type TwoFactor struct {
	Enabled      bool       `json:"enabled"`
	Methods      []MethodOn `json:"methods"`
	Preferred    Method     `json:"preferred"` // empty: none
	RecoveryKeys KeyCount   `json:"recovery_keys"`
	Required     Required   `json:"required"`
}

// MethodOn is a method that is on.
type MethodOn struct {
	ID         string     `json:"id"`
	Method     Method     `json:"method"`
	Name       string     `json:"name"`
	EnabledAt  time.Time  `json:"enabled_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

// KeyCount is how many recovery keys there are.
type KeyCount struct {
	Total       int        `json:"total"`
	Left        int        `json:"left"`
	GeneratedAt *time.Time `json:"generated_at"`
}

// TwoFactor reads what is on.
func (c *Client) TwoFactor(ctx context.Context) (TwoFactor, error) {
	return call[TwoFactor](ctx, c, "GET", "/me/two-factor", nil)
}

// EnrolmentRequest begins to turn a method on.
type EnrolmentRequest struct {
	Method   Method `json:"method"`
	Name     string `json:"name,omitzero"`
	Replaces string `json:"replaces,omitzero"` // id of the method that it is for
}

// Enrolment is a method that is not on yet: prove it with a code.
type Enrolment struct {
	Method     Method    `json:"method"`
	ExpiresAt  time.Time `json:"expires_at"`
	SentTo     string    `json:"sent_to"` // of Email
	Secret     string    `json:"secret"`  // of App, like the next two
	OTPAuthURL string    `json:"otpauth_url"`
	QRPNG      []byte    `json:"qr_png"`
}

// Enrol begins to turn a method on. 🔒
func (c *Client) Enrol(ctx context.Context, r EnrolmentRequest) (Enrolment, error) {
	return call[Enrolment](ctx, c, "POST", "/me/two-factor/enrolments", r)
}

// EnrolmentConfirmRequest proves a method.
type EnrolmentConfirmRequest struct {
	Method Method `json:"method"`
	Code   string `json:"code"`
}

// NewRecoveryKeys are keys that were made with a method; empty when none were.
type NewRecoveryKeys struct {
	RecoveryKeys []string `json:"recovery_keys"`
}

// ConfirmEnrolment turns it on. 🔒
func (c *Client) ConfirmEnrolment(ctx context.Context, r EnrolmentConfirmRequest) (NewRecoveryKeys, error) {
	return call[NewRecoveryKeys](ctx, c, "POST", "/me/two-factor/enrolments/confirm", r)
}

// TurnMethodOff turns one method off. 🔒
func (c *Client) TurnMethodOff(ctx context.Context, id string) (TwoFactor, error) {
	return call[TwoFactor](ctx, c, "DELETE", "/me/two-factor/methods"+part(id), nil)
}

// TurnTwoFactorOff turns all of it off. 🔒
func (c *Client) TurnTwoFactorOff(ctx context.Context) (TwoFactor, error) {
	return call[TwoFactor](ctx, c, "DELETE", "/me/two-factor", nil)
}

// ResetApp ends the user's apps and all sessions. 🔒
func (c *Client) ResetApp(ctx context.Context) error {
	return c.do(ctx, "POST", "/me/two-factor/app/reset", nil)
}

// RecoveryKeys is a set of recovery keys.
type RecoveryKeys struct {
	Keys        []Key     `json:"keys"`
	Set         string    `json:"set"`
	GeneratedAt time.Time `json:"generated_at"`
}

// Key is one of them.
type Key struct {
	Key      string     `json:"key"` // empty where policy shows them once only
	UsedAt   *time.Time `json:"used_at"`
	UsedFrom string     `json:"used_from"`
}

// RecoveryKeys lists the set. 🔒
func (c *Client) RecoveryKeys(ctx context.Context) (RecoveryKeys, error) {
	return call[RecoveryKeys](ctx, c, "GET", "/me/recovery-keys", nil)
}

// RenewRecoveryKeys makes a new set; the old one is dead. 🔒
func (c *Client) RenewRecoveryKeys(ctx context.Context) (RecoveryKeys, error) {
	return call[RecoveryKeys](ctx, c, "POST", "/me/recovery-keys", nil)
}

// RecoveryKeysFile gives the set as a text file, to read and to close. 🔒
func (c *Client) RecoveryKeysFile(ctx context.Context) (io.ReadCloser, error) {
	return c.stream(ctx, "/me/recovery-keys.txt")
}

// KeyRequest is a recovery key.
type KeyRequest struct {
	Key string `json:"key"`
}

// KeyState is unused, used or unknown.
type KeyState struct {
	State string `json:"state"`
}

// CheckRecoveryKey tells whether a key could be used, without using it. 🔒
func (c *Client) CheckRecoveryKey(ctx context.Context, key string) (KeyState, error) {
	return call[KeyState](ctx, c, "POST", "/me/recovery-keys/check", KeyRequest{key})
}
