package sso

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/google/uuid"
	"golang.org/x/oauth2"

	"latchkey/internal/fault"
	"latchkey/internal/pg"
)

// TripLife is how long a round trip to a provider may take.
const TripLife = 10 * time.Minute

// Purpose is what a round trip is for. One begun for one can't end as another.
type Purpose string

const (
	SignIn  Purpose = "sign_in"
	Link    Purpose = "link"
	Confirm Purpose = "confirm"
)

// Trip is a round trip to a provider. The browser keeps it in a signed cookie:
// a callback without it, or with another's, is nobody's.
type Trip struct {
	ID       uuid.UUID `json:"i"`
	Provider string    `json:"p"`
	Purpose  Purpose   `json:"w"`
	Session  uuid.UUID `json:"u,omitzero"` // that began it, unless it is a sign-in
	ReturnTo string    `json:"r,omitzero"` // path to go on to
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"c"`
	Began    int64     `json:"t"` // Unix seconds
}

// BeganAt is when the browser was sent off.
func (t Trip) BeganAt() time.Time { return time.Unix(t.Began, 0).UTC() }

const tripTag = "sso-trip" // what the signature is for

// Begin gives the provider's address to lead the browser to, and the cookie to
// leave with it. It writes nothing: a link that anybody may follow begins it.
func (p *Providers) Begin(ctx context.Context, t Trip, now time.Time) (to, cookie string, err error) {
	of, err := p.named(t.Provider)
	if err != nil {
		return "", "", err
	}
	m, err := of.metadata(ctx)
	if err != nil {
		return "", "", p.down(of, err.Error())
	}
	t.ID, t.State, t.Nonce, t.Verifier, t.Began = uuid.New(), rand.Text(), rand.Text(), oauth2.GenerateVerifier(), now.Unix()
	asks := []oauth2.AuthCodeOption{
		oauth2.S256ChallengeOption(t.Verifier), oidc.Nonce(t.Nonce), oauth2.SetAuthURLParam("response_mode", "query"),
	}
	switch {
	case t.Purpose == Confirm: // whoever sits there now
		asks = append(asks, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	case of.SecondFactor == AcceptProof: // an old proof would not count
		asks = append(asks, oauth2.SetAuthURLParam("max_age", strconv.Itoa(int(proofFresh/time.Second))))
		if len(of.ProofACR) > 0 {
			asks = append(asks, oauth2.SetAuthURLParam("acr_values", strings.Join(of.ProofACR, " ")))
		}
	}
	cookie, err = p.sealTrip(t)
	return of.relying(m, p.callback(of.Slug)).AuthCodeURL(t.State, asks...), cookie, err
}

func (p *Providers) sealTrip(t Trip) (string, error) {
	raw, err := json.Marshal(t)
	if err != nil {
		return "", fmt.Errorf("write round trip: %w", err)
	}
	body := base64.RawURLEncoding.EncodeToString(raw)
	return body + "." + base64.RawURLEncoding.EncodeToString(p.signer.Digest(tripTag, body)), nil
}

var (
	errNotOurs = fault.New(fault.Forbidden, fault.NotAllowed).Say("fault.sso_other_browser", nil)
	errUsed    = fault.New(fault.Refused, fault.CodeUsed).Say("fault.sso_used", nil)
)

// Open finds the round trip that a callback ends: the cookie must be one of
// ours and not too old, for this provider, and the state its own. It changes
// nothing.
func (p *Providers) Open(cookie, slug string, query url.Values, now time.Time) (Trip, error) {
	if _, err := p.named(slug); err != nil {
		return Trip{}, err
	}
	body, sign, _ := strings.Cut(cookie, ".")
	tag, err := base64.RawURLEncoding.Strict().DecodeString(sign)
	if err != nil || body == "" || !p.signer.Verify(tag, tripTag, body) {
		return Trip{}, errNotOurs
	}
	var t Trip
	raw, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil || json.Unmarshal(raw, &t) != nil {
		return Trip{}, errNotOurs
	}
	late := now.Before(t.BeganAt()) || !now.Before(t.BeganAt().Add(TripLife))
	if t.Provider != slug || late || !same(one(query, "state"), t.State) {
		return Trip{}, errNotOurs
	}
	return t, nil
}

// same compares without telling by its time where two words part.
func same(got, want string) bool {
	return want != "" && subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1
}

// one reads a parameter that was given once; twice is none.
func one(query url.Values, name string) string {
	if all := query[name]; len(all) == 1 {
		return all[0]
	}
	return ""
}

// spend notes that a round trip came back. Of two that do so, Postgres lets one
// write the row.
func spend(ctx context.Context, db *pg.DB, t Trip) error {
	n, err := pg.Affected(db.ExecContext(ctx, `
		INSERT INTO sso_returns (id, at) VALUES ($1, $2) ON CONFLICT DO NOTHING -- a race is decided here`, t.ID, db.Now()))
	if err != nil {
		return fmt.Errorf("note return from provider: %w", err)
	}
	if n == 0 {
		return errUsed
	}
	return nil
}
