package webhook

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/pg"
)

// Item is a delivery as admins see it.
type Item struct {
	ID        uuid.UUID
	Event     int64
	Kind      string
	State     State
	Attempts  int
	Outcome   Outcome // of the last attempt; empty: there was none
	Status    int     // of the last answer; 0: there was none
	Answer    string
	DueAt     time.Time // the next attempt, while it is queued
	CreatedAt time.Time
	EndedAt   *time.Time
}

type itemRow struct {
	ID        uuid.UUID      `db:"id"`
	Event     int64          `db:"event_id"`
	Kind      string         `db:"kind"`
	State     State          `db:"state"`
	Attempts  int            `db:"attempts"`
	Outcome   sql.NullString `db:"outcome"`
	Status    sql.NullInt32  `db:"status"`
	Answer    sql.NullString `db:"answer"`
	DueAt     time.Time      `db:"due_at"`
	CreatedAt time.Time      `db:"created_at"`
	EndedAt   *time.Time     `db:"ended_at"`
}

func (r itemRow) item() Item {
	return Item{
		r.ID, r.Event, r.Kind, r.State, r.Attempts, Outcome(r.Outcome.String), int(r.Status.Int32), r.Answer.String,
		r.DueAt.UTC(), r.CreatedAt.UTC(), r.EndedAt,
	}
}

// Listing chooses deliveries of an endpoint.
type Listing struct {
	Webhook uuid.UUID
	State   State      // empty: all
	Before  *time.Time // keyset: made before, or then and with a smaller id
	Beside  uuid.UUID
	Limit   int
}

// Deliveries gives those of an endpoint, newest first.
func Deliveries(ctx context.Context, q pg.Q, l Listing) ([]Item, error) {
	var rows []itemRow
	err := q.SelectContext(ctx, &rows, `
		SELECT id, event_id, kind, state, attempts, outcome, status, answer, due_at, created_at, ended_at
		FROM webhook_deliveries
		WHERE webhook_id = $1 AND ($2 = '' OR state = $2)
		  AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4::uuid))
		ORDER BY created_at DESC, id DESC LIMIT $5`, l.Webhook, string(l.State), l.Before, l.Beside, l.Limit)
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	out := make([]Item, len(rows))
	for i, r := range rows {
		out[i] = r.item()
	}
	return out, nil
}

// AgainTx sends a delivery again, with all its attempts ahead of it, whatever
// became of it; the message keeps its id. One that a worker is sending now is
// left to that worker.
func AgainTx(ctx context.Context, tx *pg.Tx, webhook, id uuid.UUID) (Item, error) {
	var r itemRow
	err := tx.GetContext(ctx, &r, `
		UPDATE webhook_deliveries
		SET state = 'queued', attempts = 0, ended_at = NULL, expires_at = $4,
		    lease = CASE WHEN due_at > $3 THEN lease END,
		    due_at = CASE WHEN lease IS NULL OR due_at <= $3 THEN $3 ELSE due_at END
		WHERE id = $1 AND webhook_id = $2
		RETURNING id, event_id, kind, state, attempts, outcome, status, answer, due_at, created_at, ended_at`,
		id, webhook, tx.Now, tx.Now.Add(Lifetime))
	if errors.Is(err, pg.ErrNoRows) {
		return Item{}, ErrNone
	}
	if err != nil {
		return Item{}, fmt.Errorf("send again: %w", err)
	}
	return r.item(), nil
}
