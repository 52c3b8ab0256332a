package api

import (
	"context"
	"time"

	"latchkey/internal/edge"
	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/session"
	"latchkey/internal/signin"
)

type signInRequest struct {
	Email         string `json:"email"`
	Password      string `json:"password"`
	TrustedDevice string `json:"trusted_device,omitzero"`
}

type methodHint struct {
	Method factor.Kind `json:"method"`
	Hint   string      `json:"hint"`
}

type signInAnswer struct {
	Status           signin.Status     `json:"status"`
	SignInToken      string            `json:"sign_in_token,omitzero"`
	ExpiresAt        time.Time         `json:"expires_at"`
	Methods          []methodHint      `json:"methods"`
	Preferred        factor.Kind       `json:"preferred,omitzero"`
	Delivery         string            `json:"delivery,omitzero"`
	SkippableUntil   *time.Time        `json:"skippable_until,omitzero"`
	RecoveryKeysLeft *int              `json:"recovery_keys_left,omitzero"`
	SessionToken     string            `json:"session_token,omitzero"`
	Assurance        session.Assurance `json:"assurance,omitzero"`
	TrustedDevice    string            `json:"trusted_device,omitzero"`
	User             *meAnswer         `json:"user,omitzero"`
}

func signInState(s signin.State) signInAnswer {
	out := signInAnswer{
		Status: s.Status, SignInToken: s.Token, ExpiresAt: s.ExpiresAt, Preferred: s.Preferred,
		Delivery: string(s.Delivery), SkippableUntil: s.SkippableUntil, RecoveryKeysLeft: s.KeysLeft,
		Methods: []methodHint{},
	}
	for _, m := range s.Choices {
		out.Methods = append(out.Methods, methodHint{m.Kind, m.Hint})
	}
	if s.Status == signin.Complete {
		u := me(s.User, s.TwoFactor)
		out.SessionToken, out.Assurance, out.TrustedDevice, out.User = s.SessionToken, s.Session.Assurance, s.TrustedDevice, &u
	}
	return out
}

// secret marks answers with a token: they are not kept for a repeat.
func secret(c *edge.Call, s signin.State, err error) (signInAnswer, error) {
	c.Secret()
	return signInState(s), err
}

func (a *API) startSignIn(ctx context.Context, c *edge.Call, req signInRequest) (signInAnswer, error) {
	s, err := a.SignIn.Start(ctx, c.By, signin.Credentials{
		Email: req.Email, Password: req.Password, TrustedDevice: req.TrustedDevice,
	})
	return secret(c, s, err)
}

func (a *API) currentSignIn(ctx context.Context, c *edge.Call) (signInAnswer, error) {
	s, err := a.SignIn.Current(ctx, c.By, c.Token)
	return signInState(s), err
}

func (a *API) cancelSignIn(ctx context.Context, c *edge.Call) error {
	return a.SignIn.Cancel(ctx, c.By, c.Token)
}

type deliveryAnswer struct {
	Reference string    `json:"reference"`
	Delivery  string    `json:"delivery"`
	SentTo    string    `json:"sent_to"`
	ExpiresAt time.Time `json:"expires_at"`
	ResendAt  time.Time `json:"resend_at"`
}

func delivery(d factor.Delivery, err error) (deliveryAnswer, error) {
	return deliveryAnswer{d.Reference, string(d.State), d.SentTo, d.ExpiresAt, d.ResendAt}, err
}

func (a *API) sendSignInCode(ctx context.Context, c *edge.Call) (deliveryAnswer, error) {
	return delivery(a.SignIn.SendCode(ctx, c.By, c.Token))
}

func (a *API) signInCode(ctx context.Context, c *edge.Call) (deliveryAnswer, error) {
	return delivery(a.SignIn.CodeDelivery(ctx, c.By, c.Token))
}

type verifyRequest struct {
	Method      string `json:"method"`
	Code        string `json:"code"`
	TrustDevice bool   `json:"trust_device,omitzero"`
}

func (a *API) verify(ctx context.Context, c *edge.Call, req verifyRequest) (signInAnswer, error) {
	edge.Tried(c.Gin, req.Method)
	s, err := a.SignIn.Verify(ctx, c.By, c.Token, req.Method, req.Code, req.TrustDevice)
	return secret(c, s, err)
}

type signInEnrolmentRequest struct {
	Method factor.Kind `json:"method"`
	Name   string      `json:"name,omitzero"`
}

func (a *API) enrolAtSignIn(ctx context.Context, c *edge.Call, req signInEnrolmentRequest) (enrolmentAnswer, error) {
	e, d, err := a.SignIn.Enrol(ctx, c.By, c.Token, req.Method, req.Name)
	if err != nil {
		return enrolmentAnswer{}, err
	}
	c.Secret()
	return a.enrolment(e, d)
}

type enrolmentConfirmRequest struct {
	Method factor.Kind `json:"method"`
	Code   string      `json:"code"`
}

type newKeysAnswer struct {
	RecoveryKeys []string `json:"recovery_keys"`
}

func (a *API) confirmEnrolmentAtSignIn(ctx context.Context, c *edge.Call, req enrolmentConfirmRequest) (newKeysAnswer, error) {
	c.Secret()
	keys, err := a.SignIn.ConfirmEnrolment(ctx, c.By, c.Token, req.Method, req.Code)
	return newKeysAnswer{keys}, err
}

type completeRequest struct {
	Saved *bool `json:"recovery_keys_saved,omitzero"`
	Skip  *bool `json:"skip,omitzero"`
}

func (a *API) completeSignIn(ctx context.Context, c *edge.Call, req completeRequest) (signInAnswer, error) {
	saved, skip := req.Saved != nil, req.Skip != nil
	switch {
	case saved == skip:
		return signInAnswer{}, fault.InField("recovery_keys_saved", "field.complete.one_of", nil)
	case saved && !*req.Saved:
		return signInAnswer{}, fault.InField("recovery_keys_saved", "field.complete.true", nil)
	case skip && !*req.Skip:
		return signInAnswer{}, fault.InField("skip", "field.complete.true", nil)
	}
	finish := a.SignIn.Skip
	if saved {
		finish = a.SignIn.Saved
	}
	s, err := finish(ctx, c.By, c.Token)
	return secret(c, s, err)
}
