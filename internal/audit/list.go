package audit

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/pg"
)

// Line is an event as it was written.
type Line struct {
	ID        int64
	At        time.Time
	Action    string
	ActorKind Kind
	ActorID   uuid.UUID // zero: none
	Subject   uuid.UUID
	Address   string
	Device    string
	Data      json.RawMessage
}

type lineRow struct {
	ID        int64         `db:"id"`
	At        time.Time     `db:"at"`
	Action    string        `db:"action"`
	ActorKind Kind          `db:"actor_kind"`
	ActorID   uuid.NullUUID `db:"actor_id"`
	Subject   uuid.NullUUID `db:"subject_id"`
	Address   string        `db:"address"`
	Device    string        `db:"device"`
	Data      []byte        `db:"data"`
}

func (r lineRow) line() Line {
	return Line{r.ID, r.At.UTC(), r.Action, r.ActorKind, r.ActorID.UUID, r.Subject.UUID, r.Address, r.Device, r.Data}
}

// Of lists the events about a user, newest first: at most limit of those
// before the given id; 0 starts at the newest.
func Of(ctx context.Context, q pg.Q, user uuid.UUID, before int64, limit int) ([]Line, error) {
	var rows []lineRow
	err := q.SelectContext(ctx, &rows, `
		SELECT id, at, action, actor_kind, actor_id, subject_id, address, device, data
		FROM events WHERE subject_id = $1 AND ($2::bigint IS NULL OR id < $2)
		ORDER BY id DESC LIMIT $3`, user, sql.NullInt64{Int64: before, Valid: before > 0}, limit)
	if err != nil {
		return nil, fmt.Errorf("list events: %w", err)
	}
	out := make([]Line, len(rows))
	for i, r := range rows {
		out[i] = r.line()
	}
	return out, nil
}

// ByID reads one event; its instant finds the partition.
func ByID(ctx context.Context, q pg.Q, id int64, at time.Time) (Line, error) {
	var r lineRow
	err := q.GetContext(ctx, &r, `
		SELECT id, at, action, actor_kind, actor_id, subject_id, address, device, data
		FROM events WHERE id = $1 AND at = $2`, id, at)
	if err != nil {
		return Line{}, fmt.Errorf("read event: %w", err)
	}
	return r.line(), nil
}

// SeenTx says whether an action was ever recorded for a user, and whether it
// was since an instant from this address and device.
func SeenTx(ctx context.Context, tx *pg.Tx, user uuid.UUID, action string, by Actor, since time.Time) (ever, here bool, err error) {
	var row struct {
		Ever bool `db:"ever"`
		Here bool `db:"here"`
	}
	err = tx.GetContext(ctx, &row, `
		SELECT EXISTS (SELECT FROM events WHERE subject_id = $1 AND action = $2) AS ever,
		       EXISTS (SELECT FROM events WHERE subject_id = $1 AND action = $2 AND at > $3
		               AND address = $4 AND device = $5) AS here`, user, action, since, by.Address, by.Device)
	if err != nil {
		return false, false, fmt.Errorf("look for events: %w", err)
	}
	return row.Ever, row.Here, nil
}

// Happened reports whether an action was ever written down about a user.
func Happened(ctx context.Context, q pg.Q, user uuid.UUID, action string) (bool, error) {
	var found bool
	err := q.GetContext(ctx, &found, `
		SELECT EXISTS (SELECT FROM events WHERE subject_id = $1 AND action = $2)`, user, action)
	if err != nil {
		return false, fmt.Errorf("look for event %s: %w", action, err)
	}
	return found, nil
}
