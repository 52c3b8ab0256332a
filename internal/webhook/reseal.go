package webhook

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"latchkey/internal/pg"
	"latchkey/internal/rotation"
	"latchkey/internal/seal"
)

// Columns are those of the endpoints' keys. They are sealed with the keyset of
// purpose mail: a purpose of its own would stop the start of every deployment
// whose KEYSET is older than webhooks, and what a seal is bound to keeps the
// two apart.
func Columns(keys *seal.Keys) []rotation.Column {
	bound := func(id uuid.UUID, _ []string) []string { return row(id) }
	return []rotation.Column{
		{
			Purpose: "mail", Name: "webhooks", Current: keys.Mail.Current(), Again: rotation.Sealed(keys.Mail, bound),
			Stale: `
				SELECT id, secret, ARRAY[]::text[] FROM webhooks
				WHERE substring(secret FROM 1 FOR 5) <> $1 AND id > $2 AND $3::timestamptz IS NOT NULL
				ORDER BY id LIMIT $4`,
			Swap: `
				UPDATE webhooks w SET secret = held.fresh
				FROM (SELECT w.id, n.fresh FROM webhooks w
				      JOIN unnest($1::uuid[], $2::bytea[], $3::bytea[]) AS n (id, old, fresh) ON n.id = w.id AND n.old = w.secret
				      FOR UPDATE OF w SKIP LOCKED) held
				WHERE w.id = held.id`,
		},
		{
			Purpose: "mail", Name: "webhooks, old keys", Current: keys.Mail.Current(), Again: rotation.Sealed(keys.Mail, bound),
			Stale: `
				SELECT id, old_secret, ARRAY[]::text[] FROM webhooks
				WHERE old_secret IS NOT NULL AND substring(old_secret FROM 1 FOR 5) <> $1 AND id > $2 AND $3::timestamptz IS NOT NULL
				ORDER BY id LIMIT $4`,
			Swap: `
				UPDATE webhooks w SET old_secret = held.fresh
				FROM (SELECT w.id, n.fresh FROM webhooks w
				      JOIN unnest($1::uuid[], $2::bytea[], $3::bytea[]) AS n (id, old, fresh) ON n.id = w.id AND n.old = w.old_secret
				      FOR UPDATE OF w SKIP LOCKED) held
				WHERE w.id = held.id`,
		},
	}
}

// KeyRows counts the endpoints' keys by the key that sealed them.
func KeyRows(ctx context.Context, db *pg.DB) ([]seal.Carried, error) {
	var rows []struct {
		Prefix []byte `db:"prefix"`
		Rows   int64  `db:"n"`
	}
	err := db.SelectContext(ctx, &rows, `
		SELECT substring(k.sealed FROM 1 FOR 5) AS prefix, count(*) AS n
		FROM webhooks w CROSS JOIN LATERAL unnest(ARRAY[w.secret, w.old_secret]) AS k (sealed)
		WHERE k.sealed IS NOT NULL GROUP BY 1`)
	if err != nil {
		return nil, fmt.Errorf("count webhooks by key: %w", err)
	}
	var out []seal.Carried
	for _, r := range rows {
		out = append(out, seal.Carried{Purpose: "mail", Table: "webhooks", Prefix: r.Prefix, Rows: r.Rows})
	}
	return out, nil
}
