package api

import (
	"context"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/edge"
	"latchkey/internal/factor"
	"latchkey/internal/policy"
	"latchkey/internal/settings"
	"latchkey/internal/signin"
)

type meAnswer struct {
	ID            uuid.UUID    `json:"id"`
	Email         string       `json:"email"`
	EmailVerified bool         `json:"email_verified"`
	Name          string       `json:"name"`
	Role          account.Role `json:"role"`
	TwoFactor     bool         `json:"two_factor"`
	CreatedAt     time.Time    `json:"created_at"`
}

func me(u account.User, twoFactor bool) meAnswer {
	return meAnswer{u.ID, u.Email, u.EmailVerified, u.Name, u.Role, twoFactor, u.CreatedAt}
}

func profile(p settings.Profile, err error) (meAnswer, error) { return me(p.User, p.TwoFactor), err }

func (a *API) me(ctx context.Context, c *edge.Call) (meAnswer, error) {
	return profile(a.Settings.Me(ctx, sessionOf(c)))
}

type meChange struct {
	Name            *string `json:"name,omitzero"`
	PreferredMethod *string `json:"preferred_method,omitzero"`
}

func (a *API) changeMe(ctx context.Context, c *edge.Call, req meChange) (meAnswer, error) {
	return profile(a.Settings.Patch(ctx, c.By, sessionOf(c), settings.Change(req)))
}

func (a *API) deleteMe(ctx context.Context, c *edge.Call) error {
	return a.Settings.Delete(ctx, c.By, sessionOf(c))
}

type requiredAnswer struct {
	By   *policy.By `json:"by"`
	From *time.Time `json:"from"`
}

func required(by policy.By, from *time.Time) requiredAnswer {
	if by == policy.NoRule {
		return requiredAnswer{}
	}
	return requiredAnswer{&by, from}
}

type myPolicyAnswer struct {
	Required requiredAnswer `json:"required"`
	Enrol    bool           `json:"enrol"`
	Until    *time.Time     `json:"until"`
	Methods  []policy.Kind  `json:"methods"`
}

func (a *API) myPolicy(ctx context.Context, c *edge.Call) (myPolicyAnswer, error) {
	asked, err := a.Settings.Asked(ctx, sessionOf(c))
	return myPolicyAnswer{required(asked.By, asked.From), asked.Enrol, asked.SkippableUntil, asked.Satisfies}, err
}

func (a *API) sendVerification(ctx context.Context, c *edge.Call) (deliveryAnswer, error) {
	return delivery(a.Settings.SendVerification(ctx, c.By, sessionOf(c)))
}

type codeRequest struct {
	Code string `json:"code"`
}

func (a *API) confirmVerification(ctx context.Context, c *edge.Call, req codeRequest) (meAnswer, error) {
	return profile(a.Settings.VerifyEmail(ctx, c.By, sessionOf(c), req.Code))
}

func (a *API) sendEmailChange(ctx context.Context, c *edge.Call, req emailRequest) (deliveryAnswer, error) {
	return delivery(a.Settings.SendEmailChange(ctx, c.By, sessionOf(c), req.Email))
}

func (a *API) changeEmail(ctx context.Context, c *edge.Call, req codeRequest) (meAnswer, error) {
	return profile(a.Settings.ChangeEmail(ctx, c.By, sessionOf(c), req.Code))
}

type confirmationRequest struct {
	Password string `json:"password,omitzero"`
	Method   string `json:"method,omitzero"`
	Code     string `json:"code,omitzero"`
}

type confirmationAnswer struct {
	ConfirmedUntil time.Time `json:"confirmed_until"`
}

func (a *API) confirm(ctx context.Context, c *edge.Call, req confirmationRequest) (confirmationAnswer, error) {
	edge.Tried(c.Gin, req.Method)
	done, err := a.SignIn.Confirm(ctx, c.By, sessionOf(c), signin.Proofs(req))
	return confirmationAnswer{done.Until}, err
}

func (a *API) sendConfirmationCode(ctx context.Context, c *edge.Call) (deliveryAnswer, error) {
	return delivery(a.SignIn.ConfirmationCode(ctx, c.By, sessionOf(c)))
}

type passwordRequest struct {
	Password string `json:"password"`
}

func (a *API) changePassword(ctx context.Context, c *edge.Call, req passwordRequest) error {
	return a.Settings.ChangePassword(ctx, c.By, sessionOf(c), req.Password)
}

// enrolmentAnswer shows an app's secret, this once.
type enrolmentAnswer struct {
	Method     factor.Kind `json:"method"`
	ExpiresAt  time.Time   `json:"expires_at"`
	SentTo     string      `json:"sent_to,omitzero"`
	Secret     string      `json:"secret,omitzero"`
	OtpauthURL string      `json:"otpauth_url,omitzero"`
	QRPNG      []byte      `json:"qr_png,omitzero"` // base64 in JSON
}

func (a *API) enrolment(e factor.Enrolment, d factor.Delivery) (enrolmentAnswer, error) {
	out := enrolmentAnswer{Method: e.Kind, ExpiresAt: e.ExpiresAt, SentTo: d.SentTo}
	if e.Kind != factor.App {
		return out, nil
	}
	out.Secret, out.OtpauthURL = e.Secret, factor.OtpauthURL(a.Brand, e.Account, e.Secret)
	var err error
	out.QRPNG, err = factor.QR(out.OtpauthURL)
	return out, err
}
