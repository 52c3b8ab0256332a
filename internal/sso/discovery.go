package sso

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/sync/singleflight"
)

var (
	errLedElsewhere = errors.New("it leads elsewhere")
	errRecently     = errors.New("it did not answer a moment ago")
)

// provider is one provider and what it last said of itself.
type provider struct {
	Settings
	client *http.Client

	flight singleflight.Group
	mu     sync.Mutex
	last   *metadata // nil: never read
	readAt time.Time
	failed time.Time
}

// metadata is what a provider publishes (OpenID Connect Discovery section 3).
type metadata struct {
	*oidc.Provider
	namesIssuer bool // sends the iss parameter (RFC 9207)
	postsSecret bool // takes its client's secret in the form alone
}

// metadata gives what is known of the provider, and reads it where nothing is,
// or nothing new. Many who wait at once are one call; after one that failed
// others fail at once for a moment.
func (p *provider) metadata(ctx context.Context) (*metadata, error) {
	p.mu.Lock()
	last, fresh, rests := p.last, time.Since(p.readAt) < refreshAfter, time.Since(p.failed) < retryAfter
	p.mu.Unlock()
	switch {
	case last != nil && (fresh || rests):
		return last, nil
	case rests:
		return nil, errRecently
	}
	read := p.flight.DoChan("", func() (any, error) {
		m, err := p.discover(context.WithoutCancel(ctx))
		p.mu.Lock()
		defer p.mu.Unlock()
		if err != nil {
			p.failed = time.Now()
			return nil, err
		}
		p.last, p.readAt = m, time.Now()
		return m, nil
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-read:
		m, ok := r.Val.(*metadata)
		if !ok && last != nil {
			return last, nil // yesterday's is better than none
		}
		return m, r.Err
	}
}

func (p *provider) discover(ctx context.Context) (*metadata, error) {
	ctx, cancel := context.WithTimeout(oidc.ClientContext(ctx, p.client), callTime)
	defer cancel()
	found, err := oidc.NewProvider(ctx, p.Issuer)
	if err != nil {
		return nil, err
	}
	var said struct {
		JWKS        string   `json:"jwks_uri"`
		NamesIssuer bool     `json:"authorization_response_iss_parameter_supported"`
		Auth        []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := found.Claims(&said); err != nil {
		return nil, fmt.Errorf("read discovery: %w", err)
	}
	for name, at := range map[string]string{
		"authorization_endpoint": found.Endpoint().AuthURL, "token_endpoint": found.Endpoint().TokenURL,
		"jwks_uri": said.JWKS, "userinfo_endpoint": found.UserInfoEndpoint(),
	} {
		if !safe(at, p.Issuer) && (at != "" || name != "userinfo_endpoint") {
			return nil, fmt.Errorf("its %s is not https", name)
		}
	}
	return &metadata{
		Provider: found, namesIssuer: said.NamesIssuer,
		postsSecret: slices.Contains(said.Auth, "client_secret_post") && !slices.Contains(said.Auth, "client_secret_basic"),
	}, nil
}

// safe: https, or, for a provider on this very machine, this machine.
func safe(at, issuer string) bool {
	u, err := url.Parse(at)
	if err != nil || u.Hostname() == "" {
		return false
	}
	home, err := url.Parse(issuer)
	return u.Scheme == "https" || (err == nil && u.Scheme == "http" && home.Scheme == "http" && loopback(u.Hostname()))
}

func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && addr.IsLoopback())
}

func (p *provider) relying(m *metadata, callback string) *oauth2.Config {
	end := m.Endpoint()
	end.AuthStyle = oauth2.AuthStyleInHeader
	if m.postsSecret || p.ClientSecret == "" {
		end.AuthStyle = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{
		ClientID: p.ClientID, ClientSecret: p.ClientSecret, Endpoint: end, RedirectURL: callback, Scopes: p.Scopes,
	}
}

// Probe reads what a provider publishes, and says what is wrong with it.
func Probe(ctx context.Context, s Settings) error {
	p := &provider{Settings: s, client: backChannel()}
	_, err := p.discover(ctx)
	var other *oidc.IssuerMismatchError
	if errors.As(err, &other) {
		return fmt.Errorf("it calls itself %q", plain(other.Discovered))
	}
	if err != nil {
		return errors.New(plain(err.Error())) // it may quote what the provider answered
	}
	return nil
}
