package edge

import (
	"context"
	"fmt"

	"latchkey/internal/pg"
	"latchkey/internal/seal"
)

// KeyRows counts the remembered requests by the key of their digest.
func KeyRows(ctx context.Context, db *pg.DB) ([]seal.Carried, error) {
	var rows []struct {
		Prefix []byte `db:"prefix"`
		Rows   int64  `db:"n"`
	}
	err := db.SelectContext(ctx, &rows, `
		SELECT substring(digest FROM 1 FOR 5) AS prefix, count(*) AS n
		FROM idempotency_keys WHERE expires_at > $1 GROUP BY 1`, db.Now())
	if err != nil {
		return nil, fmt.Errorf("count idempotency keys by key: %w", err)
	}
	var out []seal.Carried
	for _, r := range rows {
		out = append(out, seal.Carried{Purpose: "tokens", Table: "idempotency_keys", Prefix: r.Prefix, Rows: r.Rows})
	}
	return out, nil
}
