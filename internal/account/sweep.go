package account

import (
	"context"
	"fmt"
	"time"

	"latchkey/internal/pg"
)

const (
	sweepBatch = 1000
	keepLinks  = 30 * 24 * time.Hour // after their end, for whoever asks what became of one
)

// Sweep removes links that ended a month ago. It only makes room: expiry and
// use are judged where a link is spent. One bounded batch.
func Sweep(ctx context.Context, db *pg.DB) (int64, error) {
	n, err := pg.Affected(db.ExecContext(ctx, `
		DELETE FROM links WHERE id IN (
			SELECT id FROM links WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`, db.Now().Add(-keepLinks), sweepBatch))
	if err != nil {
		return 0, fmt.Errorf("sweep links: %w", err)
	}
	return n, nil
}
