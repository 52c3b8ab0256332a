package session

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/pg"
)

// Tokens lists a user's access tokens, newest first; those that expired of
// late too, for whoever wonders why a script failed.
func (s *Store) Tokens(ctx context.Context, q pg.Q, user uuid.UUID) ([]Token, error) {
	var rows []tokenRow
	err := q.SelectContext(ctx, &rows, `
		SELECT id, user_id, name, array_to_string(scopes, ' ') AS scopes, created_at, expires_at, last_used_at, last_address
		FROM access_tokens WHERE user_id = $1
		ORDER BY created_at DESC, id DESC`, user)
	if err != nil {
		return nil, fmt.Errorf("list access tokens: %w", err)
	}
	out := make([]Token, len(rows))
	for i, r := range rows {
		out[i] = r.token()
	}
	return out, nil
}

// RevokeTx ends one access token of a user; found is false for anyone else's.
func (s *Store) RevokeTx(ctx context.Context, tx *pg.Tx, user, id uuid.UUID) (found bool, err error) {
	n, err := pg.Affected(tx.ExecContext(ctx, `DELETE FROM access_tokens WHERE id = $1 AND user_id = $2`, id, user))
	if err != nil {
		return false, fmt.Errorf("revoke access token: %w", err)
	}
	return n == 1, nil
}

// EndTokensTx revokes every access token of a user: the user is disabled, or
// someone else takes the account over. Deleting the user does it by itself.
func (s *Store) EndTokensTx(ctx context.Context, tx *pg.Tx, user uuid.UUID) error {
	return s.EndTokensSinceTx(ctx, tx, user, time.Time{})
}

// EndTokensSinceTx revokes those made at an instant or later.
func (s *Store) EndTokensSinceTx(ctx context.Context, tx *pg.Tx, user uuid.UUID, since time.Time) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM access_tokens WHERE user_id = $1 AND created_at >= $2`, user, since)
	if err != nil {
		return fmt.Errorf("end access tokens: %w", err)
	}
	return nil
}

// ExpiringTx takes access tokens that end within a time and whose users were
// not told yet, at most limit of them. Each is taken once: the caller tells in
// the same transaction.
func ExpiringTx(ctx context.Context, tx *pg.Tx, within time.Duration, limit int) ([]Token, error) {
	var rows []tokenRow
	err := tx.SelectContext(ctx, &rows, `
		UPDATE access_tokens SET expiry_told_at = $1
		WHERE id IN (
			SELECT id FROM access_tokens
			WHERE expiry_told_at IS NULL AND expires_at > $1 AND expires_at <= $2
			ORDER BY expires_at LIMIT $3 FOR UPDATE SKIP LOCKED)
		RETURNING id, user_id, name, array_to_string(scopes, ' ') AS scopes, created_at, expires_at, last_used_at, last_address`,
		tx.Now, tx.Now.Add(within), limit)
	if err != nil {
		return nil, fmt.Errorf("take expiring access tokens: %w", err)
	}
	out := make([]Token, len(rows))
	for i, r := range rows {
		out[i] = r.token()
	}
	return out, nil
}
