package webhook

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"latchkey/internal/pg"
)

// Result is how one attempt ended.
type Result struct {
	Outcome Outcome
	Status  int    // 0: no answer came
	Answer  string // what the receiver said, or why there was no answer; made plain by Finish
}

// gaps stand between attempts: quick ones for a receiver that restarts, then
// ever longer ones, 27 hours in all.
var gaps = []time.Duration{
	5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour, 11 * time.Hour,
}

// Attempts is how often a delivery is tried at most.
var Attempts = len(gaps) + 1

// Finish writes how an attempt ended: sent, to be tried again, or failed. That
// it was sent is written without asking for the lease: whoever holds one by now
// must not send it again.
func (l *Ledger) Finish(ctx context.Context, p Parcel, r Result) (State, error) {
	now := l.db.Now()
	state, due := Failed, now
	switch {
	case r.Outcome == Accepted:
		state = Sent
	case p.Attempts < len(gaps):
		state, due = Queued, now.Add(gaps[p.Attempts])
	}
	_, err := l.db.ExecContext(ctx, `
		UPDATE webhook_deliveries
		SET state = $3, lease = NULL, due_at = $4, attempts = attempts + 1, outcome = $5, status = $6, answer = $7,
		    ended_at = CASE WHEN $3 <> 'queued' THEN $8::timestamptz END
		WHERE id = $1 AND (lease = $2 AND state = 'queued' OR $3 = 'sent' AND state IN ('queued', 'expired'))`,
		p.ID, p.Lease, string(state), due, string(r.Outcome),
		sql.NullInt32{Int32: int32(r.Status), Valid: r.Status != 0}, plain(r.Answer), now) // #nosec G115 -- a status of HTTP
	if err != nil {
		return state, fmt.Errorf("finish delivery: %w", err)
	}
	return state, nil
}

// Expire ends deliveries that nobody could send in time, some hundreds at once.
func (l *Ledger) Expire(ctx context.Context) (int64, error) {
	n, err := pg.Affected(l.db.ExecContext(ctx, `
		UPDATE webhook_deliveries
		SET state = 'expired', lease = NULL, ended_at = $1
		WHERE id = ANY(ARRAY(
			SELECT id FROM webhook_deliveries
			WHERE state = 'queued' AND expires_at <= $1
			ORDER BY expires_at
			LIMIT 500
			FOR UPDATE SKIP LOCKED))`, l.db.Now()))
	if err != nil {
		return 0, fmt.Errorf("expire deliveries: %w", err)
	}
	return n, nil
}

// keep is how long the log shows what has ended.
const keep = 30 * 24 * time.Hour

// Sweep deletes deliveries that ended long ago, some hundreds at once.
func Sweep(ctx context.Context, db *pg.DB) (int64, error) {
	n, err := pg.Affected(db.ExecContext(ctx, `
		DELETE FROM webhook_deliveries
		WHERE id = ANY(ARRAY(
			SELECT id FROM webhook_deliveries
			WHERE ended_at <= $1
			ORDER BY ended_at
			LIMIT 500
			FOR UPDATE SKIP LOCKED))`, db.Now().Add(-keep)))
	if err != nil {
		return 0, fmt.Errorf("sweep deliveries: %w", err)
	}
	return n, nil
}
