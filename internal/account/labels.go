package account

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"latchkey/internal/pg"
)

// Label is what a list of other things calls an account.
type Label struct{ Name, Email string }

// Labels names some accounts in one read; who is gone is left out.
func Labels(ctx context.Context, q pg.Q, ids []uuid.UUID) (map[uuid.UUID]Label, error) {
	var rows []struct {
		ID    uuid.UUID `db:"id"`
		Name  string    `db:"name"`
		Email string    `db:"email"`
	}
	if len(ids) == 0 {
		return nil, nil
	}
	if err := q.SelectContext(ctx, &rows, `SELECT id, name, email FROM users WHERE id = ANY($1)`, pg.Array(ids)); err != nil {
		return nil, fmt.Errorf("name accounts: %w", err)
	}
	out := make(map[uuid.UUID]Label, len(rows))
	for _, r := range rows {
		out[r.ID] = Label{r.Name, r.Email}
	}
	return out, nil
}
