// Package session keeps what a bearer may be: sessions, trusted devices and
// access tokens. Tokens are 256 random bits; only keyed digests are stored.
//
// A session exists only after every factor asked of its user is done
// (invariant 1): nothing here makes one but CreateTx, and nothing calls that
// but the end of a sign-in.
package session

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/audit"
	"latchkey/internal/fault"
	"latchkey/internal/pg"
	"latchkey/internal/seal"
)

// Prefixes tell tokens apart.
const (
	SignInPrefix   = "lki_"
	Prefix         = "lks_"
	TokenPrefix    = "lkp_"
	DevicePrefix   = "lkd_"
	tokenBytes     = 32
	tokenLength    = 43          // of 32 bytes in unpadded base64url
	seenEvery      = time.Minute // last_seen_at is written at most this often
	devicesPerUser = 10
)

// Assurance says how sure we are who it is. Email is a second step, not a
// second factor (NIST 800-63B-4 section 3.1.3.1).
type Assurance string

const (
	Password  Assurance = "password"
	TwoStep   Assurance = "two_step"
	TwoFactor Assurance = "two_factor"
)

// Rank orders assurances.
func (a Assurance) Rank() int {
	return map[Assurance]int{Password: 0, TwoStep: 1, TwoFactor: 2}[a]
}

// Front says how a session's token travels.
type Front string

const (
	Cookie Front = "cookie"
	Bearer Front = "bearer"

	// AccessToken is no session: it stands in the place of one where a token
	// calls a route that takes tokens.
	AccessToken Front = "token"
)

// First is the first step of a sign-in.
type First string

const (
	ByPassword First = "password"
	BySSO      First = "sso" // a provider said who it is
)

// Session is the result of a sign-in.
type Session struct {
	ID             uuid.UUID
	User           uuid.UUID
	Front          Front
	First          First // how its sign-in began
	Assurance      Assurance
	Method         string // last method proved in it, empty: none
	MethodAt       *time.Time
	ConfirmedUntil *time.Time
	ConfirmedBy    string
	ConfirmedSince *time.Time // since when the proof of the confirmation exists
	ConfirmedAt    *time.Time // last confirmation
	SSOAt          *time.Time // proved again to a provider, and not yet part of a confirmation
	RestedAt       *time.Time // last own use that followed a rest of AdminIdle; nil: there was none
	Device         string
	Address        string
	Browser        uuid.UUID
	CreatedAt      time.Time
	LastSeenAt     time.Time // here or by an app behind forward-auth
	OwnSeenAt      time.Time // here alone: an app that polls is not its user at work
	ExpiresAt      time.Time // the earlier of idle and absolute end
	Token          *Token    // set for Front AccessToken only
}

// Confirmed reports whether 🔒 acts are open to it.
func (s Session) Confirmed(now time.Time) bool {
	return s.ConfirmedUntil != nil && s.ConfirmedUntil.After(now)
}

// Admin pages have limits of their own under every policy.
const (
	AdminIdle         = 15 * time.Minute
	AdminLifetime     = 12 * time.Hour
	adminConfirmation = 5 * time.Minute
)

// Rules reports whether admin pages are open to it: not after a rest, and not
// half a day after it was last proved who this is. A confirmation opens them.
func (s Session) Rules(now time.Time) bool {
	proved := s.CreatedAt
	if s.ConfirmedAt != nil {
		proved = *s.ConfirmedAt
	}
	rested := s.RestedAt != nil && proved.Before(*s.RestedAt)
	return !rested && now.Before(proved.Add(AdminLifetime)) && now.Before(s.OwnSeenAt.Add(AdminIdle))
}

// ConfirmedToRule reports whether an admin's 🔒 acts are open to it: those want
// a confirmation of the last five minutes.
func (s Session) ConfirmedToRule(now time.Time) bool {
	return s.Confirmed(now) && s.ConfirmedAt != nil && now.Before(s.ConfirmedAt.Add(adminConfirmation))
}

// Store makes and finds sessions.
type Store struct{ digests *seal.Digester }

// NewStore makes a store over the keyset of purpose tokens.
func NewStore(d *seal.Digester) *Store { return &Store{d} }

// NewToken makes a token and its digest.
func (s *Store) NewToken(prefix string) (token string, digest []byte) {
	b := make([]byte, tokenBytes)
	_, _ = rand.Read(b) // never fails
	token = prefix + base64.RawURLEncoding.EncodeToString(b)
	return token, s.digests.Digest(token)
}

// Digests are what a presented token may be stored as; none when it is not
// even shaped like one, so that garbage costs no query.
func (s *Store) Digests(prefix, token string) [][]byte {
	body, ok := strings.CutPrefix(token, prefix)
	if !ok || len(body) != tokenLength {
		return nil
	}
	// The length again: the decoder passes over line ends.
	if raw, err := base64.RawURLEncoding.Strict().DecodeString(body); err != nil || len(raw) != tokenBytes {
		return nil
	}
	return s.digests.All(token)
}

// New says what a session is made of.
type New struct {
	User          uuid.UUID
	Front         Front
	First         First // "": a password
	Assurance     Assurance
	Method        string        // "" when no second step was asked or a device was trusted
	Confirmed     time.Duration // > 0: signing in counted as a confirmation (recovery key)
	Since         *time.Time    // since when the key of that confirmation exists
	Idle          time.Duration
	Lifetime      time.Duration
	TrustedDevice uuid.UUID
}

// CreateTx makes a session and gives its token, which exists nowhere else.
func (s *Store) CreateTx(ctx context.Context, tx *pg.Tx, by audit.Actor, n New) (Session, string, error) {
	token, digest := s.NewToken(Prefix)
	id := pg.NewID()
	if n.First == "" {
		n.First = ByPassword
	}
	out := Session{
		ID: id, User: n.User, Front: n.Front, First: n.First, Assurance: n.Assurance, Method: n.Method,
		Device: by.Device, Address: by.Address, Browser: by.Browser,
		CreatedAt: tx.Now, LastSeenAt: tx.Now, OwnSeenAt: tx.Now, ExpiresAt: earlier(tx.Now.Add(n.Lifetime), tx.Now.Add(n.Idle)),
	}
	if n.Method != "" {
		out.MethodAt = &tx.Now
	}
	if n.Confirmed > 0 {
		until := tx.Now.Add(n.Confirmed)
		out.ConfirmedUntil, out.ConfirmedBy, out.ConfirmedSince = &until, n.Method, n.Since
		out.ConfirmedAt = &tx.Now
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO sessions (id, user_id, token_digest, front, assurance, method, method_at,
			confirmed_until, confirmed_by, idle_minutes, device, address, browser, trusted_device,
			created_at, last_seen_at, expires_at, confirmed_since, confirmed_at, first_step)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15, $16, $17, $18, $19)`,
		id, n.User, digest, n.Front, n.Assurance, n.Method, out.MethodAt,
		out.ConfirmedUntil, out.ConfirmedBy, int(n.Idle/time.Minute), by.Device, by.Address,
		null(by.Browser), null(n.TrustedDevice), tx.Now, tx.Now.Add(n.Lifetime), out.ConfirmedSince, out.ConfirmedAt, n.First)
	if err != nil {
		return Session{}, "", fmt.Errorf("create session: %w", err)
	}
	return out, token, nil
}

type row struct {
	ID             uuid.UUID     `db:"id"`
	User           uuid.UUID     `db:"user_id"`
	Front          Front         `db:"front"`
	First          First         `db:"first_step"`
	Assurance      Assurance     `db:"assurance"`
	Method         string        `db:"method"`
	MethodAt       sql.NullTime  `db:"method_at"`
	ConfirmedUntil sql.NullTime  `db:"confirmed_until"`
	ConfirmedBy    string        `db:"confirmed_by"`
	ConfirmedSince sql.NullTime  `db:"confirmed_since"`
	ConfirmedAt    sql.NullTime  `db:"confirmed_at"`
	SSOAt          sql.NullTime  `db:"sso_at"`
	RestedAt       sql.NullTime  `db:"rested_at"`
	OwnSeenAt      sql.NullTime  `db:"own_seen_at"`
	Idle           int           `db:"idle_minutes"`
	Device         string        `db:"device"`
	Address        string        `db:"address"`
	Browser        uuid.NullUUID `db:"browser"`
	CreatedAt      time.Time     `db:"created_at"`
	LastSeenAt     time.Time     `db:"last_seen_at"`
	ExpiresAt      time.Time     `db:"expires_at"`
}

// ownSeenAt is the last use of Latchkey itself.
func (r row) ownSeenAt() time.Time {
	if r.OwnSeenAt.Valid {
		return r.OwnSeenAt.Time
	}
	return r.LastSeenAt
}

func (r row) session() Session {
	return Session{
		ID: r.ID, User: r.User, Front: r.Front, First: r.First, Assurance: r.Assurance, Method: r.Method,
		MethodAt: instant(r.MethodAt), ConfirmedUntil: instant(r.ConfirmedUntil), ConfirmedBy: r.ConfirmedBy,
		ConfirmedSince: instant(r.ConfirmedSince), ConfirmedAt: instant(r.ConfirmedAt), SSOAt: instant(r.SSOAt), RestedAt: instant(r.RestedAt),
		Device: r.Device, Address: r.Address, Browser: r.Browser.UUID, CreatedAt: r.CreatedAt.UTC(),
		LastSeenAt: r.LastSeenAt.UTC(), OwnSeenAt: r.ownSeenAt().UTC(),
		ExpiresAt: earlier(r.ExpiresAt, r.LastSeenAt.Add(time.Duration(r.Idle)*time.Minute)).UTC(),
	}
}

var dead = fault.New(fault.Unauthenticated, fault.NotSignedIn)

// Check finds the session of a token: one read, and at most once a minute a
// write that moves its idle end. Expiry is judged in the statement; no
// cleaning job matters to it.
func (s *Store) Check(ctx context.Context, db *pg.DB, token string) (Session, error) {
	digests := s.Digests(Prefix, token)
	if digests == nil {
		return Session{}, dead
	}
	now := db.Now()
	var r row
	err := db.GetContext(ctx, &r, `
		SELECT id, user_id, front, first_step, assurance, method, method_at, confirmed_until, confirmed_by,
		       confirmed_since, confirmed_at, sso_at, rested_at, own_seen_at, idle_minutes, device, address, browser, created_at, last_seen_at, expires_at
		FROM sessions
		WHERE token_digest = ANY($1) AND expires_at > $2
		  AND last_seen_at + idle_minutes * interval '1 minute' > $2`, pg.Array(digests), now)
	if errors.Is(err, pg.ErrNoRows) {
		return Session{}, dead
	}
	if err != nil {
		return Session{}, fmt.Errorf("check session: %w", err)
	}
	if own := r.ownSeenAt(); now.Sub(own) >= seenEvery {
		if _, err := db.ExecContext(ctx, `
			UPDATE sessions
			SET last_seen_at = greatest(last_seen_at, $2), own_seen_at = $2,
			    rested_at = CASE WHEN coalesce(own_seen_at, last_seen_at) <= $3 THEN $2 ELSE rested_at END
			WHERE id = $1 AND coalesce(own_seen_at, last_seen_at) < $2`, r.ID, now, now.Add(-AdminIdle)); err != nil {
			return Session{}, fmt.Errorf("note use of session: %w", err)
		}
		if now.Sub(own) >= AdminIdle {
			r.RestedAt = sql.NullTime{Time: now, Valid: true}
		}
		r.LastSeenAt, r.OwnSeenAt = now, sql.NullTime{Time: now, Valid: true}
	}
	return r.session(), nil
}

// HoldTx locks a live session, or the access token in the place of one, for
// the rest of the transaction: what it is about to do can't be overtaken by its
// end ("revoked means now").
func (s *Store) HoldTx(ctx context.Context, tx *pg.Tx, id uuid.UUID) (Session, error) {
	var r row
	err := tx.GetContext(ctx, &r, `
		SELECT id, user_id, front, first_step, assurance, method, method_at, confirmed_until, confirmed_by,
		       confirmed_since, confirmed_at, sso_at, rested_at, own_seen_at, idle_minutes, device, address, browser, created_at, last_seen_at, expires_at
		FROM sessions
		WHERE id = $1 AND expires_at > $2 AND last_seen_at + idle_minutes * interval '1 minute' > $2
		FOR UPDATE`, id, tx.Now)
	if errors.Is(err, pg.ErrNoRows) {
		return holdTokenTx(ctx, tx, id) // the ids of both are of one kind, never the same
	}
	if err != nil {
		return Session{}, fmt.Errorf("hold session: %w", err)
	}
	return r.session(), nil
}

// Confirmation is what was proved again inside a session.
type Confirmation struct {
	Until     time.Time
	Method    string     // beside the password; empty: the password alone
	Since     *time.Time // since when that method or key exists; nil: none
	Assurance Assurance
}

// ConfirmTx opens 🔒 acts. What was proved may raise the session's assurance.
// A cookie session gets a fresh token, so that whoever planted or saw the old
// one has nothing; a bearer session keeps its own and the token is empty.
func (s *Store) ConfirmTx(ctx context.Context, tx *pg.Tx, held Session, c Confirmation) (token string, err error) {
	a := c.Assurance
	if a.Rank() < held.Assurance.Rank() {
		a = held.Assurance
	}
	var digest []byte
	if held.Front == Cookie {
		token, digest = s.NewToken(Prefix)
	}
	_, err = tx.ExecContext(ctx, `
		UPDATE sessions
		SET confirmed_until = $2, confirmed_by = $3, assurance = $4,
		    token_digest = coalesce($5, token_digest),
		    method = CASE WHEN $3 = '' THEN method ELSE $3 END,
		    method_at = CASE WHEN $3 = '' THEN method_at ELSE $6 END,
		    confirmed_since = $7, confirmed_at = $6, sso_at = NULL
		WHERE id = $1`, held.ID, c.Until, c.Method, a, digest, tx.Now, c.Since)
	if err != nil {
		return "", fmt.Errorf("confirm session: %w", err)
	}
	return token, nil
}

// ProvedAgainTx notes that the user proved to a provider who they are: the
// first half of a confirmation.
func (s *Store) ProvedAgainTx(ctx context.Context, tx *pg.Tx, id uuid.UUID) error {
	if _, err := tx.ExecContext(ctx, `UPDATE sessions SET sso_at = $2 WHERE id = $1`, id, tx.Now); err != nil {
		return fmt.Errorf("note proof of a provider: %w", err)
	}
	return nil
}

// RaiseTx notes that a method was proved inside the session.
func (s *Store) RaiseTx(ctx context.Context, tx *pg.Tx, held Session, method string, a Assurance) error {
	if a.Rank() < held.Assurance.Rank() {
		a = held.Assurance
	}
	_, err := tx.ExecContext(ctx, `
		UPDATE sessions SET method = $2, method_at = $3, assurance = $4 WHERE id = $1`, held.ID, method, tx.Now, a)
	if err != nil {
		return fmt.Errorf("raise session: %w", err)
	}
	return nil
}

// List gives a user's live sessions, newest first.
func (s *Store) List(ctx context.Context, q pg.Q, user uuid.UUID, now time.Time) ([]Session, error) {
	var rows []row
	err := q.SelectContext(ctx, &rows, `
		SELECT id, user_id, front, first_step, assurance, method, method_at, confirmed_until, confirmed_by,
		       confirmed_since, confirmed_at, sso_at, rested_at, own_seen_at, idle_minutes, device, address, browser, created_at, last_seen_at, expires_at
		FROM sessions
		WHERE user_id = $1 AND expires_at > $2 AND last_seen_at + idle_minutes * interval '1 minute' > $2
		ORDER BY created_at DESC, id DESC`, user, now)
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	out := make([]Session, len(rows))
	for i, r := range rows {
		out[i] = r.session()
	}
	return out, nil
}

// EndTx ends one session of a user; found is false for anyone else's.
func (s *Store) EndTx(ctx context.Context, tx *pg.Tx, user, id uuid.UUID) (found bool, err error) {
	n, err := pg.Affected(tx.ExecContext(ctx, `DELETE FROM sessions WHERE id = $1 AND user_id = $2`, id, user))
	if err != nil {
		return false, fmt.Errorf("end session: %w", err)
	}
	return n == 1, nil
}

// EndAllTx ends every session of a user but one; uuid.Nil keeps none.
func (s *Store) EndAllTx(ctx context.Context, tx *pg.Tx, user, keep uuid.UUID) (int64, error) {
	n, err := pg.Affected(tx.ExecContext(ctx, `DELETE FROM sessions WHERE user_id = $1 AND id <> $2`, user, keep))
	if err != nil {
		return 0, fmt.Errorf("end sessions: %w", err)
	}
	return n, nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func instant(t sql.NullTime) *time.Time {
	if !t.Valid {
		return nil
	}
	at := t.Time.UTC()
	return &at
}

func null(id uuid.UUID) uuid.NullUUID { return uuid.NullUUID{UUID: id, Valid: id != uuid.Nil} }
