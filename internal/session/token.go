package session

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"latchkey/internal/pg"
)

// EndTokensTx revokes every access token of a user.
func (s *Store) EndTokensTx(ctx context.Context, tx *pg.Tx, user uuid.UUID) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM access_tokens WHERE user_id = $1`, user)
	if err != nil {
		return fmt.Errorf("end access tokens: %w", err)
	}
	return nil
}
