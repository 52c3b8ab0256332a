package guard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/fault"
	"latchkey/internal/pg"
)

// PasswordMeter counts wrong passwords for one address, whether it has an
// account or not, so that a missing account answers alike.
type PasswordMeter struct {
	Digest  []byte    // of the canonical address
	Older   [][]byte  // the same under other enabled keys: promoting a key forgets no guess
	User    uuid.UUID // zero: no such account
	Browser uuid.UUID // proved by the caller's cookie; zero: none

	// Whoever guesses from one address at many accounts has a budget too; a
	// known browser neither counts on it nor is refused by it.
	Limits  *Limits
	Address string
}

// Look reads the meter without a lock, before a password is hashed: it only
// spares work. The judgement is JudgeTx's.
func (m PasswordMeter) Look(ctx context.Context, q pg.Q, now time.Time) error {
	failures, known, err := m.read(ctx, q, "")
	if err != nil {
		return err
	}
	if err := refusal(failures, known, now); err != nil || known {
		return err
	}
	return m.Limits.PasswordLook(ctx, q, m.Address, now)
}

// JudgeTx locks the meter, refuses when the budget is gone (right or wrong,
// charging nothing), and charges a wrong password. The caller commits before
// it tells. A right password is not delayed by others that ran beside it.
func (m PasswordMeter) JudgeTx(ctx context.Context, tx *pg.Tx, right bool) error {
	if !right {
		// Make the row, so that there is something to lock.
		if err := m.ensureTx(ctx, tx); err != nil {
			return err
		}
	}
	failures, known, err := m.read(ctx, tx, " FOR UPDATE")
	if err != nil {
		return err
	}
	if err := refusal(failures, known, tx.Now); err != nil {
		return err
	}
	switch {
	case right && known:
		return nil
	case right:
		return m.Limits.PasswordLook(ctx, tx, m.Address, tx.Now)
	case !known:
		if err := m.Limits.WrongPasswordTx(ctx, tx, m.Address); err != nil {
			return err
		}
	}
	failures = append(since(failures, tx.Now.Add(-24*time.Hour)), tx.Now)
	if known {
		_, err = tx.ExecContext(ctx, `
			UPDATE known_browsers SET password_failures = $3 WHERE user_id = $1 AND browser = $2`, m.User, m.Browser, failures)
	} else {
		_, err = tx.ExecContext(ctx, `
			UPDATE password_meters SET failures = $2, updated_at = $3 WHERE address_digest = $1`, m.Digest, failures, tx.Now)
	}
	if err != nil {
		return fmt.Errorf("charge wrong password: %w", err)
	}
	return nil
}

func refusal(failures pg.Times, known bool, now time.Time) error {
	wait := passwordWait(failures, now)
	if known {
		wait = knownPasswordWait(failures, now)
	}
	if wait > 0 {
		return fault.New(fault.TooMany, fault.TooManyAttempts).After(wait)
	}
	return nil
}

func (m PasswordMeter) ensureTx(ctx context.Context, tx *pg.Tx) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO password_meters (address_digest, failures, updated_at)
		VALUES ($1, coalesce((SELECT failures FROM password_meters
		                      WHERE address_digest = ANY($3) -- written under another key
		                      ORDER BY updated_at DESC LIMIT 1), '{}'), $2)
		ON CONFLICT ON CONSTRAINT password_meters_pk
		DO UPDATE SET updated_at = excluded.updated_at -- locked, or a sweep could take it away before it is charged`,
		m.Digest, tx.Now, pg.Array(m.Older))
	if err != nil {
		return fmt.Errorf("make password meter: %w", err)
	}
	return nil
}

// read gives the failures of the meter that counts for this caller.
func (m PasswordMeter) read(ctx context.Context, q pg.Q, lock string) (failures pg.Times, known bool, err error) {
	if m.Browser != uuid.Nil { // asked for a missing account too, or the time would tell
		err = q.GetContext(ctx, &failures, `
			SELECT password_failures FROM known_browsers WHERE user_id = $1 AND browser = $2`+lock, m.User, m.Browser)
		if err == nil {
			return failures, true, nil
		}
		if !errors.Is(err, pg.ErrNoRows) {
			return nil, false, fmt.Errorf("read known browser: %w", err)
		}
	}
	err = q.GetContext(ctx, &failures, `
		SELECT failures FROM password_meters WHERE address_digest = $1 OR address_digest = ANY($2)
		ORDER BY address_digest = $1 DESC, updated_at DESC LIMIT 1`+lock, m.Digest, pg.Array(m.Older))
	if err != nil && !errors.Is(err, pg.ErrNoRows) {
		return nil, false, fmt.Errorf("read password meter: %w", err)
	}
	return failures, false, nil
}

// KnowTx remembers the browser of a finished sign-in.
func KnowTx(ctx context.Context, tx *pg.Tx, user, browser uuid.UUID, device, address string) error {
	_, err := tx.ExecContext(ctx, `
		INSERT INTO known_browsers (user_id, browser, device, address, created_at, last_seen_at)
		VALUES ($1, $2, $3, $4, $5, $5)
		ON CONFLICT ON CONSTRAINT known_browsers_pk
		DO UPDATE SET device = excluded.device, address = excluded.address, last_seen_at = excluded.last_seen_at,
			by_reset = false`,
		user, browser, device, address, tx.Now)
	if err != nil {
		return fmt.Errorf("remember browser: %w", err)
	}
	return nil
}

// KnowByResetTx remembers the browser in which a reset link was followed, so
// that an owner who is locked out gets in. Until a sign-in is finished in it,
// all such browsers are one: the newest takes over what the ones before failed.
func KnowByResetTx(ctx context.Context, tx *pg.Tx, user, browser uuid.UUID, device, address string) error {
	var before struct {
		Failures pg.Times   `db:"failures"`
		Until    *time.Time `db:"until"`
	}
	err := tx.GetContext(ctx, &before, `
		WITH gone AS (
			DELETE FROM known_browsers WHERE user_id = $1 AND by_reset RETURNING code_failures, frozen_until)
		SELECT coalesce((SELECT array_agg(at ORDER BY at) FROM gone CROSS JOIN unnest(code_failures) AS at), '{}') AS failures,
		       (SELECT max(frozen_until) FROM gone) AS until`, user)
	if err != nil {
		return fmt.Errorf("gather browsers of resets: %w", err)
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO known_browsers (user_id, browser, device, address, code_failures, frozen_until, by_reset, created_at, last_seen_at)
		VALUES ($1, $2, $3, $4, $5, $6, true, $7, $7)
		ON CONFLICT ON CONSTRAINT known_browsers_pk DO NOTHING -- known already: its own meter goes on`,
		user, browser, device, address, before.Failures, before.Until, tx.Now)
	if err != nil {
		return fmt.Errorf("remember browser: %w", err)
	}
	return nil
}

// ForgetTx makes every browser of the user unknown again.
func ForgetTx(ctx context.Context, tx *pg.Tx, user uuid.UUID) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM known_browsers WHERE user_id = $1`, user)
	if err != nil {
		return fmt.Errorf("forget browsers: %w", err)
	}
	return nil
}
