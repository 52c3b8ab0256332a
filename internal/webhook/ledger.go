package webhook

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/pg"
	"latchkey/internal/seal"
)

// Ledger is what the worker does to deliveries. The row is the truth, as it is
// for mails: a lease in it says who may send it.
type Ledger struct {
	db     *pg.DB
	sealer *seal.Sealer
}

// NewLedger opens the keys of endpoints with the keyset that sealed them.
func NewLedger(db *pg.DB, s *seal.Sealer) *Ledger { return &Ledger{db, s} }

// ErrNotOurs is returned when a delivery has ended, or another worker holds it.
var ErrNotOurs = errors.New("delivery is not ours to send")

// Offer is one delivery that was claimed for sending.
type Offer struct {
	ID        uuid.UUID `db:"id"`
	Lease     uuid.UUID `db:"lease"`
	ExpiresAt time.Time `db:"expires_at"`
}

// Claim leases what is due: at most each at a time of one endpoint, so that one
// that stalls keeps nobody else waiting, and nothing of one that is off.
func (l *Ledger) Claim(ctx context.Context, most, each int, lease time.Duration) ([]Offer, error) {
	now, offers := l.db.Now(), []Offer(nil)
	err := l.db.SelectContext(ctx, &offers, `
		WITH due AS (
			SELECT d.id
			FROM webhooks w
			CROSS JOIN LATERAL (
				SELECT id FROM webhook_deliveries
				WHERE webhook_id = w.id AND state = 'queued' AND due_at <= $1 AND expires_at > $1
				ORDER BY due_at
				LIMIT greatest(0, $3 - (SELECT count(*) FROM webhook_deliveries WHERE webhook_id = w.id AND lease IS NOT NULL AND due_at > $1))
				FOR UPDATE SKIP LOCKED
			) d
			WHERE w.enabled
			LIMIT $2
		)
		UPDATE webhook_deliveries
		SET lease = gen_random_uuid(), due_at = $4
		FROM due
		WHERE webhook_deliveries.id = due.id
		RETURNING webhook_deliveries.id, webhook_deliveries.lease, webhook_deliveries.expires_at`,
		now, most, each, now.Add(lease))
	if err != nil {
		return nil, fmt.Errorf("claim deliveries: %w", err)
	}
	return offers, nil
}

// GiveBack ends leases that could not be offered; the deliveries are due at
// once.
func (l *Ledger) GiveBack(ctx context.Context, leases []uuid.UUID) error {
	all := make([]string, len(leases))
	for i, id := range leases {
		all[i] = id.String()
	}
	_, err := l.db.ExecContext(ctx, `
		UPDATE webhook_deliveries SET lease = NULL, due_at = $2
		WHERE lease = ANY($1::uuid[])`, pg.Array(all), l.db.Now())
	if err != nil {
		return fmt.Errorf("give deliveries back: %w", err)
	}
	return nil
}

// Parcel is a delivery opened for sending.
type Parcel struct {
	ID, Lease uuid.UUID
	URL       string
	Keys      [][]byte // the current one, then the old one while there is one
	Event     int64
	EventAt   time.Time
	Attempts  int       // earlier ones
	LeaseEnd  time.Time // it must be finished before
}

// ErrSealed means that an endpoint's key can't be read: another keyset, or a
// changed row. The parcel returned beside it can be put off.
var ErrSealed = errors.New("key of the webhook can't be opened: do all processes have the same KEYSET?")

// Open reads a delivery that this lease may send, or answers ErrNotOurs. The
// endpoint may have been turned off or deleted since the claim.
func (l *Ledger) Open(ctx context.Context, id, lease uuid.UUID) (Parcel, error) {
	var r struct {
		Webhook  uuid.UUID `db:"webhook_id"`
		URL      string    `db:"url"`
		Secret   []byte    `db:"secret"`
		Old      []byte    `db:"old_secret"`
		Event    int64     `db:"event_id"`
		EventAt  time.Time `db:"event_at"`
		Attempts int       `db:"attempts"`
		DueAt    time.Time `db:"due_at"`
	}
	err := l.db.GetContext(ctx, &r, `
		SELECT d.webhook_id, w.url, w.secret, w.old_secret, d.event_id, d.event_at, d.attempts, d.due_at
		FROM webhook_deliveries d
		JOIN webhooks w ON w.id = d.webhook_id
		WHERE d.id = $1 AND d.lease = $2 AND d.state = 'queued' AND d.expires_at > $3 AND d.due_at > $3 AND w.enabled`,
		id, lease, l.db.Now())
	if errors.Is(err, pg.ErrNoRows) {
		return Parcel{}, ErrNotOurs
	}
	if err != nil {
		return Parcel{}, fmt.Errorf("read delivery: %w", err)
	}
	out := Parcel{ID: id, Lease: lease, URL: r.URL, Event: r.Event, EventAt: r.EventAt, Attempts: r.Attempts, LeaseEnd: r.DueAt}
	for _, sealed := range [][]byte{r.Secret, r.Old} {
		if sealed == nil {
			continue
		}
		key, err := l.sealer.Open(sealed, row(r.Webhook)...)
		if err != nil {
			return out, ErrSealed
		}
		out.Keys = append(out.Keys, key)
	}
	return out, nil
}

// row names what a sealed key is bound to.
func row(webhook uuid.UUID) []string { return []string{"webhook", webhook.String()} }
