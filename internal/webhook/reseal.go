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
	again := rotation.Sealed(keys.Mail, func(id uuid.UUID, _ []string) []string { return row(id) })
	var out []rotation.Column
	for _, column := range []string{"secret", "old_secret"} {
		out = append(out, rotation.Column{Purpose: "mail", Current: keys.Mail.Current(), Again: again, Table: "webhooks", Column: column})
	}
	return out
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
