package audit

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"latchkey/internal/pg"
)

// RecordAllTx appends one event for each of many changes of one kind.
func RecordAllTx(ctx context.Context, tx *pg.Tx, by Actor, all []Event) error {
	var (
		actions, data []string
		subjects      []uuid.NullUUID
	)
	for _, e := range all {
		body, err := json.Marshal(e.Data)
		if err != nil {
			return fmt.Errorf("encode event %s: %w", e.Action, err)
		}
		actions, data, subjects = append(actions, e.Action), append(data, string(body)), append(subjects, null(e.Subject))
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO events (at, action, actor_kind, actor_id, subject_id, address, device, data)
		SELECT $1, e.action, $2, $3, e.subject, $4, $5, e.data
		FROM unnest($6::text[], $7::uuid[], $8::jsonb[]) AS e (action, subject, data)`,
		tx.Now, by.Kind, null(by.ID), by.Address, by.Device, pg.Array(actions), pg.Array(subjects), pg.Array(data))
	if err != nil {
		return fmt.Errorf("record events: %w", err)
	}
	return nil
}
