package audit

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/pg"
)

// Filter chooses events; empty fields choose all.
type Filter struct {
	Actor   uuid.UUID
	Kind    Kind // of the actor
	Subject uuid.UUID
	Action  string
	From    time.Time // this instant or later
	To      time.Time // before this instant
}

// Search lists events, newest first: at most limit of those before the given
// id; 0 starts at the newest.
func Search(ctx context.Context, q pg.Q, f Filter, before int64, limit int) ([]Line, error) {
	var rows []lineRow
	err := q.SelectContext(ctx, &rows, `
		SELECT id, at, action, actor_kind, actor_id, subject_id, address, device, data
		FROM events
		WHERE ($1::uuid IS NULL OR actor_id = $1)
		  AND ($2 = '' OR actor_kind = $2)
		  AND ($3::uuid IS NULL OR subject_id = $3)
		  AND ($4 = '' OR action = $4)
		  AND ($5::timestamptz IS NULL OR at >= $5)
		  AND ($6::timestamptz IS NULL OR at < $6)
		  AND ($7::bigint IS NULL OR id < $7)
		ORDER BY id DESC LIMIT $8`,
		null(f.Actor), string(f.Kind), null(f.Subject), f.Action, someTime(f.From), someTime(f.To),
		sql.NullInt64{Int64: before, Valid: before > 0}, limit)
	if err != nil {
		return nil, fmt.Errorf("search events: %w", err)
	}
	out := make([]Line, len(rows))
	for i, r := range rows {
		out[i] = r.line()
	}
	return out, nil
}

func someTime(t time.Time) sql.NullTime { return sql.NullTime{Time: t, Valid: !t.IsZero()} }

const exportedAtOnce = 1000

// Export gives all events of a filter, newest first, a batch at a time: memory
// stays flat and no statement or transaction is long, however many there are.
// Events that come meanwhile are not part of it.
func Export(ctx context.Context, q pg.Q, f Filter, each func([]Line) error) error {
	for before := int64(0); ; {
		batch, err := Search(ctx, q, f, before, exportedAtOnce)
		if err != nil {
			return err
		}
		if err := each(batch); err != nil {
			return err
		}
		if len(batch) < exportedAtOnce {
			return nil
		}
		before = batch[len(batch)-1].ID
	}
}

// Ever reports whether an action was ever written down, about anyone.
func Ever(ctx context.Context, q pg.Q, action string) (bool, error) {
	var yes bool
	if err := q.GetContext(ctx, &yes, `SELECT EXISTS (SELECT FROM events WHERE action = $1)`, action); err != nil {
		return false, fmt.Errorf("look for %s: %w", action, err)
	}
	return yes, nil
}

// Count says how often each of some actions was written down since an instant.
func Count(ctx context.Context, q pg.Q, actions []string, since time.Time) (map[string]int, error) {
	var rows []struct {
		Action string `db:"action"`
		Count  int    `db:"count"`
	}
	err := q.SelectContext(ctx, &rows, `
		SELECT action, count(*) AS count FROM events WHERE at > $2 AND action = ANY($1) GROUP BY action`,
		pg.Array(actions), since)
	if err != nil {
		return nil, fmt.Errorf("count events: %w", err)
	}
	out := map[string]int{}
	for _, a := range actions {
		out[a] = 0
	}
	for _, r := range rows {
		out[r.Action] = r.Count
	}
	return out, nil
}
