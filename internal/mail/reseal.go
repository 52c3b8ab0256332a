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
		Purpose: "mail", Current: keys.Mail.Current(),
		Again: rotation.Sealed(keys.Mail, func(id uuid.UUID, p []string) []string { return row(id, p[0], p[1]) }),
		Table: "mails", Column: "sealed", Live: "state = 'queued' AND expires_at > $3", Parts: "ARRAY[kind, recipient]",
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
