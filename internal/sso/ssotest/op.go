package ssotest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// Password opens the one account of Real.
const Password = "at the provider"

// Real is a provider made by others (zitadel/oidc), with one person, whom its
// sign-in page asks for a password. What it says of them is at userinfo alone.
type Real struct {
	Issuer string
	Email  string
	AMR    []string

	mu       sync.Mutex
	key      signingKey
	requests map[string]*request
	codes    map[string]string
}

// NewReal starts one that leads back to callback. It lives by the real clock.
func NewReal(t testing.TB, callback func() string) *Real {
	t.Helper()
	r := &Real{Email: "person@corp.example", AMR: []string{"pwd"}, requests: map[string]*request{}, codes: map[string]string{}}
	r.Rotate(t)
	srv := httptest.NewServer(nil)
	t.Cleanup(srv.Close)
	r.Issuer = srv.URL
	provider, err := op.NewProvider(&op.Config{CodeMethodS256: true}, &storage{Real: r, callback: callback}, op.StaticIssuer(r.Issuer),
		op.WithAllowInsecure(), op.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", provider)
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, `<!doctype html><title>Corp</title><link rel="icon" href="data:,"><form method="post"><input type="hidden" name="id" value="%s">
			<label>Password <input type="password" name="password" id="at-corp"></label><button id="sign-in-at-corp">Sign in</button></form>`,
			html.EscapeString(r.FormValue("id")))
	})
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, req *http.Request) {
		if req.FormValue("password") != Password || !r.signedIn(req.FormValue("id")) {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		http.Redirect(w, req, r.Issuer+"/authorize/callback?id="+req.FormValue("id"), http.StatusSeeOther)
	})
	srv.Config.Handler = mux
	return r
}

// Rotate has a fresh key sign from now on.
func (r *Real) Rotate(t testing.TB) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.key = signingKey{rand.Text(), key}
}

// SignIn does what a person does there: it opens the page, types the password,
// and gives the path and query that the browser is led back to.
func (r *Real) SignIn(t testing.TB, to string) string {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	step := func(res *http.Response, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close() //nolint:errcheck // of a test
		at, err := res.Location()
		if err != nil {
			body, _ := io.ReadAll(res.Body)
			t.Fatalf("%s: %d %s", res.Request.URL, res.StatusCode, body)
		}
		return at.String()
	}
	login := step(client.Get(to)) //nolint:noctx // of a test
	done := step(client.PostForm(login, map[string][]string{"password": {Password}}))
	back := step(client.Get(done)) //nolint:noctx // of a test
	req, err := http.NewRequest(http.MethodGet, back, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req.URL.RequestURI()
}

func (r *Real) signedIn(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.requests[id]
	if one != nil {
		one.at = time.Now()
	}
	return one != nil
}

type signingKey struct {
	id  string
	key *rsa.PrivateKey
}

func (k signingKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k signingKey) Key() any                                    { return k.key }
func (k signingKey) ID() string                                  { return k.id }

type publicKey struct{ signingKey }

func (k publicKey) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k publicKey) Use() string                        { return "sig" }
func (k publicKey) Key() any                           { return &k.key.PublicKey }

// request is one sign-in at the provider.
type request struct {
	oidc.AuthRequest
	id  string
	at  time.Time
	amr []string
}

func (r *request) GetID() string          { return r.id }
func (r *request) GetACR() string         { return "" }
func (r *request) GetAMR() []string       { return r.amr }
func (r *request) GetAudience() []string  { return []string{r.ClientID} }
func (r *request) GetAuthTime() time.Time { return r.at }
func (r *request) GetClientID() string    { return r.ClientID }
func (r *request) GetNonce() string       { return r.Nonce }
func (r *request) GetState() string       { return r.State }
func (r *request) GetSubject() string     { return "corp-1" }
func (r *request) Done() bool             { return !r.at.IsZero() }
func (r *request) GetScopes() []string    { return r.Scopes }
func (r *request) GetCodeChallenge() *oidc.CodeChallenge {
	return &oidc.CodeChallenge{Challenge: r.CodeChallenge, Method: r.CodeChallengeMethod}
}

type client struct{ callback string }

func (c client) GetID() string                       { return ClientID }
func (c client) RedirectURIs() []string              { return []string{c.callback} }
func (c client) PostLogoutRedirectURIs() []string    { return nil }
func (c client) ApplicationType() op.ApplicationType { return op.ApplicationTypeWeb }
func (c client) AuthMethod() oidc.AuthMethod         { return oidc.AuthMethodBasic }
func (c client) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}
func (c client) GrantTypes() []oidc.GrantType         { return []oidc.GrantType{oidc.GrantTypeCode} }
func (c client) LoginURL(id string) string            { return "/login?id=" + id }
func (c client) AccessTokenType() op.AccessTokenType  { return op.AccessTokenTypeBearer }
func (c client) IDTokenLifetime() time.Duration       { return time.Hour }
func (c client) DevMode() bool                        { return true } // http, on loopback
func (c client) IsScopeAllowed(string) bool           { return false }
func (c client) IDTokenUserinfoClaimsAssertion() bool { return false }
func (c client) ClockSkew() time.Duration             { return 0 }
func (c client) RestrictAdditionalIdTokenScopes() func([]string) []string {
	return func([]string) []string { return nil } // the ID token says who, userinfo the rest
}
func (c client) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return func(s []string) []string { return s }
}

// storage is what op asks of its host.
type storage struct {
	*Real
	callback func() string
}

var errNone = errors.New("there is none")

func (s *storage) CreateAuthRequest(_ context.Context, asked *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := &request{AuthRequest: *asked, id: rand.Text(), amr: s.AMR}
	s.requests[one.id] = one
	return one, nil
}

func (s *storage) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.requests[id]; one != nil {
		return one, nil
	}
	return nil, errNone
}

func (s *storage) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	s.mu.Lock()
	id := s.codes[code]
	s.mu.Unlock()
	return s.AuthRequestByID(ctx, id)
}

func (s *storage) SaveAuthCode(_ context.Context, id, code string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codes[code] = id
	return nil
}

func (s *storage) DeleteAuthRequest(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.requests, id)
	return nil
}

func (s *storage) CreateAccessToken(context.Context, op.TokenRequest) (string, time.Time, error) {
	return rand.Text(), time.Now().Add(time.Minute), nil
}

func (s *storage) SigningKey(context.Context) (op.SigningKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.key, nil
}

func (s *storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.RS256}, nil
}

func (s *storage) KeySet(context.Context) ([]op.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return []op.Key{publicKey{s.key}}, nil
}

func (s *storage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if id != ClientID {
		return nil, errNone
	}
	return client{s.callback()}, nil
}

func (s *storage) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	if id != ClientID || secret != ClientSecret {
		return errNone
	}
	return nil
}

func (s *storage) SetUserinfoFromToken(_ context.Context, info *oidc.UserInfo, _, subject, _ string) error {
	info.Subject, info.Email, info.EmailVerified, info.Name = subject, s.Email, true, "Grace Hopper"
	return nil
}

// What this provider does not do.

func (s *storage) CreateAccessAndRefreshTokens(context.Context, op.TokenRequest, string) (string, string, time.Time, error) {
	return "", "", time.Time{}, errNone
}
func (s *storage) TokenRequestByRefreshToken(context.Context, string) (op.RefreshTokenRequest, error) {
	return nil, errNone
}
func (s *storage) TerminateSession(context.Context, string, string) error { return nil }
func (s *storage) RevokeToken(context.Context, string, string, string) *oidc.Error {
	return nil
}
func (s *storage) GetRefreshTokenInfo(context.Context, string, string) (string, string, error) {
	return "", "", op.ErrInvalidRefreshToken
}
func (s *storage) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil
}
func (s *storage) SetIntrospectionFromToken(context.Context, *oidc.IntrospectionResponse, string, string, string) error {
	return errNone
}
func (s *storage) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return nil, nil
}
func (s *storage) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errNone
}
func (s *storage) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errNone
}
func (s *storage) Health(context.Context) error { return nil }
