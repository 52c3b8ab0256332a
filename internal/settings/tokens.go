package settings

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	"latchkey/internal/fault"
	"latchkey/internal/mail"
	"latchkey/internal/session"
)

const (
	tokenLife     = 90 * 24 * time.Hour // unless another end is asked for
	tokensPerUser = 100
	longestToken  = 60 // characters of a name
	day           = 24 * time.Hour
)

// TokenWish is the access token that a user asks for.
type TokenWish struct {
	Name      string
	Scopes    []string
	ExpiresAt *time.Time // nil: in 90 days, or as long as the policy allows
}

// Tokens lists the user's access tokens.
func (f *Flow) Tokens(ctx context.Context, in session.Session) ([]session.Token, error) {
	return f.Sessions.Tokens(ctx, f.DB, in.User)
}

// MakeToken makes an access token (🔒) and gives its secret, this once. Who
// must still enrol makes none: a token would be a way around that. Those made
// before go on working.
func (f *Flow) MakeToken(ctx context.Context, by audit.Actor, in session.Session, w TokenWish) (session.Token, string, error) {
	var (
		made   session.Token
		secret string
	)
	err := f.within(ctx, by, in, confirmed, func(ctx context.Context, a *act) error {
		if a.asks.Enrol {
			return fault.New(fault.Forbidden, fault.TwoFactorRequired).Say("fault.enrol_before_token", nil)
		}
		n, err := a.token(w)
		if err != nil {
			return err
		}
		has, err := f.Sessions.Tokens(ctx, a.tx, a.user.ID)
		if err != nil {
			return err
		}
		if len(has) >= tokensPerUser {
			return fault.New(fault.Conflict, fault.StateConflict).Say("fault.too_many_tokens", map[string]any{"Max": tokensPerUser})
		}
		if made, secret, err = f.Sessions.MintTx(ctx, a.tx, a.user.ID, n); err != nil {
			return err
		}
		err = a.event(ctx, "token_made", map[string]any{"token": made.ID, "scopes": made.Scopes, "expires_at": made.ExpiresAt})
		if err != nil {
			return err
		}
		return f.notice(ctx, a, func(n mail.Notice) mail.Kind {
			return mail.TokenMade{
				Label: made.Name, ExpiresAt: made.ExpiresAt,
				Device: n.Device, Address: n.Address, At: n.At, NotMe: n.NotMe,
			}
		})
	})
	return made, secret, err
}

// token judges a wish, all fields at once.
func (a *act) token(w TokenWish) (session.NewToken, error) {
	n := session.NewToken{Name: strings.TrimSpace(w.Name)}
	bad := &fault.Fault{Kind: fault.Invalid, Code: fault.InvalidRequest}
	note := func(field, words string, args map[string]any) {
		bad.Fields = append(bad.Fields, fault.Field{Name: field, Message: words, Args: args})
	}
	if l := utf8.RuneCountInString(n.Name); l < 1 || l > longestToken || !utf8.ValidString(n.Name) ||
		strings.ContainsFunc(n.Name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		note("name", "field.token_name.invalid", map[string]any{"Max": longestToken})
	}
	for _, s := range session.Scopes() { // in our order, each once
		if slices.Contains(w.Scopes, string(s)) {
			n.Scopes = append(n.Scopes, s)
		}
	}
	admin := slices.Contains(n.Scopes, session.ScopeAdminRead) || slices.Contains(n.Scopes, session.ScopeAdminWrite)
	switch {
	case len(w.Scopes) == 0:
		note("scopes", "field.scopes.none", nil)
	case len(n.Scopes) != len(w.Scopes):
		note("scopes", "field.scopes.unknown", nil)
	case admin && a.user.Role == account.Member:
		note("scopes", "field.scopes.admins_only", nil)
	}
	latest := a.tx.Now.Add(time.Duration(a.policy.TokenMaxDays) * day)
	switch {
	case w.ExpiresAt == nil:
		n.ExpiresAt = a.tx.Now.Add(tokenLife)
		if latest.Before(n.ExpiresAt) {
			n.ExpiresAt = latest
		}
	case !w.ExpiresAt.After(a.tx.Now):
		note("expires_at", "field.expires_at.past", nil)
	case w.ExpiresAt.After(latest):
		note("expires_at", "field.expires_at.too_late", map[string]any{"Days": a.policy.TokenMaxDays})
	default:
		n.ExpiresAt = w.ExpiresAt.UTC().Truncate(time.Microsecond) // what Postgres keeps
	}
	if len(bad.Fields) > 0 {
		return n, bad
	}
	return n, nil
}

// RevokeToken ends one of the user's access tokens; another's is not found. It
// only takes access away, so it asks for no confirmation.
func (f *Flow) RevokeToken(ctx context.Context, by audit.Actor, in session.Session, id uuid.UUID) error {
	return f.within(ctx, by, in, signedIn, func(ctx context.Context, a *act) error {
		found, err := f.Sessions.RevokeTx(ctx, a.tx, a.user.ID, id)
		if err != nil {
			return err
		}
		if !found {
			return fault.New(fault.NotFound, fault.Absent)
		}
		return a.event(ctx, "token_revoked", map[string]any{"token": id})
	})
}
