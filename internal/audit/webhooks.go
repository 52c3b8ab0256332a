package audit

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"latchkey/internal/pg"
	"latchkey/internal/webhook"
)

// recordAndTellTx appends an event that endpoints may ask for, and a delivery
// for each that did: one statement over the tables of two owners, so that
// either both are there or none, and no endpoint has to be looked for before.
//
// The lock is what a foreign key takes anyway. Taken while they are chosen, it
// lets an endpoint that is being deleted drop out, where the foreign key would
// fail, and with it the change that the event is about.
func recordAndTellTx(ctx context.Context, tx *pg.Tx, by Actor, e Event, data string) error {
	_, err := tx.ExecContext(ctx, `
		WITH event AS (
			INSERT INTO events (at, action, actor_kind, actor_id, subject_id, address, device, data)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			RETURNING id, at, action
		)
		INSERT INTO webhook_deliveries (webhook_id, event_id, event_at, kind, due_at, created_at, expires_at)
		SELECT w.id, event.id, event.at, event.action, event.at, event.at, $9
		FROM event CROSS JOIN webhooks w
		WHERE w.enabled AND ($2 = ANY(w.kinds) OR w.id = $10)
		FOR KEY SHARE OF w`,
		tx.Now, e.Action, by.Kind, null(by.ID), null(e.Subject), by.Address, by.Device, data,
		tx.Now.Add(webhook.Lifetime), null(e.Webhook))
	if err != nil {
		return fmt.Errorf("record %s: %w", e.Action, err)
	}
	return nil
}

// told reports whether an event may have anybody to hear of it.
func (e Event) told() bool { return e.Webhook != uuid.Nil || webhook.Offered(e.Action) }
