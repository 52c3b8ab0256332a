// Package sso lets people sign in through OpenID Connect providers: it leads
// them there, judges what comes back, and keeps whom a provider knows a user as.
//
// It is a relying party by the code flow alone (OpenID Connect Core section
// 3.1), with PKCE (RFC 7636, S256) and a callback of its own per provider. What
// a round trip is about is signed in a cookie, so that only the browser that
// began it can finish it, once, within ten minutes. Whether somebody may sign
// in is not decided here.
package sso

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"latchkey/internal/fault"
	"latchkey/internal/seal"
)

// Rule says when our own second factor is asked for after a sign-in through a
// provider.
type Rule string

const (
	Always      Rule = "always"
	AcceptProof Rule = "accept_proof" // not where the provider proves one of its own
	Never       Rule = "never"        // not unless a rule requires two-factor of the user
)

// Settings are one provider.
type Settings struct {
	Slug         string // its word in addresses
	Name         string // on its button
	Issuer       string // exactly as it writes itself
	ClientID     string
	ClientSecret string // empty: a public client
	SecondFactor Rule
	ProofAMR     []string // values of amr (RFC 8176) that count as a second factor
	ProofACR     []string // values of acr that do
	SignUp       bool     // makes accounts, where the policy has sign-up open
	Scopes       []string
}

// Providers are all that people may sign in through.
type Providers struct {
	list   []*provider
	base   *url.URL
	signer *seal.Digester
	log    *slog.Logger
}

// New makes providers that come back to base, with a signer for the cookies of
// round trips. It asks nobody: a provider that is down stops no start.
func New(list []Settings, base *url.URL, signer *seal.Digester, log *slog.Logger) *Providers {
	p := &Providers{base: base, signer: signer, log: log}
	client := backChannel()
	for _, s := range list {
		p.list = append(p.list, &provider{Settings: s, client: client})
	}
	return p
}

// List gives the settings of all, in the order in which they were named.
func (p *Providers) List() []Settings {
	out := make([]Settings, 0, len(p.list))
	for _, one := range p.list {
		out = append(out, one.Settings)
	}
	return out
}

// NameOf is what the provider of an issuer is called; the issuer itself when
// there is none any more.
func (p *Providers) NameOf(issuer string) string {
	for _, one := range p.list {
		if one.Issuer == issuer {
			return one.Name
		}
	}
	return strings.TrimPrefix(issuer, "https://")
}

func (p *Providers) named(slug string) (*provider, error) {
	for _, one := range p.list {
		if one.Slug == slug {
			return one, nil
		}
	}
	return nil, fault.New(fault.NotFound, fault.Absent)
}

func (p *Providers) callback(slug string) string {
	return p.base.JoinPath("sso", slug, "callback").String()
}

// refuse tells the operator why, and the user that it did not work. why is
// about claims and answers, and never holds a code or a token.
func (p *Providers) refuse(of *provider, why string) error {
	p.log.Warn("sso refused", "provider", of.Slug, "why", plain(why))
	return fault.New(fault.Forbidden, fault.NotAllowed).Say("fault.sso_refused", map[string]any{"Provider": of.Name})
}

// denied: somebody turned back there, or the provider doesn't let them in here.
func (p *Providers) denied(of *provider) error {
	p.log.Info("sso denied", "provider", of.Slug)
	return fault.New(fault.Forbidden, fault.NotAllowed).Say("fault.sso_denied", map[string]any{"Provider": of.Name})
}

func (p *Providers) down(of *provider, why string) error {
	p.log.Warn("sso provider is down", "provider", of.Slug, "why", plain(why))
	return fault.New(fault.Unavailable, fault.ServiceUnavailable).
		Say("fault.sso_down", map[string]any{"Provider": of.Name}).After(retryAfter)
}

// plain is what others wrote, fit for a log: one line of ASCII, not too long.
func plain(s string) string {
	const most = 200
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e {
			return ' '
		}
		return r
	}, s)
	return s[:min(len(s), most)]
}

const (
	callTime     = 4 * time.Second // one call to a provider
	returnTime   = 8 * time.Second // all that follow a return
	retryAfter   = time.Second     // after a discovery that failed
	refreshAfter = time.Hour       // endpoints and keys are read anew: a key taken back ends with it
	answerBytes  = 1 << 20
	headerBytes  = 64 << 10
)

// backChannel is how we speak to providers: bounded in time and size, and never
// led elsewhere.
func backChannel() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // of the standard library
	t.MaxResponseHeaderBytes = headerBytes
	return &http.Client{
		Timeout: callTime, Transport: bounded{t},
		CheckRedirect: func(*http.Request, []*http.Request) error { return errLedElsewhere },
	}
}

type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.next.RoundTrip(r)
	if err == nil {
		res.Body = http.MaxBytesReader(nil, res.Body, answerBytes)
	}
	return res, err
}
