package sso

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"latchkey/internal/pg"
)

const (
	skew       = time.Minute      // by which clocks may differ
	tokenFresh = 10 * time.Minute // an ID token is made for this very return
	proofFresh = 10 * time.Minute // a provider's second factor counts for this long
	maxSubject = 255              // OpenID Connect Core section 2
)

// signed are the algorithms that only the provider can sign with. HS256 would
// take the client's secret, and none takes nothing.
var signed = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA,
}

// Proof is who a provider says came back, once all of it was judged.
type Proof struct {
	Issuer   string
	Subject  string
	Email    string // as the provider writes it; empty: not said
	Verified bool   // the provider proved the address
	Name     string
	AuthTime *time.Time // when they last proved who they are; nil: not said

	Provider     string // slug
	ProviderName string
	SecondFactor Rule
	SecondProved bool // the provider proved a second factor, just now
	SignUp       bool
}

// FreshFor reports whether the user proved who they are after a round trip began.
func (p Proof) FreshFor(t Trip) bool {
	return p.AuthTime != nil && !p.AuthTime.Before(t.BeganAt().Add(-skew))
}

// claims are what we read of an ID token, or of userinfo.
type claims struct {
	Email    string  `json:"email"`
	Verified yes     `json:"email_verified"`
	Name     string  `json:"name"`
	AZP      string  `json:"azp"`
	ACR      string  `json:"acr"`
	AMR      many    `json:"amr"`
	AuthTime seconds `json:"auth_time"`
}

// yes is true, also as a word: some providers write it so.
type yes bool

func (y *yes) UnmarshalJSON(b []byte) error {
	*y = string(b) == "true" || string(b) == `"true"`
	return nil
}

// many is a list, or one word in the place of it.
type many []string

func (m *many) UnmarshalJSON(b []byte) error {
	var word string
	if json.Unmarshal(b, &word) == nil {
		*m = many{word}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(m))
}

// seconds is a NumericDate (RFC 7519 section 2).
type seconds struct{ *time.Time }

func (s *seconds) UnmarshalJSON(b []byte) error {
	var n float64
	if err := json.Unmarshal(b, &n); err != nil || n <= 0 || n > 1<<40 {
		return err
	}
	at := time.Unix(int64(n), 0).UTC()
	s.Time = &at
	return nil
}

// Redeem spends a round trip and gives who came back: the code is exchanged,
// and the ID token judged by OpenID Connect Core section 3.1.3.7.
func (p *Providers) Redeem(ctx context.Context, db *pg.DB, t Trip, query url.Values) (Proof, error) {
	of, err := p.named(t.Provider)
	if err != nil {
		return Proof{}, err
	}
	if err := spend(ctx, db, t); err != nil {
		return Proof{}, err
	}
	switch word := query.Get("error"); word { // RFC 6749 section 4.1.2.1
	case "":
	case "access_denied":
		return Proof{}, p.denied(of)
	case "server_error", "temporarily_unavailable":
		return Proof{}, p.down(of, "it answers "+word)
	default:
		return Proof{}, p.refuse(of, "it answers "+word)
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, of.client), returnTime)
	defer cancel()
	m, err := of.metadata(ctx)
	if err != nil {
		return Proof{}, p.down(of, err.Error())
	}
	if iss := query["iss"]; (len(iss) > 0 || m.namesIssuer) && one(query, "iss") != of.Issuer { // RFC 9207 section 2.4
		return Proof{}, p.refuse(of, "the answer is another issuer's")
	}
	code := one(query, "code")
	if code == "" {
		return Proof{}, p.refuse(of, "the answer has no code")
	}
	token, err := of.relying(m, p.callback(of.Slug)).Exchange(ctx, code, oauth2.VerifierOption(t.Verifier))
	if err != nil {
		return Proof{}, p.notExchanged(of, err)
	}
	proof, err := of.judge(ctx, m, t, token, db.Now())
	var silent silentError
	switch {
	case errors.As(err, &silent):
		return Proof{}, p.down(of, err.Error())
	case err != nil:
		return Proof{}, p.refuse(of, err.Error())
	}
	return proof, nil
}

// notExchanged tells a provider that said no from one that said nothing. Its
// answer may hold anything, so only its error word is kept.
func (p *Providers) notExchanged(of *provider, err error) error {
	var said *oauth2.RetrieveError
	if !errors.As(err, &said) {
		var at *url.Error
		if errors.As(err, &at) {
			err = at.Err
		}
		return p.down(of, err.Error())
	}
	if said.Response.StatusCode >= 500 {
		return p.down(of, said.Response.Status)
	}
	return p.refuse(of, fmt.Sprintf("it takes no code: %s %s", said.Response.Status, said.ErrorCode))
}

// silentError is a provider that did not answer, where it had to.
type silentError struct{ error }

func (of *provider) judge(ctx context.Context, m *metadata, t Trip, token *oauth2.Token, now time.Time) (Proof, error) {
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return Proof{}, errors.New("there is no ID token")
	}
	id, err := m.Verifier(&oidc.Config{
		ClientID: of.ClientID, SupportedSigningAlgs: signed, Now: func() time.Time { return now },
	}).Verify(ctx, raw)
	if err != nil && strings.Contains(err.Error(), "fetching keys") { // the library gives no other sign
		return Proof{}, silentError{errors.New("its keys can't be read")}
	}
	if err != nil {
		return Proof{}, err
	}
	var c claims
	if err := id.Claims(&c); err != nil {
		return Proof{}, fmt.Errorf("read claims: %w", err)
	}
	switch {
	case !same(id.Nonce, t.Nonce):
		return Proof{}, errors.New("the nonce is another's")
	case c.AZP != "" && c.AZP != of.ClientID, c.AZP == "" && len(id.Audience) > 1:
		return Proof{}, errors.New("it was made for another client")
	case id.IssuedAt.After(now.Add(skew)) || id.IssuedAt.Before(now.Add(-tokenFresh)):
		return Proof{}, errors.New("it was not made just now")
	case id.Subject == "" || len(id.Subject) > maxSubject:
		return Proof{}, errors.New("it names nobody")
	case id.AccessTokenHash != "" && id.VerifyAccessToken(token.AccessToken) != nil:
		return Proof{}, errors.New("the access token is another's")
	}
	if c.Email == "" && m.UserInfoEndpoint() != "" {
		if err := m.ask(ctx, token, id.Subject, &c); err != nil {
			return Proof{}, err
		}
	}
	return Proof{
		Issuer: of.Issuer, Subject: id.Subject, Email: c.Email, Verified: bool(c.Verified) && c.Email != "", Name: c.Name, AuthTime: c.AuthTime.Time,
		Provider: of.Slug, ProviderName: of.Name, SecondFactor: of.SecondFactor, SecondProved: of.proves(c, now), SignUp: of.SignUp,
	}, nil
}

// ask fills in what the provider says of a person beside the ID token (section
// 5.3). What it says of anybody else counts for nothing.
func (m *metadata) ask(ctx context.Context, token *oauth2.Token, subject string, c *claims) error {
	info, err := m.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return silentError{errors.New("userinfo does not answer")}
	}
	if info.Subject != subject {
		return errors.New("userinfo is about another")
	}
	var more claims
	if err := info.Claims(&more); err != nil {
		return fmt.Errorf("read userinfo: %w", err)
	}
	c.Email, c.Verified = more.Email, more.Verified
	if c.Name == "" {
		c.Name = more.Name
	}
	return nil
}

// proves: one of the values that the settings name, and not of yesterday.
func (of *provider) proves(c claims, now time.Time) bool {
	if of.SecondFactor != AcceptProof || c.AuthTime.Time == nil ||
		c.AuthTime.After(now.Add(skew)) || c.AuthTime.Before(now.Add(-proofFresh-skew)) {
		return false
	}
	return slices.Contains(of.ProofACR, c.ACR) ||
		slices.ContainsFunc(c.AMR, func(one string) bool { return slices.Contains(of.ProofAMR, one) })
}
