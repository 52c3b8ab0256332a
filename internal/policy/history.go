package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/pg"
)

// Change is one rule that differs between two versions, in the contract's words.
type Change struct {
	Field    string
	From, To any
}

// Diff lists what differs, in the order of the contract.
func Diff(from, to Rules) []Change {
	var out []Change
	for _, f := range Fields() {
		a, b := f.Value(from), f.Value(to)
		if a != b {
			out = append(out, Change{f.Name, a, b})
		}
	}
	return out
}

// Version is a policy of the past and what it changed; the first changed
// nothing.
type Version struct {
	Policy
	Changes []Change
}

// History lists versions below one, newest first; 0 begins at the newest.
func History(ctx context.Context, q pg.Q, before, limit int) ([]Version, error) {
	var rows []row
	err := q.SelectContext(ctx, &rows, `
		SELECT version, rules, saved_at, saved_by FROM policies
		WHERE $1 = 0 OR version < $1 ORDER BY version DESC LIMIT $2`, before, limit+1)
	if err != nil {
		return nil, fmt.Errorf("list policies: %w", err)
	}
	out := make([]Version, 0, len(rows))
	for i, r := range rows {
		p, err := r.policy()
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out[i-1].Changes = Diff(p.Rules, out[i-1].Rules)
		}
		out = append(out, Version{Policy: p})
	}
	return out[:min(len(out), limit)], nil
}

type row struct {
	Version int           `db:"version"`
	Rules   []byte        `db:"rules"`
	SavedAt time.Time     `db:"saved_at"`
	SavedBy uuid.NullUUID `db:"saved_by"`
}

func (r row) policy() (Policy, error) {
	rules := rulesRow(Compatible.Rules())
	if err := json.Unmarshal(r.Rules, &rules); err != nil {
		return Policy{}, fmt.Errorf("read policy %d: %w", r.Version, err)
	}
	p := Policy{Rules: Rules(rules), Version: r.Version, SavedAt: r.SavedAt.UTC()}
	if r.SavedBy.Valid {
		p.SavedBy = r.SavedBy.UUID.String()
	}
	return p, nil
}

// LockTx orders saves of the policy: of two that read one version, the second
// finds it moved on. It is taken before any guard.
func LockTx(ctx context.Context, tx *pg.Tx) error {
	if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtext('latchkey.policy'))`); err != nil {
		return fmt.Errorf("lock policy: %w", err)
	}
	return nil
}

// DeadlinesDueTx notes that everyone's deadline under a version, and under the
// one before it, is still to be stored.
func DeadlinesDueTx(ctx context.Context, tx *pg.Tx, version int) error {
	if _, err := tx.ExecContext(ctx, `UPDATE policies SET deadlines_due = true WHERE version >= $1 - 1 AND version <= $1`, version); err != nil {
		return fmt.Errorf("note due deadlines: %w", err)
	}
	return nil
}

// DeadlinesDue lists the versions whose deadlines are still to be stored,
// oldest first, each with the instant at which the next one was saved (zero:
// it is in force).
func DeadlinesDue(ctx context.Context, q pg.Q) ([]Policy, []time.Time, error) {
	var rows []struct {
		row
		Next *time.Time `db:"next"`
	}
	err := q.SelectContext(ctx, &rows, `
		SELECT p.version, p.rules, p.saved_at, p.saved_by, n.saved_at AS next
		FROM policies p LEFT JOIN policies n ON n.version = p.version + 1
		WHERE p.deadlines_due ORDER BY p.version`)
	if err != nil {
		return nil, nil, fmt.Errorf("list due deadlines: %w", err)
	}
	policies, until := make([]Policy, len(rows)), make([]time.Time, len(rows))
	for i, r := range rows {
		if policies[i], err = r.policy(); err != nil {
			return nil, nil, err
		}
		if r.Next != nil {
			until[i] = r.Next.UTC()
		}
	}
	return policies, until, nil
}

// DeadlinesStored notes that a version's deadlines are stored.
func DeadlinesStored(ctx context.Context, q pg.Q, version int) error {
	if _, err := q.ExecContext(ctx, `UPDATE policies SET deadlines_due = false WHERE version = $1`, version); err != nil {
		return fmt.Errorf("note stored deadlines: %w", err)
	}
	return nil
}
