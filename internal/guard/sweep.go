package guard

import (
	"context"
	"fmt"
	"time"

	"latchkey/internal/pg"
)

const (
	sweepBatch   = 1000
	meterMemory  = 24 * time.Hour       // the longest window of any meter by address
	browserKnown = 365 * 24 * time.Hour // as long as its cookie
)

// Sweep removes meters that hold nothing that still counts, and browsers that
// were not seen for a year. It only makes room. One bounded batch of each; a
// row that somebody judges by is left alone.
func Sweep(ctx context.Context, db *pg.DB) (int64, error) {
	now := db.Now()
	var sum int64
	for _, one := range []struct {
		what, statement string
		before          time.Time
	}{
		{"password meters", `
			DELETE FROM password_meters WHERE address_digest IN (
				SELECT address_digest FROM password_meters WHERE updated_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`,
			now.Add(-meterMemory)},
		{"meters per address", `
			DELETE FROM ip_meters WHERE (kind, network) IN (
				SELECT kind, network FROM ip_meters WHERE updated_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`,
			now.Add(-meterMemory)},
		{"known browsers", `
			DELETE FROM known_browsers WHERE (user_id, browser) IN (
				SELECT user_id, browser FROM known_browsers WHERE last_seen_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`,
			now.Add(-browserKnown)},
	} {
		n, err := pg.Affected(db.ExecContext(ctx, one.statement, one.before, sweepBatch))
		if err != nil {
			return sum, fmt.Errorf("sweep %s: %w", one.what, err)
		}
		sum += n
	}
	return sum, nil
}
