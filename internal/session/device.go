package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/audit"
	"latchkey/internal/pg"
)

// Device is a browser that may skip the second step, never the password.
type Device struct {
	ID         uuid.UUID
	Device     string
	Address    string
	CreatedAt  time.Time
	LastUsedAt time.Time
	ExpiresAt  time.Time
}

// TrustTx makes a trusted device and gives its token. Its life is absolute:
// use does not lengthen it. The oldest beyond ten ends.
func (s *Store) TrustTx(ctx context.Context, tx *pg.Tx, by audit.Actor, user uuid.UUID, life time.Duration) (string, uuid.UUID, error) {
	token, digest := s.NewToken(DevicePrefix)
	id := pg.NewID()
	_, err := tx.ExecContext(ctx, `
		INSERT INTO trusted_devices (id, user_id, token_digest, device, address, created_at, last_used_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $6, $7)`,
		id, user, digest, by.Device, by.Address, tx.Now, tx.Now.Add(life))
	if err != nil {
		return "", uuid.Nil, fmt.Errorf("trust device: %w", err)
	}
	_, err = tx.ExecContext(ctx, `
		DELETE FROM trusted_devices WHERE id IN (
			SELECT id FROM trusted_devices WHERE user_id = $1 ORDER BY created_at DESC, id DESC OFFSET $2)`,
		user, devicesPerUser)
	if err != nil {
		return "", uuid.Nil, fmt.Errorf("end oldest trusted device: %w", err)
	}
	return token, id, nil
}

// TrustedTx finds the live trusted device of a token, bound to this user, and
// notes its use; uuid.Nil: not trusted. oldest is the earliest creation that
// the policy of today still accepts: a shorter policy works at once.
func (s *Store) TrustedTx(ctx context.Context, tx *pg.Tx, user uuid.UUID, token string, oldest time.Time) (uuid.UUID, error) {
	digests := s.Digests(DevicePrefix, token)
	if digests == nil {
		return uuid.Nil, nil
	}
	var id uuid.UUID
	err := tx.GetContext(ctx, &id, `
		UPDATE trusted_devices SET last_used_at = $3
		WHERE token_digest = ANY($1) AND user_id = $2 AND expires_at > $3 AND created_at > $4
		RETURNING id`, pg.Array(digests), user, tx.Now, oldest)
	if errors.Is(err, pg.ErrNoRows) {
		return uuid.Nil, nil
	}
	if err != nil {
		return uuid.Nil, fmt.Errorf("find trusted device: %w", err)
	}
	return id, nil
}

// Devices lists a user's trusted devices, newest first.
func (s *Store) Devices(ctx context.Context, q pg.Q, user uuid.UUID, now time.Time) ([]Device, error) {
	var rows []struct {
		ID         uuid.UUID `db:"id"`
		Device     string    `db:"device"`
		Address    string    `db:"address"`
		CreatedAt  time.Time `db:"created_at"`
		LastUsedAt time.Time `db:"last_used_at"`
		ExpiresAt  time.Time `db:"expires_at"`
	}
	err := q.SelectContext(ctx, &rows, `
		SELECT id, device, address, created_at, last_used_at, expires_at
		FROM trusted_devices WHERE user_id = $1 AND expires_at > $2
		ORDER BY created_at DESC, id DESC`, user, now)
	if err != nil {
		return nil, fmt.Errorf("list trusted devices: %w", err)
	}
	out := make([]Device, len(rows))
	for i, r := range rows {
		out[i] = Device{r.ID, r.Device, r.Address, r.CreatedAt.UTC(), r.LastUsedAt.UTC(), r.ExpiresAt.UTC()}
	}
	return out, nil
}

// DistrustTx ends one trusted device of a user; found is false for others'.
func (s *Store) DistrustTx(ctx context.Context, tx *pg.Tx, user, id uuid.UUID) (found bool, err error) {
	n, err := pg.Affected(tx.ExecContext(ctx, `DELETE FROM trusted_devices WHERE id = $1 AND user_id = $2`, id, user))
	if err != nil {
		return false, fmt.Errorf("end trusted device: %w", err)
	}
	return n == 1, nil
}

// DistrustAllTx ends every trusted device of a user.
func (s *Store) DistrustAllTx(ctx context.Context, tx *pg.Tx, user uuid.UUID) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM trusted_devices WHERE user_id = $1`, user)
	if err != nil {
		return fmt.Errorf("end trusted devices: %w", err)
	}
	return nil
}
