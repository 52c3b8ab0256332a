// Package pg is the one door to Postgres: the pool, a transaction that
// happens at one instant, constraint names, notifications.
//
// It is the only package that imports sqlx and lib/pq.
package pg

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
)

// ErrNoRows is what Get returns when a query finds nothing.
var ErrNoRows = sql.ErrNoRows

// DB is a pool of connections and the clock that its transactions read.
type DB struct {
	*sqlx.DB
	Clock  func() time.Time // time.Now outside tests
	notify *notifier
	limit  time.Duration // of one statement or transaction, 0: none
}

// Tx is a transaction and the instant at which it happens (UTC, microseconds,
// which is what Postgres keeps).
type Tx struct {
	*sqlx.Tx
	Now   time.Time
	after []func()
	note  func(channel string)
}

// Options bound a pool; the zero value suits a request path.
type Options struct {
	MaxConns         int           // default 20
	StatementTimeout time.Duration // default 1.5 s, so that a request fails within 2 s; negative: none
	ConnectTimeout   time.Duration // default 1 s
	Name             string        // shown in pg_stat_activity

	// OpenDB stands in for sql.OpenDB, to trace what goes through the pool.
	OpenDB func(driver.Connector) *sql.DB

	// Before is asked before each statement, for tests that let one fail.
	Before func(query string) error
}

// Open makes a pool for a postgres:// URL. It does not wait for the server:
// a process may start before its database and say so at /readyz.
func Open(url string, o Options) (*DB, error) {
	if o.MaxConns == 0 {
		o.MaxConns = 20
	}
	if o.StatementTimeout == 0 { // negative: none, for exports
		o.StatementTimeout = 1500 * time.Millisecond
	}
	if o.ConnectTimeout == 0 {
		o.ConnectTimeout = time.Second
	}
	if o.Name == "" {
		o.Name = "latchkey"
	}
	if o.OpenDB == nil {
		o.OpenDB = sql.OpenDB
	}
	cfg, err := pq.NewConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read database address: %w", err)
	}
	cfg.ApplicationName = o.Name
	cfg.ConnectTimeout = o.ConnectTimeout
	if cfg.Runtime == nil {
		cfg.Runtime = map[string]string{}
	}
	cfg.Runtime["statement_timeout"] = fmt.Sprint(max(o.StatementTimeout.Milliseconds(), 0))
	cfg.Runtime["idle_in_transaction_session_timeout"] = "10000"
	conn, err := pq.NewConnectorConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("read database address: %w", err)
	}
	if o.StatementTimeout > 0 {
		conn.Dialer(answering{limit: o.StatementTimeout + limitSlack/2})
	}
	db := sqlx.NewDb(o.OpenDB(preparing{conn, o.Before}), "postgres")
	db.SetMaxOpenConns(o.MaxConns)
	db.SetMaxIdleConns(o.MaxConns)
	db.SetConnMaxLifetime(30 * time.Minute)
	db.SetConnMaxIdleTime(5 * time.Minute)
	d := &DB{DB: db, Clock: time.Now}
	if o.StatementTimeout > 0 {
		d.limit = o.StatementTimeout + limitSlack
	}
	d.notify = newNotifier(db.DB)
	return d, nil
}

// limitSlack is what a client waits at most beyond the server's own limit, for
// a server that does not answer at all.
const limitSlack = 500 * time.Millisecond

// bound ends what a server leaves unanswered, so that a request that can't be
// judged fails within two seconds.
func (d *DB) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if d.limit == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, d.limit)
}

// GetContext reads one row.
func (d *DB) GetContext(ctx context.Context, dest any, query string, args ...any) error {
	ctx, cancel := d.bound(ctx)
	defer cancel()
	return d.DB.GetContext(ctx, dest, query, args...)
}

// SelectContext reads rows.
func (d *DB) SelectContext(ctx context.Context, dest any, query string, args ...any) error {
	ctx, cancel := d.bound(ctx)
	defer cancel()
	return d.DB.SelectContext(ctx, dest, query, args...)
}

// ExecContext writes.
func (d *DB) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	ctx, cancel := d.bound(ctx)
	defer cancel()
	return d.DB.ExecContext(ctx, query, args...)
}

// Close ends the notifier and the pool.
func (d *DB) Close() error {
	d.notify.close()
	return d.DB.Close()
}

// Now reads the clock in the precision that Postgres keeps.
func (d *DB) Now() time.Time { return d.Clock().UTC().Truncate(time.Microsecond) }

// InTx runs f in one transaction (READ COMMITTED) and commits when f returns
// nil. A failure that must be recorded, such as a wrong code, is therefore a
// result of f and not its error. Hooks given to AfterCommit run once the
// commit is known.
func (d *DB) InTx(ctx context.Context, f func(*Tx) error) error {
	ctx, cancel := d.bound(ctx)
	defer cancel()
	stx, err := d.BeginTxx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	tx := &Tx{Tx: stx, Now: d.Now(), note: d.notify.send}
	defer stx.Rollback() //nolint:errcheck // after a commit it is a no-op
	if err := f(tx); err != nil {
		return err
	}
	if err := stx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	for _, hook := range tx.after {
		hook()
	}
	return nil
}

// KeepIf runs f and keeps what it wrote, or takes it back: for what must cost
// the same where it must leave nothing. It fails as f does; what f wrote until
// then stands.
func (t *Tx) KeepIf(ctx context.Context, keep bool, f func() error) error {
	if _, err := t.ExecContext(ctx, `SAVEPOINT kept`); err != nil {
		return fmt.Errorf("set savepoint: %w", err)
	}
	if err := f(); err != nil {
		return err
	}
	end := `ROLLBACK TO SAVEPOINT kept`
	if keep {
		end = `RELEASE SAVEPOINT kept`
	}
	if _, err := t.ExecContext(ctx, end); err != nil {
		return fmt.Errorf("end savepoint: %w", err)
	}
	return nil
}

// Snapshot runs f in a read-only transaction that sees one state of the
// database, and commits nothing.
func (d *DB) Snapshot(ctx context.Context, f func(*Tx) error) error {
	stx, err := d.BeginTxx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer stx.Rollback() //nolint:errcheck // nothing was written
	return f(&Tx{Tx: stx, Now: d.Now(), note: func(string) {}})
}

// AfterCommit keeps a hook for the moment when the commit is known. Hooks are
// conveniences (a wake-up): whatever must happen is a row of the transaction.
func (t *Tx) AfterCommit(f func()) { t.after = append(t.after, f) }

// Notify wakes listeners of a channel after the commit, never inside it: a
// NOTIFY in the transaction takes a database-wide lock through the commit.
func (t *Tx) Notify(channel string) { t.AfterCommit(func() { t.note(channel) }) }

// Violates reports whether err is a breach of the named constraint.
func Violates(err error, constraint string) bool {
	var e *pq.Error
	return errors.As(err, &e) && e.Constraint == constraint
}

// Down reports whether err means that Postgres could not do its work now, as
// opposed to refusing the work: the answer is then 503 and a retry.
func Down(err error) bool {
	if err == nil {
		return false
	}
	var e *pq.Error
	if errors.As(err, &e) {
		switch e.Code.Class() {
		case "08", "53", "57", "58": // connection, resources, intervention, system
			return true
		}
		// Read only, aborted by a time-out between two statements, serialization,
		// deadlock, lock not available.
		return slices.Contains([]string{"25006", "25P02", "25P03", "40001", "40P01", "55P03"}, string(e.Code))
	}
	var n net.Error
	return errors.Is(err, sql.ErrConnDone) || errors.Is(err, sql.ErrTxDone) || errors.As(err, &n) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || isBadConn(err)
}

// Affected returns the row count of a write, which is its verdict.
func Affected(res sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// Array wraps a slice for = ANY($1).
func Array(v any) any { return pq.Array(v) }

// Q is what both DB and Tx can do: read and write a statement.
type Q interface {
	GetContext(ctx context.Context, dest any, query string, args ...any) error
	SelectContext(ctx context.Context, dest any, query string, args ...any) error
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Times is a timestamptz[] column.
type Times []time.Time

// Scan reads the array; every instant comes out in UTC.
func (t *Times) Scan(src any) error {
	var raw []sql.NullString
	if err := pq.Array(&raw).Scan(src); err != nil {
		return err
	}
	out := make(Times, 0, len(raw))
	for _, s := range raw {
		at, err := pq.ParseTimestamp(time.UTC, s.String)
		if err != nil {
			return fmt.Errorf("read instant %q: %w", s.String, err)
		}
		out = append(out, at.UTC())
	}
	*t = out
	return nil
}

// Value writes the array.
func (t Times) Value() (driver.Value, error) {
	s := make([]string, len(t))
	for i, at := range t {
		s[i] = at.UTC().Format(time.RFC3339Nano)
	}
	return pq.Array(s).Value()
}
