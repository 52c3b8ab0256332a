package mail

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"latchkey/internal/pg"
	"latchkey/internal/rotation"
	"latchkey/internal/seal"
)

// Column is the column of waiting mails. A finished one holds no secret.
func Column(keys *seal.Keys) rotation.Column {
	return rotation.Column{
		Purpose: "mail", Name: "mails", Current: keys.Mail.Current(),
		Again: rotation.Sealed(keys.Mail, func(id uuid.UUID, p []string) []string { return row(id, p[0], p[1]) }),
		Stale: `
			SELECT id, sealed, ARRAY[kind, recipient] FROM mails
			WHERE state = 'queued' AND expires_at > $3 AND substring(sealed FROM 1 FOR 5) <> $1 AND id > $2
			ORDER BY id LIMIT $4`,
		Swap: `
			UPDATE mails m SET sealed = held.fresh
			FROM (SELECT m.id, n.fresh FROM mails m
			      JOIN unnest($1::uuid[], $2::bytea[], $3::bytea[]) AS n (id, old, fresh) ON n.id = m.id AND n.old = m.sealed
			      FOR UPDATE OF m SKIP LOCKED) held
			WHERE m.id = held.id`,
	}
}

// KeyRows counts the waiting mails by the key that sealed them.
func KeyRows(ctx context.Context, db *pg.DB) ([]seal.Carried, error) {
	var rows []struct {
		Prefix []byte `db:"prefix"`
		Rows   int64  `db:"n"`
	}
	err := db.SelectContext(ctx, &rows, `
		SELECT substring(sealed FROM 1 FOR 5) AS prefix, count(*) AS n
		FROM mails WHERE state = 'queued' AND expires_at > $1 GROUP BY 1`, db.Now())
	if err != nil {
		return nil, fmt.Errorf("count mails by key: %w", err)
	}
	var out []seal.Carried
	for _, r := range rows {
		out = append(out, seal.Carried{Purpose: "mail", Table: "mails", Prefix: r.Prefix, Rows: r.Rows})
	}
	return out, nil
}
