package sso

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/pg"
)

// Identity is whom a provider knows a user as. Issuer and subject alone say
// who it is; an address may change hands.
type Identity struct {
	ID         uuid.UUID
	User       uuid.UUID
	Issuer     string
	Email      string // as the provider said it at linking
	LinkedAt   time.Time
	LastUsedAt *time.Time
}

// ErrLinked means that this identity is somebody's, or that the user has one of
// this provider.
var ErrLinked = errors.New("identity or provider is linked already")

// OwnerOf finds whose identity this is; ok is false where it is nobody's.
func OwnerOf(ctx context.Context, q pg.Q, issuer, subject string) (user uuid.UUID, ok bool, err error) {
	err = q.GetContext(ctx, &user, `
		SELECT user_id FROM sso_identities WHERE issuer = $1 AND subject = $2`, issuer, subject)
	if errors.Is(err, pg.ErrNoRows) {
		return uuid.Nil, false, nil
	}
	if err != nil {
		return uuid.Nil, false, fmt.Errorf("find identity: %w", err)
	}
	return user, true, nil
}

// UseTx notes a use of an identity that is still the user's. The caller holds
// the user's guard; what was read before may be unlinked by now.
func UseTx(ctx context.Context, tx *pg.Tx, user uuid.UUID, issuer, subject string) (bool, error) {
	n, err := pg.Affected(tx.ExecContext(ctx, `
		UPDATE sso_identities SET last_used_at = $4
		WHERE issuer = $1 AND subject = $2 AND user_id = $3`, issuer, subject, user, tx.Now))
	if err != nil {
		return false, fmt.Errorf("note use of identity: %w", err)
	}
	return n == 1, nil
}

// LinkTx makes an identity a user's, or gives ErrLinked: who has it is decided
// by the constraint.
func LinkTx(ctx context.Context, tx *pg.Tx, user uuid.UUID, p Proof) error {
	id := pg.NewID()
	n, err := pg.Affected(tx.ExecContext(ctx, `
		INSERT INTO sso_identities (id, user_id, issuer, subject, email, linked_at)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`, id, user, p.Issuer, p.Subject, p.Email, tx.Now))
	if err != nil {
		return fmt.Errorf("link identity: %w", err)
	}
	if n == 0 {
		return ErrLinked
	}
	return nil
}

type identityRow struct {
	ID         uuid.UUID    `db:"id"`
	User       uuid.UUID    `db:"user_id"`
	Issuer     string       `db:"issuer"`
	Email      string       `db:"email"`
	LinkedAt   time.Time    `db:"linked_at"`
	LastUsedAt sql.NullTime `db:"last_used_at"`
}

func (r identityRow) identity() Identity {
	i := Identity{ID: r.ID, User: r.User, Issuer: r.Issuer, Email: r.Email, LinkedAt: r.LinkedAt.UTC()}
	if r.LastUsedAt.Valid {
		at := r.LastUsedAt.Time.UTC()
		i.LastUsedAt = &at
	}
	return i
}

// Of lists a user's identities, oldest first.
func Of(ctx context.Context, q pg.Q, user uuid.UUID) ([]Identity, error) {
	var rows []identityRow
	err := q.SelectContext(ctx, &rows, `
		SELECT id, user_id, issuer, email, linked_at, last_used_at
		FROM sso_identities WHERE user_id = $1 ORDER BY linked_at, id`, user)
	if err != nil {
		return nil, fmt.Errorf("list identities: %w", err)
	}
	out := make([]Identity, len(rows))
	for i, r := range rows {
		out[i] = r.identity()
	}
	return out, nil
}

// UnlinkTx removes one identity of a user; found is false for anyone else's.
func UnlinkTx(ctx context.Context, tx *pg.Tx, user, id uuid.UUID) (found bool, err error) {
	n, err := pg.Affected(tx.ExecContext(ctx, `DELETE FROM sso_identities WHERE id = $1 AND user_id = $2`, id, user))
	if err != nil {
		return false, fmt.Errorf("unlink identity: %w", err)
	}
	return n == 1, nil
}

// EndSinceTx removes a user's identities that were linked at an instant or
// later; the zero instant removes all.
func EndSinceTx(ctx context.Context, tx *pg.Tx, user uuid.UUID, since time.Time) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM sso_identities WHERE user_id = $1 AND linked_at >= $2`, user, since)
	if err != nil {
		return fmt.Errorf("end identities: %w", err)
	}
	return nil
}

const sweepBatch = 1000

// Sweep removes notes of returns whose round trips are over by their own date.
// It only makes room: one bounded batch.
func Sweep(ctx context.Context, db *pg.DB) (int64, error) {
	n, err := pg.Affected(db.ExecContext(ctx, `
		DELETE FROM sso_returns WHERE id IN (
			SELECT id FROM sso_returns WHERE at <= $1 LIMIT $2 FOR UPDATE SKIP LOCKED)`, db.Now().Add(-2*TripLife), sweepBatch))
	if err != nil {
		return 0, fmt.Errorf("sweep returns from providers: %w", err)
	}
	return n, nil
}
