package session

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"latchkey/internal/pg"
)

// EndEveryoneTx ends every session of everyone but one, when an admin asks for
// that with a new policy.
func (s *Store) EndEveryoneTx(ctx context.Context, tx *pg.Tx, keep uuid.UUID) (int64, error) {
	n, err := pg.Affected(tx.ExecContext(ctx, `DELETE FROM sessions WHERE id <> $1`, keep))
	if err != nil {
		return 0, fmt.Errorf("end all sessions: %w", err)
	}
	return n, nil
}
