package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/pg"
)

// Deadline is what a requirement sets for those that it covers: the later of
// Start and the account's creation, plus Grace. The earliest ever computed
// stays.
type Deadline struct {
	Start      time.Time
	Grace      time.Duration
	AdminsOnly bool
	Before     time.Time // only accounts made before; zero: all
}

// StoreDeadlines stores the deadline of the next accounts after an id, at most
// limit of them, and gives the last one; ok is false when there were none. One
// statement a batch: everyone in one would hold locks for seconds.
func StoreDeadlines(ctx context.Context, q pg.Q, d Deadline, after uuid.UUID, limit int) (last uuid.UUID, ok bool, err error) {
	err = q.GetContext(ctx, &last, `
		WITH batch AS (
			SELECT id FROM users WHERE id > $1 ORDER BY id LIMIT $2
		), stored AS (
			UPDATE users u
			SET enrol_by = least(u.enrol_by, greatest($3, u.created_at) + $4 * interval '1 second')
			FROM batch
			WHERE u.id = batch.id AND (u.role = 'admin' OR NOT $5) AND ($6::timestamptz IS NULL OR u.created_at < $6)
			  AND (u.enrol_by IS NULL OR u.enrol_by > greatest($3, u.created_at) + $4 * interval '1 second')
		)
		SELECT id FROM batch ORDER BY id DESC LIMIT 1`,
		after, limit, d.Start, int64(d.Grace/time.Second), d.AdminsOnly, nullTime(d.Before))
	if errors.Is(err, pg.ErrNoRows) {
		return after, false, nil
	}
	if err != nil {
		return after, false, fmt.Errorf("store deadlines: %w", err)
	}
	return last, true, nil
}

func nullTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// RemindedTx notes that users were reminded of their deadline.
func RemindedTx(ctx context.Context, tx *pg.Tx, ids []uuid.UUID) error {
	_, err := tx.ExecContext(ctx, `UPDATE users SET reminded_at = $2 WHERE id = ANY($1::uuid[])`, pg.Array(ids), tx.Now)
	if err != nil {
		return fmt.Errorf("note reminders: %w", err)
	}
	return nil
}
