package session

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"latchkey/internal/pg"
)

// ForwardPrefix begins what the cookie of forward-auth holds.
const ForwardPrefix = "lkf_"

// ForwardToken is what apps' hosts get in place of the session's own token: it
// names the session and carries a keyed digest of that. It opens forward-auth
// and nothing else, and is dead with the session, since nothing is kept of it:
// an app that sees it can't act as its user here.
func (s *Store) ForwardToken(in Session) string {
	return ForwardPrefix + base64.RawURLEncoding.EncodeToString(append(in.ID[:], s.digests.Digest("forward", in.ID.String())...))
}

// forwardID is the session that a token of ours names.
func (s *Store) forwardID(token string) (uuid.UUID, bool) {
	body, ok := strings.CutPrefix(token, ForwardPrefix)
	if !ok || len(body) > 128 {
		return uuid.Nil, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil || len(raw) <= 16 {
		return uuid.Nil, false
	}
	id := uuid.UUID(raw[:16])
	return id, s.digests.Verify(raw[16:], "forward", id.String())
}

// Forward is who stands behind a request to an app.
type Forward struct {
	Session  Session
	Email    string
	Verified bool
	Name     string
	Role     string
}

// CheckForward finds the live session behind a forward-auth token, and who its
// user is: one read, which is what every request to every app costs, and at
// most once a minute a write that moves the idle end. What counts as the user's
// own use stays where it is: an app that polls by itself would else keep an
// admin's session, left alone, open to rule. A forged token costs no query.
func (s *Store) CheckForward(ctx context.Context, db *pg.DB, token string) (Forward, error) {
	id, ok := s.forwardID(token)
	if !ok {
		return Forward{}, dead
	}
	now := db.Now()
	var r struct {
		row
		Email    string `db:"email"`
		Verified bool   `db:"verified"`
		Name     string `db:"name"`
		Role     string `db:"role"`
	}
	err := db.GetContext(ctx, &r, `
		SELECT s.id, s.user_id, s.front, s.assurance, s.method, s.method_at, s.confirmed_until, s.confirmed_by,
		       s.confirmed_since, s.own_seen_at, s.idle_minutes, s.device, s.address, s.browser, s.created_at, s.last_seen_at, s.expires_at,
		       u.email, u.email_verified_at IS NOT NULL AS verified, u.name, u.role
		FROM sessions s JOIN users u ON u.id = s.user_id
		WHERE s.id = $1 AND s.front = 'cookie' AND s.expires_at > $2
		  AND s.last_seen_at + s.idle_minutes * interval '1 minute' > $2 AND u.status = 'active'`, id, now)
	if errors.Is(err, pg.ErrNoRows) {
		return Forward{}, dead
	}
	if err != nil {
		return Forward{}, fmt.Errorf("check session for an app: %w", err)
	}
	if now.Sub(r.LastSeenAt) >= seenEvery {
		if _, err := db.ExecContext(ctx, `
			UPDATE sessions SET last_seen_at = $2, own_seen_at = coalesce(own_seen_at, last_seen_at)
			WHERE id = $1 AND last_seen_at < $2`, r.ID, now); err != nil {
			return Forward{}, fmt.Errorf("note use of session: %w", err)
		}
		r.OwnSeenAt = sql.NullTime{Time: r.ownSeenAt(), Valid: true}
		r.LastSeenAt = now
	}
	return Forward{r.session(), r.Email, r.Verified, r.Name, r.Role}, nil
}
