package account

import (
	"context"
	"fmt"

	"latchkey/internal/pg"
	"latchkey/internal/seal"
)

// KeyRows counts the open links by the key that their digest was made with.
func KeyRows(ctx context.Context, db *pg.DB) ([]seal.Carried, error) {
	var rows []struct {
		Prefix []byte `db:"prefix"`
		Rows   int64  `db:"n"`
	}
	err := db.SelectContext(ctx, &rows, `
		SELECT substring(token_digest FROM 1 FOR 5) AS prefix, count(*) AS n
		FROM links WHERE used_at IS NULL AND expires_at > $1 GROUP BY 1`, db.Now())
	if err != nil {
		return nil, fmt.Errorf("count links by key: %w", err)
	}
	var out []seal.Carried
	for _, r := range rows {
		out = append(out, seal.Carried{Purpose: "tokens", Table: "links", Prefix: r.Prefix, Rows: r.Rows})
	}
	return out, nil
}
