package guard

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"latchkey/internal/pg"
)

// ImportTx writes the guard rows of many new accounts.
func ImportTx(ctx context.Context, tx *pg.Tx, users []uuid.UUID) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO guards (user_id) SELECT unnest($1::uuid[])`, pg.Array(users))
	if err != nil {
		return fmt.Errorf("create guards: %w", err)
	}
	return nil
}
