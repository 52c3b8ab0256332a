package factor

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"latchkey/internal/pg"
)

func secretRow(user, row uuid.UUID) []string { return []string{"app", user.String(), row.String()} }

// SpendAppTx tries a canonical code against all apps of the user. ahead is how
// many time-steps a phone's clock may run before ours (0 or 1).
func (s *Store) SpendAppTx(ctx context.Context, tx *pg.Tx, user uuid.UUID, code string, ahead int) (Outcome, error) {
	if !IsCode(code) {
		return Wrong, nil
	}
	var apps []struct {
		ID     uuid.UUID `db:"id"`
		Secret []byte    `db:"secret"`
	}
	err := tx.SelectContext(ctx, &apps, `SELECT id, secret FROM methods WHERE user_id = $1 AND kind = 'app'`, user)
	if err != nil {
		return Wrong, fmt.Errorf("read apps: %w", err)
	}
	verdict := Wrong
	for _, app := range apps {
		secret, err := s.keys.AppSecrets.Open(app.Secret, secretRow(user, app.ID)...)
		if err != nil {
			return Wrong, fmt.Errorf("open app secret: %w", err)
		}
		step, ok := MatchStep(string(secret), code, tx.Now, appsBehind, int64(ahead))
		if !ok {
			continue
		}
		spent, err := spendStep(ctx, tx, app.ID, step)
		if err != nil {
			return Wrong, err
		}
		if spent {
			return Right, nil
		}
		verdict = Used
	}
	return verdict, nil
}

// spendStep moves the high-water mark forward (RFC 6238 section 5.2). Of two
// requests with one code Postgres lets one change the row; the other finds
// nothing left to change.
func spendStep(ctx context.Context, tx *pg.Tx, method uuid.UUID, s Step) (bool, error) {
	n, err := pg.Affected(tx.ExecContext(ctx, `
		UPDATE methods SET last_step = $2, last_used_at = $3
		WHERE id = $1 AND last_step < $2 -- a race is decided here`, method, int64(s), tx.Now))
	if err != nil {
		return false, fmt.Errorf("spend app step: %w", err)
	}
	return n == 1, nil
}
