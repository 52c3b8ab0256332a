package account

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/google/uuid"

	"latchkey/internal/pg"
)

// SetRoleTx changes what the user may do to others. The caller holds
// LockAdminsTx and has asked LastAdminTx.
func SetRoleTx(ctx context.Context, tx *pg.Tx, id uuid.UUID, r Role) error {
	if _, err := tx.ExecContext(ctx, `UPDATE users SET role = $2 WHERE id = $1`, id, r); err != nil {
		return fmt.Errorf("set role: %w", err)
	}
	return nil
}

// DisableTx keeps the user from signing in. The caller holds LockAdminsTx, has
// asked LastAdminTx, and ends what is signed in.
func DisableTx(ctx context.Context, tx *pg.Tx, id uuid.UUID) error {
	if _, err := tx.ExecContext(ctx, `UPDATE users SET status = 'disabled' WHERE id = $1`, id); err != nil {
		return fmt.Errorf("disable user: %w", err)
	}
	return nil
}

// EnableTx lets a disabled user sign in again. Somebody who never accepted an
// invitation is invited again, not active: nobody has proved anything yet.
func EnableTx(ctx context.Context, tx *pg.Tx, id uuid.UUID) (Status, error) {
	var s Status
	err := tx.GetContext(ctx, &s, `
		UPDATE users
		SET status = CASE WHEN password_hash IS NULL AND NOT ever_verified THEN 'invited' ELSE 'active' END
		WHERE id = $1 RETURNING status`, id)
	if err != nil {
		return "", fmt.Errorf("enable user: %w", err)
	}
	return s, nil
}

// UnverifyTx marks the address as not proved, and as no longer the owner's.
func UnverifyTx(ctx context.Context, tx *pg.Tx, id uuid.UUID) error {
	if _, err := tx.ExecContext(ctx, `UPDATE users SET email_verified_at = NULL, disowned = true WHERE id = $1`, id); err != nil {
		return fmt.Errorf("mark address as not proved: %w", err)
	}
	return nil
}

// NoResetTx ends what a reset demanded without a method: two-factor was turned
// off altogether.
func NoResetTx(ctx context.Context, tx *pg.Tx, id uuid.UUID) error {
	_, err := tx.ExecContext(ctx, `UPDATE users SET reset_at = NULL, preferred_method = NULL WHERE id = $1`, id)
	if err != nil {
		return fmt.Errorf("end reset: %w", err)
	}
	return nil
}

// AcceptTx makes an invited account its owner's: whoever followed the link has
// proved the address. accepted is false when it is not invited (any more).
func AcceptTx(ctx context.Context, tx *pg.Tx, id uuid.UUID, name, hash string) (accepted bool, err error) {
	n, err := pg.Affected(tx.ExecContext(ctx, `
		UPDATE users SET name = $2, password_hash = $3, status = 'active', email_verified_at = $4
		WHERE id = $1 AND status = 'invited' -- a race is decided here`, id, name, hash, tx.Now))
	if err != nil {
		return false, fmt.Errorf("accept invitation: %w", err)
	}
	return n == 1, nil
}

// AnyRequired reports whether an admin or a reset requires two-factor of anyone.
func AnyRequired(ctx context.Context, q pg.Q) (bool, error) {
	var any sql.NullBool
	err := q.GetContext(ctx, &any, `
		SELECT EXISTS (SELECT FROM users WHERE required_from IS NOT NULL OR reset_at IS NOT NULL)`)
	if err != nil {
		return false, fmt.Errorf("look for requirements: %w", err)
	}
	return any.Bool, nil
}
