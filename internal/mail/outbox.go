// Package mail writes and sends the mails of the service.
//
// A flow queues a mail in its own transaction (Outbox); the worker claims it,
// renders it and hands it to an SMTP server (Ledger, Renderer, Sender). What a
// mail says is sealed in its row, bound to the row and to the address that it
// is for, and wiped as soon as the mail is finished, whatever its end.
package mail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/pg"
	"latchkey/internal/seal"
	"latchkey/internal/trace"
)

// Channel is what the relay listens on.
const Channel = "mail"

// lifetime is how long a mail without an expiry of its own may wait for a
// mail server that is down.
const lifetime = 7 * 24 * time.Hour

// Queue says how urgent a mail is.
type Queue string

const (
	Codes   Queue = "codes"   // someone is waiting for it at a screen
	Notices Queue = "notices" // everything else
)

// State says what became of a mail.
type State string

const (
	Queued  State = "queued"
	Sent    State = "sent"    // accepted by the mail server
	Refused State = "refused" // the mail server will never take it
	Expired State = "expired" // it was of no use any more
)

// ErrNoMail is returned for an id that names no mail.
var ErrNoMail = errors.New("no such mail")

// Envelope says whom a mail is for.
type Envelope struct {
	User      uuid.UUID // zero if none
	To        string    // one bare address, already canonical
	Name      string    // how the person is greeted, may be empty
	ExpiresAt time.Time // zero: a week
}

// Delivery is what may be told about a mail.
type Delivery struct {
	State    State
	SentAt   *time.Time
	Attempts int
}

// Outbox writes mails into the transaction of the change that they tell of.
type Outbox struct{ sealer *seal.Sealer }

// NewOutbox makes an outbox that seals with the keyset of purpose mail.
func NewOutbox(s *seal.Sealer) *Outbox { return &Outbox{s} }

// content is what is sealed.
type content struct {
	Name string
	Mail json.RawMessage
}

// QueueTx writes the mail in the caller's transaction and wakes the relay
// after the commit.
func (o *Outbox) QueueTx(ctx context.Context, tx *pg.Tx, e Envelope, m Kind) (uuid.UUID, error) {
	// A second door behind the address policy of package account: a line
	// break here would be a header there.
	if len(e.To) > 254 || !strings.Contains(e.To, "@") || oneLine(e.To) != e.To {
		return uuid.Nil, fmt.Errorf("queue %s: recipient is not a bare address", m.Name())
	}
	if e.ExpiresAt.IsZero() {
		e.ExpiresAt = tx.Now.Add(lifetime)
	}
	id := pg.NewID()
	sealed, err := o.seal(id, e, m)
	if err != nil {
		return uuid.Nil, fmt.Errorf("queue %s: %w", m.Name(), err)
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO mails (id, user_id, kind, recipient, queue, sealed, due_at, created_at, expires_at, request_id, traceparent)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, nullif($9, ''), nullif($10, ''))`,
		id, uuid.NullUUID{UUID: e.User, Valid: e.User != uuid.Nil},
		m.Name(), e.To, string(m.Queue()), sealed, tx.Now, e.ExpiresAt, trace.Request(ctx), trace.Parent(ctx))
	if err != nil {
		return uuid.Nil, fmt.Errorf("queue %s: %w", m.Name(), err)
	}
	tx.Notify(Channel)
	return id, nil
}

func (o *Outbox) seal(id uuid.UUID, e Envelope, m Kind) ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	plain, err := json.Marshal(content{Name: e.Name, Mail: body})
	if err != nil {
		return nil, err
	}
	return o.sealer.Seal(plain, row(id, m.Name(), e.To)...), nil
}

// row names what a sealed mail is bound to. With the address in it, a changed
// recipient column sends no code anywhere: the mail no longer opens. The user
// is not in it, since the column is emptied when the account is deleted.
func row(id uuid.UUID, kind, to string) []string { return []string{"mail", id.String(), kind, to} }

// DeliveryTx says what became of a mail. One past its expiry reads as expired
// whether or not the sweep has written that yet.
func (o *Outbox) DeliveryTx(ctx context.Context, tx *pg.Tx, id uuid.UUID) (Delivery, error) {
	var d struct {
		State    string     `db:"state"`
		SentAt   *time.Time `db:"sent_at"`
		Attempts int        `db:"attempts"`
	}
	err := tx.GetContext(ctx, &d, `
		SELECT CASE WHEN state = 'queued' AND expires_at <= $2 THEN 'expired' ELSE state END AS state,
		       sent_at, attempts
		FROM mails
		WHERE id = $1`, id, tx.Now)
	if errors.Is(err, pg.ErrNoRows) {
		return Delivery{}, ErrNoMail
	}
	if err != nil {
		return Delivery{}, fmt.Errorf("read delivery: %w", err)
	}
	return Delivery{State: State(d.State), SentAt: d.SentAt, Attempts: d.Attempts}, nil
}

// ForgetTx erases every mail of a user whose account is being deleted, those
// that wait included. Its last mail is queued without a user.
func (o *Outbox) ForgetTx(ctx context.Context, tx *pg.Tx, user uuid.UUID) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM mails WHERE user_id = $1`, user); err != nil {
		return fmt.Errorf("forget mails: %w", err)
	}
	return nil
}
