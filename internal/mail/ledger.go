package mail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/pg"
	"latchkey/internal/seal"
)

// Ledger is what the worker does to the outbox. The row is the truth: a lease
// in it says who may send the mail, and each verdict is a row count.
type Ledger struct {
	db     *pg.DB
	sealer *seal.Sealer
}

// NewLedger opens mails with the keyset that the Outbox seals them with.
func NewLedger(db *pg.DB, s *seal.Sealer) *Ledger { return &Ledger{db, s} }

// ErrNotOurs is returned when a mail is finished, has expired, or another
// worker holds it now.
var ErrNotOurs = errors.New("mail is not ours to send")

// Terms bound a round of claims.
type Terms struct {
	Codes, Notices         int           // at most this many out on a lease at a time
	Round                  int           // at most this many in one round; notices get what codes leave
	CodeLease, NoticeLease time.Duration // longer than any delivery takes
}

// Offer is one mail that was claimed for sending.
type Offer struct {
	ID        uuid.UUID `db:"id"`
	Lease     uuid.UUID `db:"lease"`
	Queue     Queue     `db:"queue"`
	ExpiresAt time.Time `db:"expires_at"`
	Trace     string    `db:"traceparent"` // that it was queued in; empty: none
}

// Claim leases what is due, codes before notices. Leased mails that are not
// finished when their lease ends are due again.
func (l *Ledger) Claim(ctx context.Context, t Terms) ([]Offer, error) {
	now, offers := l.db.Now(), []Offer(nil)
	err := l.db.SelectContext(ctx, &offers, `
		WITH codes AS (
			SELECT id FROM mails
			WHERE state = 'queued' AND queue = 'codes' AND due_at <= $1 AND expires_at > $1
			ORDER BY due_at
			LIMIT greatest(0, least($2, $3 - (SELECT count(*) FROM mails WHERE queue = 'codes' AND lease IS NOT NULL AND due_at > $1)))
			FOR UPDATE SKIP LOCKED
		), notices AS (
			SELECT id FROM mails
			WHERE state = 'queued' AND queue = 'notices' AND due_at <= $1 AND expires_at > $1
			ORDER BY due_at
			LIMIT greatest(0, least($2 - (SELECT count(*) FROM codes),
				$4 - (SELECT count(*) FROM mails WHERE queue = 'notices' AND lease IS NOT NULL AND due_at > $1)))
			FOR UPDATE SKIP LOCKED
		)
		UPDATE mails
		SET lease = gen_random_uuid(), due_at = CASE queue WHEN 'codes' THEN $5::timestamptz ELSE $6::timestamptz END
		FROM (SELECT id FROM codes UNION ALL SELECT id FROM notices) AS due
		WHERE mails.id = due.id
		RETURNING mails.id, mails.lease, mails.queue, mails.expires_at, coalesce(mails.traceparent, '') AS traceparent`,
		now, t.Round, t.Codes, t.Notices, now.Add(t.CodeLease), now.Add(t.NoticeLease))
	if err != nil {
		return nil, fmt.Errorf("claim mails: %w", err)
	}
	return offers, nil
}

// GiveBack ends leases that could not be offered; the mails are due at once.
func (l *Ledger) GiveBack(ctx context.Context, offers []Offer) error {
	leases := make([]string, len(offers))
	ids := make([]string, len(offers))
	for i, o := range offers {
		ids[i], leases[i] = o.ID.String(), o.Lease.String()
	}
	_, err := l.db.ExecContext(ctx, `
		UPDATE mails SET lease = NULL, due_at = $3
		WHERE id = ANY($1::uuid[]) AND lease = ANY($2::uuid[])`, pg.Array(ids), pg.Array(leases), l.db.Now())
	if err != nil {
		return fmt.Errorf("give mails back: %w", err)
	}
	return nil
}

// Letter is a mail as it was queued, opened for sending.
type Letter struct {
	ID       uuid.UUID
	Lease    uuid.UUID
	To       string
	Name     string
	Mail     Kind
	Attempts int       // earlier ones
	LeaseEnd time.Time // it must be finished before
	Request  string    // id of the request that queued it; empty: none did
}

// Open reads a mail that this lease may send, or answers ErrNotOurs.
func (l *Ledger) Open(ctx context.Context, id, lease uuid.UUID) (Letter, error) {
	var r struct {
		Kind      string    `db:"kind"`
		Recipient string    `db:"recipient"`
		Sealed    []byte    `db:"sealed"`
		Attempts  int       `db:"attempts"`
		DueAt     time.Time `db:"due_at"`
		Request   string    `db:"request_id"`
	}
	err := l.db.GetContext(ctx, &r, `
		SELECT kind, recipient, sealed, attempts, due_at, coalesce(request_id, '') AS request_id
		FROM mails
		WHERE id = $1 AND lease = $2 AND state = 'queued' AND expires_at > $3 AND due_at > $3`, id, lease, l.db.Now())
	if errors.Is(err, pg.ErrNoRows) {
		return Letter{}, ErrNotOurs
	}
	if err != nil {
		return Letter{}, fmt.Errorf("read mail: %w", err)
	}
	out := Letter{ID: id, Lease: lease, To: r.Recipient, Attempts: r.Attempts, LeaseEnd: r.DueAt, Request: r.Request}
	out.Name, out.Mail, err = l.unseal(r.Sealed, row(id, r.Kind, r.Recipient), r.Kind)
	return out, err
}

// ErrSealed means that a mail's content can't be read: another keyset, a
// changed row, or a kind that this build does not know. The letter returned
// beside it can be put off.
var ErrSealed = errors.New("content of the mail can't be opened: do all processes have the same KEYSET and release?")

func (l *Ledger) unseal(sealed []byte, row []string, kind string) (string, Kind, error) {
	plain, err := l.sealer.Open(sealed, row...)
	if err != nil {
		return "", nil, ErrSealed
	}
	var c content
	if err := json.Unmarshal(plain, &c); err != nil {
		return "", nil, ErrSealed
	}
	k, err := decode(kind, c.Mail)
	if err != nil {
		return "", nil, fmt.Errorf("%w (%w)", ErrSealed, err)
	}
	return c.Name, k, nil
}

// Holds reports whether the lease still may send the mail. It is asked right
// before the mail is handed over, so that a worker that was frozen for longer
// than its lease sends nothing a second time.
func (l *Ledger) Holds(ctx context.Context, id, lease uuid.UUID) error {
	var one int
	err := l.db.GetContext(ctx, &one, `
		SELECT 1 FROM mails
		WHERE id = $1 AND lease = $2 AND state = 'queued' AND expires_at > $3 AND due_at > $3`, id, lease, l.db.Now())
	if errors.Is(err, pg.ErrNoRows) {
		return ErrNotOurs
	}
	if err != nil {
		return fmt.Errorf("check lease: %w", err)
	}
	return nil
}
