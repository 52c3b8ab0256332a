package mail

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/pg"
)

// Item is a mail as admins see it: never what it says.
type Item struct {
	ID        uuid.UUID
	User      uuid.UUID // zero: none
	Kind      string
	To        string
	State     State
	Attempts  int
	LastError string
	CreatedAt time.Time
	SentAt    *time.Time
}

type itemRow struct {
	ID        uuid.UUID     `db:"id"`
	User      uuid.NullUUID `db:"user_id"`
	Kind      string        `db:"kind"`
	To        string        `db:"recipient"`
	State     State         `db:"state"`
	Attempts  int           `db:"attempts"`
	LastError string        `db:"last_error"`
	CreatedAt time.Time     `db:"created_at"`
	SentAt    *time.Time    `db:"sent_at"`
}

func (r itemRow) item() Item {
	return Item{r.ID, r.User.UUID, r.Kind, r.To, r.State, r.Attempts, r.LastError, r.CreatedAt.UTC(), r.SentAt}
}

// Listing chooses mails; empty fields choose all.
type Listing struct {
	State  State
	To     string     // the whole address
	Before *time.Time // keyset: made before, or then and with a smaller id
	Beside uuid.UUID
	Limit  int
}

// List gives mails, newest first.
func List(ctx context.Context, q pg.Q, l Listing, now time.Time) ([]Item, error) {
	var rows []itemRow
	err := q.SelectContext(ctx, &rows, `
		SELECT id, user_id, kind, recipient,
		       CASE WHEN state = 'queued' AND expires_at <= $1 THEN 'expired' ELSE state END AS state,
		       attempts, coalesce(last_error, '') AS last_error, created_at, sent_at
		FROM mails
		WHERE ($2 = '' OR CASE WHEN state = 'queued' AND expires_at <= $1 THEN 'expired' ELSE state END = $2)
		  AND ($3 = '' OR recipient = $3)
		  AND ($4::timestamptz IS NULL OR (created_at, id) < ($4, $5::uuid))
		ORDER BY created_at DESC, id DESC LIMIT $6`, now, string(l.State), l.To, l.Before, l.Beside, l.Limit)
	if err != nil {
		return nil, fmt.Errorf("list mails: %w", err)
	}
	out := make([]Item, len(rows))
	for i, r := range rows {
		out[i] = r.item()
	}
	return out, nil
}

// ErrFinished is returned for a mail that can't be tried again: what it said
// was wiped when it was finished, or it is of no use any more.
var ErrFinished = errors.New("mail is finished")

// RetryTx makes a waiting mail due at once, unless a worker is sending it now.
func RetryTx(ctx context.Context, tx *pg.Tx, id uuid.UUID) (Item, error) {
	var r itemRow
	err := tx.GetContext(ctx, &r, `
		UPDATE mails SET due_at = CASE WHEN lease IS NULL OR due_at <= $2 THEN $2 ELSE due_at END
		WHERE id = $1 AND state = 'queued' AND expires_at > $2
		RETURNING id, user_id, kind, recipient, state, attempts, coalesce(last_error, '') AS last_error, created_at, sent_at`,
		id, tx.Now)
	if errors.Is(err, pg.ErrNoRows) {
		var there bool
		if err := tx.GetContext(ctx, &there, `SELECT EXISTS (SELECT FROM mails WHERE id = $1)`, id); err != nil {
			return Item{}, fmt.Errorf("look for mail: %w", err)
		}
		if there {
			return Item{}, ErrFinished
		}
		return Item{}, ErrNoMail
	}
	if err != nil {
		return Item{}, fmt.Errorf("retry mail: %w", err)
	}
	tx.Notify(Channel)
	return r.item(), nil
}

// States counts mails by state.
func States(ctx context.Context, q pg.Q, since, now time.Time) (map[State]int, error) {
	var rows []struct {
		State State `db:"state"`
		Count int   `db:"count"`
	}
	err := q.SelectContext(ctx, &rows, `
		SELECT CASE WHEN state = 'queued' AND expires_at <= $2 THEN 'expired' ELSE state END AS state, count(*) AS count
		FROM mails WHERE created_at > $1 GROUP BY 1`, since, now)
	if err != nil {
		return nil, fmt.Errorf("count mails by state: %w", err)
	}
	out := map[State]int{Queued: 0, Sent: 0, Refused: 0, Expired: 0}
	for _, r := range rows {
		out[r.State] = r.Count
	}
	return out, nil
}

// EverDelivered reports whether a mail server took one of the mails that are
// still kept.
func EverDelivered(ctx context.Context, q pg.Q) (bool, error) {
	var yes bool
	if err := q.GetContext(ctx, &yes, `SELECT EXISTS (SELECT FROM mails WHERE state = 'sent')`); err != nil {
		return false, fmt.Errorf("look for delivered mails: %w", err)
	}
	return yes, nil
}
