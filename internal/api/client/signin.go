package client

import (
	"context"
	"time"
)

// Method gives codes.
type Method string

const (
	Email        Method = "email"
	App          Method = "app"
	RecoveryKey  Method = "recovery_key"  // at Verify and Confirm only
	RecoveryPass Method = "recovery_pass" // at Verify only
)

// Status is how far a sign-in is.
type Status string

const (
	NeedsSecondFactor Status = "second_factor" // go on with Verify
	NeedsEnrolment    Status = "enrolment"     // go on with EnrolAtSignIn, or CompleteSignIn to skip
	Complete          Status = "complete"
)

// Assurance is how well a session was proved.
type Assurance string

const (
	ByPassword  Assurance = "password"
	ByTwoStep   Assurance = "two_step"   // with a code by email
	ByTwoFactor Assurance = "two_factor" // with an app or a recovery key
)

// Delivery is what became of a mail: queued, sent, refused, expired or held.
type Delivery string

// SignUpRequest makes an account.
type SignUpRequest struct {
	Email    string `json:"email"`
	Name     string `json:"name"`
	Password string `json:"password"`
}

// SignUp makes an account and mails the code that verifies its address.
func (c *Client) SignUp(ctx context.Context, r SignUpRequest) (Me, error) {
	return call[Me](ctx, c, "POST", "/sign-ups", r)
}

// SignInRequest is the first step.
type SignInRequest struct {
	Email         string `json:"email"`
	Password      string `json:"password"`
	TrustedDevice string `json:"trusted_device,omitzero"` // what an earlier SignIn gave
}

// SignIn is a sign-in: unfinished, with SignInToken to go on with, or complete,
// with SessionToken.
type SignIn struct {
	Status           Status       `json:"status"`
	SignInToken      string       `json:"sign_in_token"`
	ExpiresAt        time.Time    `json:"expires_at"`
	Methods          []MethodHint `json:"methods"`
	Preferred        Method       `json:"preferred"`
	Delivery         Delivery     `json:"delivery"`
	SkippableUntil   *time.Time   `json:"skippable_until"`
	RecoveryKeysLeft *int         `json:"recovery_keys_left"`
	SessionToken     string       `json:"session_token"`
	Assurance        Assurance    `json:"assurance"`
	TrustedDevice    string       `json:"trusted_device"`
	User             *Me          `json:"user"`
}

// MethodHint is a method that can be used, and which one it is.
type MethodHint struct {
	Method Method `json:"method"`
	Hint   string `json:"hint"`
}

// SignIn begins with the password.
func (c *Client) SignIn(ctx context.Context, r SignInRequest) (SignIn, error) {
	return call[SignIn](ctx, c, "POST", "/sign-ins", r)
}

// CurrentSignIn reads how far a sign-in is.
func (c *Client) CurrentSignIn(ctx context.Context) (SignIn, error) {
	return call[SignIn](ctx, c, "GET", "/sign-ins/current", nil)
}

// CancelSignIn ends an unfinished sign-in.
func (c *Client) CancelSignIn(ctx context.Context) error {
	return c.do(ctx, "DELETE", "/sign-ins/current", nil)
}

// EmailCode is a code that was mailed. Reference stands in the mail too.
type EmailCode struct {
	Reference string    `json:"reference"`
	Delivery  Delivery  `json:"delivery"`
	SentTo    string    `json:"sent_to"`
	ExpiresAt time.Time `json:"expires_at"`
	ResendAt  time.Time `json:"resend_at"`
}

// SendSignInCode mails a code for this sign-in; before ResendAt nothing is mailed.
func (c *Client) SendSignInCode(ctx context.Context) (EmailCode, error) {
	return call[EmailCode](ctx, c, "POST", "/sign-ins/current/email-code", nil)
}

// SignInCode tells what became of it.
func (c *Client) SignInCode(ctx context.Context) (EmailCode, error) {
	return call[EmailCode](ctx, c, "GET", "/sign-ins/current/email-code", nil)
}

// VerifyRequest is the second step.
type VerifyRequest struct {
	Method      Method `json:"method"`
	Code        string `json:"code"`
	TrustDevice bool   `json:"trust_device,omitzero"`
}

// Verify proves the second factor.
func (c *Client) Verify(ctx context.Context, r VerifyRequest) (SignIn, error) {
	return call[SignIn](ctx, c, "POST", "/sign-ins/current/verify", r)
}

// SignInEnrolmentRequest begins to turn a method on during sign-in.
type SignInEnrolmentRequest struct {
	Method Method `json:"method"`
	Name   string `json:"name,omitzero"`
}

// EnrolAtSignIn begins to turn a method on.
func (c *Client) EnrolAtSignIn(ctx context.Context, r SignInEnrolmentRequest) (Enrolment, error) {
	return call[Enrolment](ctx, c, "POST", "/sign-ins/current/enrolments", r)
}

// ConfirmEnrolmentAtSignIn turns it on, and gives the new recovery keys if any were made.
func (c *Client) ConfirmEnrolmentAtSignIn(ctx context.Context, r EnrolmentConfirmRequest) (NewRecoveryKeys, error) {
	return call[NewRecoveryKeys](ctx, c, "POST", "/sign-ins/current/enrolments/confirm", r)
}

// CompleteRequest says one of two things.
type CompleteRequest struct {
	RecoveryKeysSaved bool `json:"recovery_keys_saved,omitzero"`
	Skip              bool `json:"skip,omitzero"`
}

// CompleteSignIn ends an enrolment, or puts it off.
func (c *Client) CompleteSignIn(ctx context.Context, r CompleteRequest) (SignIn, error) {
	return call[SignIn](ctx, c, "POST", "/sign-ins/current/complete", r)
}

// EmailRequest is an address.
type EmailRequest struct {
	Email string `json:"email"`
}

// AskPasswordReset mails a link, if the address has an account.
func (c *Client) AskPasswordReset(ctx context.Context, email string) error {
	return c.do(ctx, "POST", "/password-resets", EmailRequest{email})
}

// ResetRequest sets a password by the last part of a mailed link.
type ResetRequest struct {
	Token    string `json:"token"`
	Password string `json:"password"`
}

// ResetPassword sets a new password.
func (c *Client) ResetPassword(ctx context.Context, r ResetRequest) error {
	return c.do(ctx, "POST", "/password-resets/confirm", r)
}

// AcceptRequest accepts an invitation by the last part of its link.
type AcceptRequest struct {
	Token    string `json:"token"`
	Name     string `json:"name"`
	Password string `json:"password"`
}

// AcceptInvitation makes the account that somebody was invited to.
func (c *Client) AcceptInvitation(ctx context.Context, r AcceptRequest) (Me, error) {
	return call[Me](ctx, c, "POST", "/invitations/accept", r)
}
