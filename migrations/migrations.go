// Package migrations holds the schema, forward only, and brings a database up
// to it. An interrupted run can be run again; two at once wait for each other.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"time"

	_ "github.com/lib/pq" // the driver behind sql.Open
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// FS holds the migration files.
//
//go:embed *.sql
var FS embed.FS

// State is one migration and when it was applied.
type State struct {
	Version   int64
	File      string
	AppliedAt time.Time // zero: pending
}

// Up applies what is pending and says how many migrations that were.
func Up(ctx context.Context, url string) (int, error) {
	var n int
	err := with(ctx, url, func(p *goose.Provider, db *sql.DB) error {
		done, err := p.Up(ctx)
		n = len(done)
		if err != nil {
			return fmt.Errorf("apply migrations: %w", err)
		}
		return Partitions(ctx, db, time.Now())
	})
	return n, err
}

// Status lists every migration in order.
func Status(ctx context.Context, url string) ([]State, error) {
	var out []State
	err := with(ctx, url, func(p *goose.Provider, _ *sql.DB) error {
		all, err := p.Status(ctx)
		for _, s := range all {
			out = append(out, State{s.Source.Version, s.Source.Path, s.AppliedAt})
		}
		return err
	})
	return out, err
}

// Pending reports whether the database lacks a migration of this build.
func Pending(ctx context.Context, url string) (bool, error) {
	var pending bool
	err := with(ctx, url, func(p *goose.Provider, _ *sql.DB) (err error) {
		pending, err = p.HasPending(ctx)
		return err
	})
	return pending, err
}

func with(ctx context.Context, url string, f func(*goose.Provider, *sql.DB) error) error {
	db, err := sql.Open("postgres", url)
	if err != nil {
		return fmt.Errorf("read database address: %w", err)
	}
	defer db.Close() //nolint:errcheck // nothing is buffered
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 60))
	if err != nil {
		return fmt.Errorf("make migration lock: %w", err)
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, FS,
		goose.WithSessionLocker(locker), goose.WithTableName("schema_migrations"))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	return f(p, db)
}

// Partitions makes the monthly partitions of events for this month and the
// three after it. A month whose rows already lie in the default partition is
// left there: they are found all the same.
//
// Making one locks events, and so stands in the way of every sign-in while it
// waits for somebody's long export. It waits a moment only; the next call, of
// the worker in some minutes, tries again, and months are made long before
// they begin.
func Partitions(ctx context.Context, db *sql.DB, now time.Time) error {
	first := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	for i := range 4 {
		from, to := first.AddDate(0, i, 0), first.AddDate(0, i+1, 0)
		_, err := db.ExecContext(ctx, fmt.Sprintf(`
			DO $$ BEGIN
				IF to_regclass('events_%[1]s') IS NULL THEN
					PERFORM set_config('lock_timeout', '200ms', true);
					CREATE TABLE events_%[1]s PARTITION OF events FOR VALUES FROM ('%[2]s') TO ('%[3]s');
				END IF;
			EXCEPTION WHEN check_violation OR duplicate_table OR lock_not_available THEN NULL;
			END $$`, from.Format("2006_01"), from.Format(time.RFC3339), to.Format(time.RFC3339)))
		if err != nil {
			return fmt.Errorf("make partition of events: %w", err)
		}
	}
	return nil
}
