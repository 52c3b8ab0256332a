package session

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/fault"
	"latchkey/internal/pg"
)

// Scope is one thing that an access token may do. None includes another.
type Scope string

const (
	ScopeRead       Scope = "read"
	ScopeWrite      Scope = "write"
	ScopeAdminRead  Scope = "admin:read"
	ScopeAdminWrite Scope = "admin:write"
)

// Scopes are all of them, in the order in which they are shown.
func Scopes() []Scope { return []Scope{ScopeRead, ScopeWrite, ScopeAdminRead, ScopeAdminWrite} }

// Token is an access token as its user sees it: what it opens, never what it
// is. It calls the API with no second step, and so opens nothing guarded (🔒).
type Token struct {
	ID          uuid.UUID
	User        uuid.UUID
	Name        string
	Scopes      []Scope
	CreatedAt   time.Time
	ExpiresAt   time.Time
	LastUsedAt  *time.Time // to the minute
	LastAddress string     // from where
}

// May reports whether the token has a scope.
func (t Token) May(s Scope) bool { return slices.Contains(t.Scopes, s) }

const (
	alphabet    = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	tokenChance = 40 // characters of base62: 238 bits
	tokenCheck  = 6  // characters of its CRC-32
)

// newAccessToken makes "lkp_", 40 characters of chance and 6 of checksum, so
// that a scanner of leaked secrets can tell one from a word like it.
func newAccessToken() string {
	out := make([]byte, 0, tokenChance)
	for b := make([]byte, 64); len(out) < tokenChance; {
		_, _ = rand.Read(b) // never fails
		for _, n := range b {
			if n < 4*62 && len(out) < tokenChance { // rejection: each character is as likely
				out = append(out, alphabet[n%62])
			}
		}
	}
	token := TokenPrefix + string(out)
	return token + checksum(token)
}

// checksum is the CRC-32 of what stands before it, in base62.
func checksum(s string) string {
	sum, out := crc32.ChecksumIEEE([]byte(s)), [tokenCheck]byte{}
	for i := tokenCheck - 1; i >= 0; i-- {
		out[i] = alphabet[sum%62]
		sum /= 62
	}
	return string(out[:])
}

// wellFormed reports whether this can be an access token at all. One that was
// cut short, mistyped or made up fails here and costs no query.
func wellFormed(token string) bool {
	if len(token) != len(TokenPrefix)+tokenChance+tokenCheck || !strings.HasPrefix(token, TokenPrefix) {
		return false
	}
	body := token[len(TokenPrefix):]
	for _, b := range []byte(body) {
		if strings.IndexByte(alphabet, b) < 0 {
			return false
		}
	}
	at := len(token) - tokenCheck
	return checksum(token[:at]) == token[at:]
}

// NewToken says what an access token is made of.
type NewToken struct {
	Name      string
	Scopes    []Scope
	ExpiresAt time.Time
}

// MintTx makes an access token. The secret is given here and exists nowhere else.
func (s *Store) MintTx(ctx context.Context, tx *pg.Tx, user uuid.UUID, n NewToken) (Token, string, error) {
	id := pg.NewID()
	secret := newAccessToken()
	_, err := tx.ExecContext(ctx, `
		INSERT INTO access_tokens (id, user_id, token_digest, name, scopes, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		id, user, s.digests.Digest(secret), n.Name, pg.Array(n.Scopes), tx.Now, n.ExpiresAt)
	if err != nil {
		return Token{}, "", fmt.Errorf("keep access token: %w", err)
	}
	return Token{ID: id, User: user, Name: n.Name, Scopes: n.Scopes, CreatedAt: tx.Now, ExpiresAt: n.ExpiresAt}, secret, nil
}

type tokenRow struct {
	ID          uuid.UUID    `db:"id"`
	User        uuid.UUID    `db:"user_id"`
	Name        string       `db:"name"`
	Scopes      string       `db:"scopes"` // separated by blanks, which none contains
	CreatedAt   time.Time    `db:"created_at"`
	ExpiresAt   time.Time    `db:"expires_at"`
	LastUsedAt  sql.NullTime `db:"last_used_at"`
	LastAddress string       `db:"last_address"`
}

func (r tokenRow) token() Token {
	t := Token{
		ID: r.ID, User: r.User, Name: r.Name, CreatedAt: r.CreatedAt.UTC(), ExpiresAt: r.ExpiresAt.UTC(),
		LastUsedAt: instant(r.LastUsedAt), LastAddress: r.LastAddress,
	}
	for _, s := range strings.Fields(r.Scopes) {
		t.Scopes = append(t.Scopes, Scope(s))
	}
	return t
}

// session is the token in the place of a session: flows hold it, list by it
// and write its user down as they do for one. It is never confirmed, so
// nothing guarded opens.
func (t Token) session() Session {
	return Session{
		ID: t.ID, User: t.User, Front: AccessToken, First: ByPassword, Assurance: Password, Token: &t,
		CreatedAt: t.CreatedAt, LastSeenAt: t.CreatedAt, OwnSeenAt: t.CreatedAt, ExpiresAt: t.ExpiresAt,
	}
}

// CheckToken finds a live access token of a user who is active, and notes its
// use once a minute with the address. Its user is looked at in the same read:
// whoever is disabled is so at once, whatever else was forgotten.
func (s *Store) CheckToken(ctx context.Context, db *pg.DB, token, address string) (Session, error) {
	if !wellFormed(token) {
		return Session{}, dead
	}
	now := db.Now()
	var r tokenRow
	err := db.GetContext(ctx, &r, `
		SELECT t.id, t.user_id, t.name, array_to_string(t.scopes, ' ') AS scopes, t.created_at, t.expires_at,
		       t.last_used_at, t.last_address
		FROM access_tokens t JOIN users u ON u.id = t.user_id
		WHERE t.token_digest = ANY($1) AND t.expires_at > $2 AND u.status = 'active'`, pg.Array(s.digests.All(token)), now)
	if errors.Is(err, pg.ErrNoRows) {
		return Session{}, dead
	}
	if err != nil {
		return Session{}, fmt.Errorf("check access token: %w", err)
	}
	minute := now.Truncate(seenEvery)
	if r.LastUsedAt.Time.Before(minute) { // the zero time: never used
		_, err := db.ExecContext(ctx, `
			UPDATE access_tokens SET last_used_at = $2, last_address = $3
			WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)`, r.ID, minute, address)
		if err != nil {
			return Session{}, fmt.Errorf("note use of access token: %w", err)
		}
		r.LastUsedAt, r.LastAddress = sql.NullTime{Time: minute, Valid: true}, address
	}
	return r.token().session(), nil
}

// holdTokenTx is HoldTx for an access token.
func holdTokenTx(ctx context.Context, tx *pg.Tx, id uuid.UUID) (Session, error) {
	var r tokenRow
	err := tx.GetContext(ctx, &r, `
		SELECT id, user_id, name, array_to_string(scopes, ' ') AS scopes, created_at, expires_at, last_used_at, last_address
		FROM access_tokens WHERE id = $1 AND expires_at > $2
		FOR UPDATE`, id, tx.Now)
	if errors.Is(err, pg.ErrNoRows) {
		return Session{}, dead
	}
	if err != nil {
		return Session{}, fmt.Errorf("hold access token: %w", err)
	}
	return r.token().session(), nil
}

// NotWithToken refuses an access token what is guarded (🔒), and what only a
// session can do.
func NotWithToken(in Session) error {
	if in.Front == AccessToken {
		return fault.New(fault.Forbidden, fault.NotWithToken)
	}
	return nil
}
