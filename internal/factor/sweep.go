package factor

import (
	"context"
	"fmt"
	"time"

	"latchkey/internal/pg"
)

const (
	sweepBatch = 1000
	keepCodes  = 48 * time.Hour // budgets of mails count back over a day
)

// Sweep removes enrolments that were never proved, recovery passes, codes and
// meters that no budget counts any more, and wipes the sealed copies of codes that are over. It only
// makes room: expiry is judged where a row is used. One bounded batch of each.
func Sweep(ctx context.Context, db *pg.DB) (int64, error) {
	now := db.Now()
	var sum int64
	for _, one := range []struct {
		what, statement string
		before          time.Time
	}{
		{"enrolments", `
			DELETE FROM enrolments WHERE id IN (
				SELECT id FROM enrolments WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`, now},
		{"recovery passes", `
			DELETE FROM recovery_passes WHERE id IN (
				SELECT id FROM recovery_passes WHERE expires_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`, now.Add(-keepCodes)},
		{"codes", `
			DELETE FROM codes WHERE id IN (
				SELECT id FROM codes WHERE created_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`, now.Add(-keepCodes)},
		{"meters of addresses", `
			DELETE FROM address_meters WHERE address_digest IN (
				SELECT address_digest FROM address_meters WHERE updated_at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`, now.Add(-keepCodes)},
		{"sealed codes", `
			UPDATE codes SET sealed = NULL WHERE id IN (
				SELECT id FROM codes WHERE deadline <= $1 AND sealed IS NOT NULL LIMIT $2 FOR UPDATE SKIP LOCKED)`, now},
	} {
		n, err := pg.Affected(db.ExecContext(ctx, one.statement, one.before, sweepBatch))
		if err != nil {
			return sum, fmt.Errorf("sweep %s: %w", one.what, err)
		}
		sum += n
	}
	return sum, nil
}

// SweepKeys drops the sealed copies of recovery keys that the policy does not
// let anyone view: it is for the caller to know that it does not. Keys of the
// last half hour whose "saved" was not said yet are still shown. The keys
// themselves stay good.
func SweepKeys(ctx context.Context, db *pg.DB) (int64, error) {
	n, err := pg.Affected(db.ExecContext(ctx, `
		UPDATE recovery_keys SET sealed = NULL WHERE id IN (
			SELECT k.id FROM recovery_keys k JOIN recovery_sets s ON s.id = k.set_id
			WHERE k.sealed IS NOT NULL AND (s.saved_at IS NOT NULL OR s.generated_at <= $1)
			LIMIT $2 FOR UPDATE OF k SKIP LOCKED)`, db.Now().Add(-unsavedFor), sweepBatch))
	if err != nil {
		return 0, fmt.Errorf("sweep sealed recovery keys: %w", err)
	}
	return n, nil
}
