package mail

import (
	"context"
	"fmt"
	"time"

	"latchkey/internal/pg"
)

// CountTx says how many mails of a kind were queued for an address since an
// instant: what a stranger can cause to be mailed has a budget.
func CountTx(ctx context.Context, tx *pg.Tx, kind Kind, to string, since time.Time) (int, error) {
	var n int
	err := tx.GetContext(ctx, &n, `
		SELECT count(*) FROM mails WHERE recipient = $1 AND kind = $2 AND created_at > $3`, to, kind.Name(), since)
	if err != nil {
		return 0, fmt.Errorf("count mails: %w", err)
	}
	return n, nil
}
