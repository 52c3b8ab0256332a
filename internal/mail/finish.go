package mail

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/pg"
)

// Sent writes that the mail server has the mail, and wipes its content. It
// asks for no lease: whoever holds one by now must not send it again. Nor does
// it mind an expiry that was written while the mail was on its way.
func (l *Ledger) Sent(ctx context.Context, id uuid.UUID) error {
	_, err := l.db.ExecContext(ctx, `
		UPDATE mails
		SET state = 'sent', sent_at = $2, sealed = NULL, lease = NULL, last_error = NULL, attempts = attempts + 1
		WHERE id = $1 AND state IN ('queued', 'expired')`, id, l.db.Now())
	if err != nil {
		return fmt.Errorf("finish mail: %w", err)
	}
	return nil
}

// Refused ends a mail that the server will never take. The reason has passed
// Plain.
func (l *Ledger) Refused(ctx context.Context, id, lease uuid.UUID, reason string) error {
	_, err := l.db.ExecContext(ctx, `
		UPDATE mails
		SET state = 'refused', sealed = NULL, lease = NULL, last_error = $3, attempts = attempts + 1
		WHERE id = $1 AND lease = $2 AND state = 'queued'`, id, lease, Plain(reason))
	if err != nil {
		return fmt.Errorf("refuse mail: %w", err)
	}
	return nil
}

// PutOff gives the lease up and lets the mail be offered again after a while.
func (l *Ledger) PutOff(ctx context.Context, m Letter, reason string) error {
	_, err := l.db.ExecContext(ctx, `
		UPDATE mails
		SET lease = NULL, due_at = $4, last_error = $3, attempts = attempts + 1
		WHERE id = $1 AND lease = $2 AND state = 'queued'`,
		m.ID, m.Lease, Plain(reason), l.db.Now().Add(backOff(m)))
	if err != nil {
		return fmt.Errorf("put mail off: %w", err)
	}
	return nil
}

// backOffs grow, but never so far that a code would miss most of its life.
var backOffs = []time.Duration{
	time.Second, 3 * time.Second, 10 * time.Second,
	30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute,
}

func backOff(m Letter) time.Duration {
	last := len(backOffs) - 1
	if m.Mail != nil && m.Mail.Queue() == Codes {
		last = 2 // someone is waiting
	}
	return backOffs[min(m.Attempts, last)]
}

// Expire ends mails that are of no use any more, some hundreds at a time, and
// says how many those were.
func (l *Ledger) Expire(ctx context.Context) (int64, error) {
	n, err := pg.Affected(l.db.ExecContext(ctx, `
		UPDATE mails
		SET state = 'expired', sealed = NULL, lease = NULL
		WHERE id = ANY(ARRAY(
			SELECT id FROM mails
			WHERE state = 'queued' AND expires_at <= $1
			ORDER BY expires_at
			LIMIT 500
			FOR UPDATE SKIP LOCKED))`, l.db.Now()))
	if err != nil {
		return 0, fmt.Errorf("expire mails: %w", err)
	}
	return n, nil
}

// Purge deletes finished mails that are older than age, some hundreds at a
// time: they hold addresses, and nobody looks at them any more.
func (l *Ledger) Purge(ctx context.Context, age time.Duration) (int64, error) {
	n, err := pg.Affected(l.db.ExecContext(ctx, `
		DELETE FROM mails
		WHERE id = ANY(ARRAY(
			SELECT id FROM mails
			WHERE created_at < $1 AND state <> 'queued'
			ORDER BY created_at
			LIMIT 500
			FOR UPDATE SKIP LOCKED))`, l.db.Now().Add(-age)))
	if err != nil {
		return 0, fmt.Errorf("purge mails: %w", err)
	}
	return n, nil
}

// secretish finds what may be a code, a key or a token: a server may quote a
// part of the mail in its answer.
var secretish = regexp.MustCompile(`[0-9]{5,}|[A-Za-z0-9_-]{16,}`)

// Plain makes a foreign text fit to be stored and shown: one line, at most 200
// characters, nothing in it that could be a code or a token.
func Plain(s string) string { return cut(secretish.ReplaceAllString(oneLine(s), "…"), 200) }
