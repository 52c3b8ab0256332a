package app

import (
	"context"
	"fmt"
	"time"

	"latchkey/internal/pg"
)

// Condition is what a database tells an operator about itself and the work
// that waits in it.
type Condition struct {
	Version   int // as server_version_num: 150004
	Clock     time.Time
	Admins    int  // active ones
	LateMails int  // due for more than a minute, and still of use
	ThisMonth bool // events of this month have a partition of their own
	NextMonth bool
}

// Server reads what any Postgres can tell, migrated or not.
func Server(ctx context.Context, db *pg.DB) (c Condition, err error) {
	if err = db.GetContext(ctx, &c.Version, `SELECT current_setting('server_version_num')::integer`); err != nil {
		return c, fmt.Errorf("read version of Postgres: %w", err)
	}
	if err = db.GetContext(ctx, &c.Clock, `SELECT clock_timestamp()`); err != nil {
		return c, fmt.Errorf("read clock of Postgres: %w", err)
	}
	return c, nil
}

// Examine reads the rest from a migrated database.
func (c *Condition) Examine(ctx context.Context, db *pg.DB) error {
	now := db.Now()
	err := db.QueryRowContext(ctx, `
		SELECT (SELECT count(*) FROM users WHERE role = 'admin' AND status = 'active'),
		       (SELECT count(*) FROM mails WHERE state = 'queued' AND due_at < $1 AND expires_at > $2),
		       to_regclass($3) IS NOT NULL, to_regclass($4) IS NOT NULL`,
		now.Add(-time.Minute), now, partition(now, 0), partition(now, 1)).
		Scan(&c.Admins, &c.LateMails, &c.ThisMonth, &c.NextMonth)
	if err != nil {
		return fmt.Errorf("examine database: %w", err)
	}
	return nil
}

// partition is the name that migrations give to a month of events.
func partition(now time.Time, ahead int) string {
	return time.Date(now.Year(), now.Month()+time.Month(ahead), 1, 0, 0, 0, 0, time.UTC).Format("events_2006_01")
}
