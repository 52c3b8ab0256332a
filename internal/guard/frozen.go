package guard

import (
	"context"
	"fmt"
	"time"

	"latchkey/internal/pg"
)

// Meter is a meter of wrong codes as it is kept, for those who read many.
type Meter struct {
	Failures pg.Times
	Until    *time.Time
	Forever  bool // until the password changes
}

// FrozenUntil says until when the meter lets no code be judged; nil: it does.
func (m Meter) FrozenUntil(now time.Time) *time.Time {
	if wait := (budget(m)).wait(now); wait > 0 {
		until := now.Add(wait)
		return &until
	}
	return nil
}

// ForgetPasswordsTx empties the shared meter of wrong passwords of an address:
// whoever flooded it no longer delays its owner.
func ForgetPasswordsTx(ctx context.Context, tx *pg.Tx, digests ...[]byte) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM password_meters WHERE address_digest = ANY($1)`, pg.Array(digests)); err != nil {
		return fmt.Errorf("forget wrong passwords: %w", err)
	}
	return nil
}
