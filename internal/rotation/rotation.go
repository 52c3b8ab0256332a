// Package rotation seals again what older keys sealed, row by row, while the
// service runs. Owners of tables say where their sealed rows are.
package rotation

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/pg"
	"latchkey/internal/seal"
)

// batch is how many rows are read, sealed and written at once: few enough to
// hold their locks for milliseconds.
const batch = 200

// Column is one column of what keys of a purpose have made: sealed secrets, or
// digests of what lies sealed beside them. Whoever owns the table says so; the
// words in SQL are its own constants.
type Column struct {
	Purpose string
	Current []byte // head of what the current key makes

	Table, Column string
	Live          string // SQL condition of the rows that count, $3 being the instant; empty: all
	Parts         string // SQL text[] of what else is needed to make the column anew; empty: none

	// Again makes the column anew with the current key.
	Again func(id uuid.UUID, old []byte, parts []string) ([]byte, error)
}

// stale reads the live rows behind id $2 whose column does not begin with $1,
// at instant $3, at most $4 of them by id.
const stale = `
	SELECT id, {column}, {parts} FROM {table}
	WHERE {live} AND {column} IS NOT NULL AND substring({column} FROM 1 FOR 5) <> $1 AND id > $2 AND $3::timestamptz IS NOT NULL
	ORDER BY id LIMIT $4`

// swap writes $3 to the rows $1 that still hold $2. It passes over rows that
// somebody else holds, so it never waits for one lock while it holds another;
// the next pass finds them again.
const swap = `
	UPDATE {table} t SET {column} = held.fresh
	FROM (SELECT t.id, n.fresh FROM {table} t
	      JOIN unnest($1::uuid[], $2::bytea[], $3::bytea[]) AS n (id, old, fresh) ON n.id = t.id AND n.old = t.{column}
	      FOR UPDATE OF t SKIP LOCKED) held
	WHERE t.id = held.id`

// String is table and column.
func (c Column) String() string { return c.Table + "." + c.Column }

func (c Column) sql(statement string) string {
	return strings.NewReplacer("{table}", c.Table, "{column}", c.Column,
		"{live}", cmp.Or(c.Live, "true"), "{parts}", cmp.Or(c.Parts, "ARRAY[]::text[]")).Replace(statement)
}

// Sealed is the Again of a sealed column. The row that each secret is bound to
// stays the same, so one that was swapped stays closed.
func Sealed(s *seal.Sealer, bound func(id uuid.UUID, parts []string) []string) func(uuid.UUID, []byte, []string) ([]byte, error) {
	return func(id uuid.UUID, old []byte, parts []string) ([]byte, error) {
		return s.Reseal(old, bound(id, parts)...)
	}
}

// Done is what became of a column's rows.
type Done struct {
	Sealed  int64       // now under the current key
	Closed  []uuid.UUID // rows that open under no key: damaged or moved, left as they are
	Skipped int64       // changed or held by somebody else in every pass
}

// A row that is held in every pass waits for the next run.
const (
	passes = 5
	rest   = 100 * time.Millisecond
)

// Reseal goes over the column until nothing stale is left. It keeps no
// position: a row is stale or not, so an interrupted run is simply run again,
// and two at once do no harm. tell is called after each batch.
func (c Column) Reseal(ctx context.Context, db *pg.DB, tell func(sealed int64)) (Done, error) {
	var d Done
	for range passes {
		d.Closed, d.Skipped = nil, 0
		for after := uuid.Nil; ; {
			rows, err := c.stale(ctx, db, after)
			if err != nil {
				return d, fmt.Errorf("reseal %s: %w", c, err)
			}
			if len(rows) == 0 {
				break
			}
			after = rows[len(rows)-1].id
			n, err := c.swap(ctx, db, rows, &d)
			if err != nil {
				return d, fmt.Errorf("reseal %s: %w", c, err)
			}
			d.Sealed += n
			tell(d.Sealed)
		}
		if d.Skipped == 0 {
			break
		}
		select {
		case <-ctx.Done():
			return d, ctx.Err()
		case <-time.After(rest): // whoever holds them needs no longer
		}
	}
	return d, nil
}

type staleRow struct {
	id     uuid.UUID
	secret []byte
	parts  []string
}

func (c Column) stale(ctx context.Context, db *pg.DB, after uuid.UUID) ([]staleRow, error) {
	rows, err := db.QueryContext(ctx, c.sql(stale), c.Current, after, db.Now(), batch)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err says it
	var out []staleRow
	for rows.Next() {
		var r staleRow
		if err := rows.Scan(&r.id, &r.secret, pg.Array(&r.parts)); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// swap compares and swaps: a row that was changed since it was read keeps what
// it was changed to.
func (c Column) swap(ctx context.Context, db *pg.DB, rows []staleRow, d *Done) (int64, error) {
	var ids []uuid.UUID
	var old, fresh [][]byte
	for _, r := range rows {
		again, err := c.Again(r.id, r.secret, r.parts)
		if err != nil {
			d.Closed = append(d.Closed, r.id)
			continue
		}
		ids, old, fresh = append(ids, r.id), append(old, r.secret), append(fresh, again)
	}
	n, err := pg.Affected(db.ExecContext(ctx, c.sql(swap), pg.Array(ids), pg.Array(old), pg.Array(fresh)))
	d.Skipped += int64(len(ids)) - n
	return n, err
}
