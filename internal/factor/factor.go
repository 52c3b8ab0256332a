// Package factor keeps second factors: methods that are on, enrolments that
// are not proved yet, mailed codes and recovery keys.
//
// A code works once (invariant 2): every use is one conditional write whose
// row count is the verdict. A code fits one lock (invariant 3): digests name
// the purpose and the holder. Nothing is on before it is proved (invariant 8).
package factor

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/guard"
	"latchkey/internal/mail"
	"latchkey/internal/pg"
	"latchkey/internal/seal"
)

// Kind is a method that gives codes.
type Kind string

const (
	Email Kind = "email"
	App   Kind = "app"
	// RecoveryKey is no method, but verifies like one.
	RecoveryKey Kind = "recovery_key"
)

const (
	maxApps    = 3
	appsBehind = 1 // time-steps that a code may be old
)

// Outcome is what became of a code.
type Outcome int

const (
	Wrong   Outcome = iota
	Right           // spent by this write
	Used            // right, but spent before: charged like a wrong one
	Expired         // right, but too late: charged nothing, since it opens nothing
	Typo            // a recovery key whose check symbol fails: charged nothing
)

// Method is a second factor that is on.
type Method struct {
	ID         uuid.UUID
	Kind       Kind
	Name       string
	EnabledAt  time.Time
	LastUsedAt *time.Time
}

// Store keeps the factors of all users.
type Store struct {
	Limits *guard.Limits // of mails per client address; nil: none

	keys   *seal.Keys
	outbox *mail.Outbox
}

// NewStore makes a store over the keysets and the outbox.
func NewStore(keys *seal.Keys, outbox *mail.Outbox) *Store { return &Store{keys: keys, outbox: outbox} }

// Methods lists what a user has on, apps first, oldest first.
func Methods(ctx context.Context, q pg.Q, user uuid.UUID) ([]Method, error) {
	var rows []struct {
		ID         uuid.UUID    `db:"id"`
		Kind       Kind         `db:"kind"`
		Name       string       `db:"name"`
		EnabledAt  time.Time    `db:"enabled_at"`
		LastUsedAt sql.NullTime `db:"last_used_at"`
	}
	err := q.SelectContext(ctx, &rows, `
		SELECT id, kind, name, enabled_at, last_used_at
		FROM methods WHERE user_id = $1 ORDER BY kind, enabled_at, id`, user)
	if err != nil {
		return nil, fmt.Errorf("list methods: %w", err)
	}
	out := make([]Method, len(rows))
	for i, r := range rows {
		out[i] = Method{r.ID, r.Kind, r.Name, r.EnabledAt.UTC(), instant(r.LastUsedAt)}
	}
	return out, nil
}

// Has reports whether one of the methods is of the kind.
func Has(all []Method, k Kind) bool {
	for _, m := range all {
		if m.Kind == k {
			return true
		}
	}
	return false
}

// RemoveTx turns off methods of a user; anyone else's stay.
func RemoveTx(ctx context.Context, tx *pg.Tx, user uuid.UUID, ids ...uuid.UUID) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM methods WHERE user_id = $1 AND id = ANY($2::uuid[])`, user, pg.Array(ids))
	if err != nil {
		return fmt.Errorf("turn off methods: %w", err)
	}
	return nil
}

// SinceTx says since when the method exists that was just spent in this
// transaction, or the recovery keys do; nil where there is none.
func SinceTx(ctx context.Context, tx *pg.Tx, user uuid.UUID, k Kind) (*time.Time, error) {
	var at sql.NullTime
	err := tx.GetContext(ctx, &at, `
		SELECT CASE WHEN $2 = 'recovery_key'
			THEN (SELECT generated_at FROM recovery_sets WHERE user_id = $1 AND replaced_at IS NULL)
			ELSE (SELECT max(enabled_at) FROM methods
			      WHERE user_id = $1 AND kind = $2 AND (kind = 'email' OR last_used_at = $3)) END`,
		user, string(k), tx.Now)
	if err != nil {
		return nil, fmt.Errorf("read age of method: %w", err)
	}
	return instant(at), nil
}

func instant(t sql.NullTime) *time.Time {
	if !t.Valid {
		return nil
	}
	at := t.Time.UTC()
	return &at
}
