package factor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/pg"
)

// RecoveryPass is no method either: what an admin gives to somebody who is
// locked out. It opens an enrolment and nothing else.
const RecoveryPass Kind = "recovery_pass"

const passLife = time.Hour

// passDigest names the pass apart from a recovery key, which looks alike.
func passDigest(user uuid.UUID, canonical string) []string {
	return []string{"recovery_pass", user.String(), canonical}
}

// MakePassTx makes a pass, which exists nowhere else, and ends the ones before.
func (s *Store) MakePassTx(ctx context.Context, tx *pg.Tx, user, by uuid.UUID) (pass string, until time.Time, err error) {
	if err := endPassesTx(ctx, tx, user); err != nil {
		return "", until, err
	}
	pass, until = newRecoveryKey(), tx.Now.Add(passLife)
	canonical, _ := CanonicalRecoveryKey(pass)
	return pass, until, keepPassTx(ctx, tx, user, by, s.keys.RecoveryKeys.Digest(passDigest(user, canonical)...), until)
}

// AskPassTx asks for a pass that a second admin has to approve; asking again
// begins anew.
func AskPassTx(ctx context.Context, tx *pg.Tx, user, by uuid.UUID) error {
	if err := endPassesTx(ctx, tx, user); err != nil {
		return err
	}
	return keepPassTx(ctx, tx, user, by, nil, tx.Now.Add(passLife))
}

// PassAsked says whether a pass waits for approval, and who asked for it (zero:
// the host).
func PassAsked(ctx context.Context, q pg.Q, user uuid.UUID, now time.Time) (by uuid.UUID, asked bool, err error) {
	var who uuid.NullUUID
	err = q.GetContext(ctx, &who, `
		SELECT asked_by FROM recovery_passes
		WHERE user_id = $1 AND digest IS NULL AND used_at IS NULL AND expires_at > $2
		ORDER BY created_at DESC LIMIT 1`, user, now)
	if errors.Is(err, pg.ErrNoRows) {
		return uuid.Nil, false, nil
	}
	if err != nil {
		return uuid.Nil, false, fmt.Errorf("find recovery pass: %w", err)
	}
	return who.UUID, true, nil
}

func keepPassTx(ctx context.Context, tx *pg.Tx, user, by uuid.UUID, digest []byte, until time.Time) error {
	id := pg.NewID()
	_, err := tx.ExecContext(ctx, `
		INSERT INTO recovery_passes (id, user_id, asked_by, digest, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6)`,
		id, user, uuid.NullUUID{UUID: by, Valid: by != uuid.Nil}, digest, tx.Now, until)
	if err != nil {
		return fmt.Errorf("make recovery pass: %w", err)
	}
	return nil
}

func endPassesTx(ctx context.Context, tx *pg.Tx, user uuid.UUID) error {
	_, err := tx.ExecContext(ctx, `
		UPDATE recovery_passes SET used_at = $2 WHERE user_id = $1 AND used_at IS NULL`, user, tx.Now)
	if err != nil {
		return fmt.Errorf("end recovery passes: %w", err)
	}
	return nil
}

// SpendPassTx tries a pass as it was typed. The caller holds the user's guard
// and charges the outcome there.
func (s *Store) SpendPassTx(ctx context.Context, tx *pg.Tx, user uuid.UUID, typed string) (Outcome, error) {
	canonical, ok := CanonicalRecoveryKey(typed)
	if !ok {
		return Typo, nil
	}
	digests := s.keys.RecoveryKeys.All(passDigest(user, canonical)...)
	n, err := pg.Affected(tx.ExecContext(ctx, `
		UPDATE recovery_passes SET used_at = $3
		WHERE user_id = $1 AND digest = ANY($2) AND used_at IS NULL AND expires_at > $3 -- a race is decided here`,
		user, pg.Array(digests), tx.Now))
	if err != nil {
		return Wrong, fmt.Errorf("spend recovery pass: %w", err)
	}
	if n == 1 {
		return Right, nil
	}
	var used bool
	err = tx.GetContext(ctx, &used, `
		SELECT used_at IS NOT NULL FROM recovery_passes WHERE user_id = $1 AND digest = ANY($2)`, user, pg.Array(digests))
	switch {
	case errors.Is(err, pg.ErrNoRows):
		return Wrong, nil
	case err != nil:
		return Wrong, fmt.Errorf("look for recovery pass: %w", err)
	case used:
		return Used, nil
	}
	return Expired, nil
}
