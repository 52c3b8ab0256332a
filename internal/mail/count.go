package mail

import (
	"context"
	"fmt"
	"time"

	"latchkey/internal/pg"
)

// AllowTx says whether fewer than limit mails of a kind were queued for an
// address since an instant: what a stranger can cause to be mailed has a
// budget. It locks kind and address until the commit, so that the budget is
// exact under any concurrency; nothing that holds it waits for a row lock.
func AllowTx(ctx context.Context, tx *pg.Tx, kind Kind, to string, since time.Time, limit int) (bool, error) {
	_, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, "mail|"+kind.Name()+"|"+to)
	if err != nil {
		return false, fmt.Errorf("lock budget of mails: %w", err)
	}
	var n int
	err = tx.GetContext(ctx, &n, `
		SELECT count(*) FROM mails WHERE recipient = $1 AND kind = $2 AND created_at > $3`, to, kind.Name(), since)
	if err != nil {
		return false, fmt.Errorf("count mails: %w", err)
	}
	return n < limit, nil
}
