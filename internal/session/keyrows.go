package session

import (
	"context"
	"fmt"

	"latchkey/internal/pg"
	"latchkey/internal/seal"
)

// KeyRows counts the live bearers by the key that their digest was made with.
// A token's digest can't be made anew without the token, so an old key is
// needed until the last of them has ended.
func KeyRows(ctx context.Context, db *pg.DB) ([]seal.Carried, error) {
	var rows []struct {
		Table  string `db:"what"`
		Prefix []byte `db:"prefix"`
		Rows   int64  `db:"n"`
	}
	err := db.SelectContext(ctx, &rows, `
		SELECT 'sessions' AS what, substring(token_digest FROM 1 FOR 5) AS prefix, count(*) AS n
		FROM sessions WHERE expires_at > $1 GROUP BY 2
		UNION ALL
		SELECT 'sign_ins', substring(token_digest FROM 1 FOR 5), count(*)
		FROM sign_ins WHERE ended_at IS NULL AND expires_at > $1 GROUP BY 2
		UNION ALL
		SELECT 'trusted_devices', substring(token_digest FROM 1 FOR 5), count(*)
		FROM trusted_devices WHERE expires_at > $1 GROUP BY 2
		UNION ALL
		SELECT 'access_tokens', substring(token_digest FROM 1 FOR 5), count(*)
		FROM access_tokens WHERE expires_at > $1 GROUP BY 2`, db.Now())
	if err != nil {
		return nil, fmt.Errorf("count bearers by key: %w", err)
	}
	var out []seal.Carried
	for _, r := range rows {
		out = append(out, seal.Carried{Purpose: "tokens", Table: r.Table, Prefix: r.Prefix, Rows: r.Rows})
	}
	return out, nil
}
