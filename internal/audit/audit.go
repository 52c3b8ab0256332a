// Package audit writes down who did what to whom: append-only events, in the
// transaction of the change that they describe. What endpoints asked to hear of
// is queued for them in the same statement.
package audit

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"latchkey/internal/pg"
)

// Kind says what sort of actor did something.
type Kind string

const (
	Anonymous Kind = "anonymous" // nobody has signed in yet
	User      Kind = "user"
	Admin     Kind = "admin" // role admin or support, acting on someone else
	Host      Kind = "host"  // the command line on the machine itself
	System    Kind = "system"
)

// Actor is who asks for something, and from where. Every flow takes one, so
// that none can be called without saying who.
type Actor struct {
	Kind    Kind
	ID      uuid.UUID // zero unless User or Admin
	Address string    // client IP, empty for host and system
	Device  string    // "Firefox on Windows", as said by the client: never trusted
	Browser uuid.UUID // browser proved by a signed cookie, zero for the API
}

// Event is one change, in words that a machine can filter by.
type Event struct {
	Action  string    // "method_on", "sign_in", …
	Subject uuid.UUID // the user it is about, zero if none
	Data    map[string]any

	Webhook uuid.UUID // told whatever it asked for: an admin tries it; zero: none
}

// RecordTx appends an event in the caller's transaction: change and event
// commit together or not at all (invariant 5).
func RecordTx(ctx context.Context, tx *pg.Tx, by Actor, e Event) error {
	data := []byte("{}")
	if len(e.Data) > 0 {
		var err error
		if data, err = json.Marshal(e.Data); err != nil {
			return fmt.Errorf("encode event %s: %w", e.Action, err)
		}
	}
	if e.told() {
		return recordAndTellTx(ctx, tx, by, e, string(data))
	}
	_, err := tx.ExecContext(ctx, `
		INSERT INTO events (at, action, actor_kind, actor_id, subject_id, address, device, data)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		tx.Now, e.Action, by.Kind, null(by.ID), null(e.Subject), by.Address, by.Device, string(data))
	if err != nil {
		return fmt.Errorf("record %s: %w", e.Action, err)
	}
	return nil
}

func null(id uuid.UUID) uuid.NullUUID { return uuid.NullUUID{UUID: id, Valid: id != uuid.Nil} }
