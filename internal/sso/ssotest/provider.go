// Package ssotest is an OpenID Connect provider for tests that says and signs
// what it is told to, and so can do what a real one never would.
package ssotest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// What it knows its one client by.
const (
	ClientID     = "latchkey"
	ClientSecret = "a-secret-of-the-client-0123456789" // 33 bytes: long enough for HS256
)

// Provider is a provider of one person. Tests change its fields between calls.
type Provider struct {
	Issuer string
	// Claims of the next ID token, on top of those that a good one has; a nil
	// value takes one away.
	Claims map[string]any
	// UserInfo, where it is set, is what userinfo answers.
	UserInfo map[string]any
	// Sign makes the ID token; nil: the provider's key does.
	Sign func(claims []byte) string
	// Publish changes the discovery document; nil: it stays good.
	Publish func(doc map[string]any)
	// Answer changes what the browser brings back; nil: it stays good.
	Answer func(query url.Values)
	// Before is called for each request, and ends it where it answers true.
	Before func(w http.ResponseWriter, r *http.Request) bool

	t     testing.TB
	now   func() time.Time
	mu    sync.Mutex
	keys  []jose.JSONWebKey // the last one signs
	codes map[string]url.Values
	asked map[string]int
	over  chan struct{}
}

// New starts a provider that reads the clock.
func New(t testing.TB, now func() time.Time) *Provider {
	t.Helper()
	p := &Provider{t: t, now: now, codes: map[string]url.Values{}, asked: map[string]int{}, over: make(chan struct{}), Claims: map[string]any{}}
	p.Rotate()
	mux := http.NewServeMux()
	for path, do := range map[string]http.HandlerFunc{
		"GET /.well-known/openid-configuration": p.discovery, "GET /keys": p.publicKeys, "GET /authorize": p.authorize,
		"POST /token": p.token, "GET /userinfo": p.userinfo,
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			p.mu.Lock()
			p.asked[r.URL.Path]++
			before := p.Before
			p.mu.Unlock()
			if before == nil || !before(w, r) {
				do(w, r)
			}
		})
	}
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	t.Cleanup(func() { close(p.over) }) // first: who is stalled holds the server
	p.Issuer = srv.URL
	return p
}

// Rotate has a fresh key sign from now on, and publishes no other.
func (p *Provider) Rotate() {
	p.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = []jose.JSONWebKey{{Key: key, KeyID: rand.Text(), Algorithm: string(jose.ES256), Use: "sig"}}
}

// Mend takes Before and Publish away, also while somebody is stalled there.
func (p *Provider) Mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Before, p.Publish = nil, nil
}

// Stall answers nothing until the caller is gone.
func (p *Provider) Stall(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // until then the server does not look for a hang-up
	select {
	case <-r.Context().Done():
	case <-p.over:
	}
}

// Asked is how often a path was.
func (p *Provider) Asked(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[path]
}

// SignWith signs claims by an algorithm and a key of the test's choice.
func SignWith(t testing.TB, alg jose.SignatureAlgorithm, key any, claims []byte) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Unsigned is a token of alg none.
func Unsigned(claims []byte) string {
	head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))
	return head + "." + base64.RawURLEncoding.EncodeToString(claims) + "."
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	doc := map[string]any{
		"issuer": p.Issuer, "authorization_endpoint": p.Issuer + "/authorize", "token_endpoint": p.Issuer + "/token",
		"jwks_uri": p.Issuer + "/keys", "userinfo_endpoint": p.Issuer + "/userinfo",
		// What it says of algorithms is not what we take.
		"id_token_signing_alg_values_supported":          []string{"ES256", "HS256", "none"},
		"authorization_response_iss_parameter_supported": true,
	}
	p.mu.Lock()
	publish := p.Publish
	p.mu.Unlock()
	if publish != nil {
		publish(doc)
	}
	answer(w, doc)
}

func (p *Provider) publicKeys(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	set := jose.JSONWebKeySet{}
	for _, k := range p.keys {
		set.Keys = append(set.Keys, k.Public())
	}
	answer(w, set)
}

// authorize signs the one person in without a question.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	code := rand.Text()
	p.mu.Lock()
	p.codes[code] = q
	p.mu.Unlock()
	back, err := url.Parse(q.Get("redirect_uri"))
	if err != nil {
		http.Error(w, "no redirect_uri", http.StatusBadRequest)
		return
	}
	said := url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {p.Issuer}}
	if p.Answer != nil {
		p.Answer(said)
	}
	back.RawQuery = said.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound) // #nosec G710 -- a provider goes where its client says; of tests
}

// token judges client, code and PKCE as a provider does (RFC 6749, RFC 7636).
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	p.mu.Lock()
	asked, ok := p.codes[r.FormValue("code")]
	delete(p.codes, r.FormValue("code"))
	p.mu.Unlock()
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	switch {
	case id != ClientID || secret != ClientSecret:
		w.WriteHeader(http.StatusUnauthorized)
		answer(w, map[string]any{"error": "invalid_client"})
		return
	case !ok, asked.Get("redirect_uri") != r.FormValue("redirect_uri"), asked.Get("code_challenge_method") != "S256",
		asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]):
		w.WriteHeader(http.StatusBadRequest)
		answer(w, map[string]any{"error": "invalid_grant"})
		return
	}
	now := p.now()
	claims := map[string]any{
		"iss": p.Issuer, "aud": ClientID, "sub": "person-1", "nonce": asked.Get("nonce"),
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "auth_time": now.Unix(),
		"email": "person@acme.example", "email_verified": true, "name": "Ada Lovelace",
	}
	for name, value := range p.Claims {
		claims[name] = value
		if value == nil {
			delete(claims, name)
		}
	}
	raw, err := json.Marshal(claims)
	if err != nil {
		p.t.Error(err)
	}
	p.mu.Lock()
	signing := p.keys[len(p.keys)-1]
	p.mu.Unlock()
	var idToken string
	if p.Sign != nil {
		idToken = p.Sign(raw)
	} else {
		idToken = SignWith(p.t, jose.ES256, signing, raw)
	}
	answer(w, map[string]any{"access_token": "opaque", "token_type": "Bearer", "expires_in": 300, "id_token": idToken})
}

func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	if p.UserInfo == nil || r.Header.Get("Authorization") != "Bearer opaque" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	answer(w, p.UserInfo)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// SignIn does what the browser does at the provider: it goes where it was led,
// and gives the path and query that it is led back to.
func (p *Provider) SignIn(to string) string {
	p.t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Get(to) //nolint:noctx // of a test
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // nothing in it
	back, err := res.Location()
	if err != nil {
		p.t.Fatal(fmt.Errorf("%s: %d, %w", to, res.StatusCode, err))
	}
	return back.RequestURI()
}
