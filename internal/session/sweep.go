package session

import (
	"context"
	"fmt"
	"time"

	"latchkey/internal/pg"
)

const (
	sweepBatch   = 1000                // rows of one statement, so that none holds locks for long
	deadTokenFor = 30 * 24 * time.Hour // an expired access token is still listed to whoever wonders
)

// Sweep removes what is over: sign-ins, sessions, trusted devices and access
// tokens. It only makes room, since each statement that uses a row judges its
// expiry itself; a row that somebody holds is left for the next time. It does
// one bounded batch of each and says how many rows went.
func Sweep(ctx context.Context, db *pg.DB) (int64, error) {
	now := db.Now()
	var sum int64
	for _, one := range []struct {
		what, statement string
		before          time.Time
	}{
		{"sign-ins", `
			DELETE FROM sign_ins WHERE id IN (
				SELECT id FROM sign_ins WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`, now},
		// By the absolute end, which has an index; a session that rested too
		// long stays a row until then and opens nothing.
		{"sessions", `
			DELETE FROM sessions WHERE id IN (
				SELECT id FROM sessions WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`, now},
		{"trusted devices", `
			DELETE FROM trusted_devices WHERE id IN (
				SELECT id FROM trusted_devices WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`, now},
		{"access tokens", `
			DELETE FROM access_tokens WHERE id IN (
				SELECT id FROM access_tokens WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`, now.Add(-deadTokenFor)},
	} {
		n, err := pg.Affected(db.ExecContext(ctx, one.statement, one.before, sweepBatch))
		if err != nil {
			return sum, fmt.Errorf("sweep %s: %w", one.what, err)
		}
		sum += n
	}
	return sum, nil
}
