package factor

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"latchkey/internal/pg"
	"latchkey/internal/rotation"
	"latchkey/internal/seal"
)

// Sealed lists the columns of this package that hold sealed secrets. The row
// that each secret is bound to stays the same, so a swapped one stays closed.
func Sealed(keys *seal.Keys) []rotation.Column {
	return []rotation.Column{
		{
			Name: "methods", Sealer: keys.AppSecrets, Bound: bound(secretRow),
			Stale: `
				SELECT id, secret, ARRAY[user_id::text] FROM methods
				WHERE kind = 'app' AND substring(secret FROM 1 FOR 5) <> $1 AND id > $2 AND $3::timestamptz IS NOT NULL
				ORDER BY id LIMIT $4`,
			Swap: `
				UPDATE methods m SET secret = held.fresh
				FROM (SELECT m.id, n.fresh FROM methods m
				      JOIN unnest($1::uuid[], $2::bytea[], $3::bytea[]) AS n (id, old, fresh) ON n.id = m.id AND n.old = m.secret
				      FOR UPDATE OF m SKIP LOCKED) held
				WHERE m.id = held.id`,
		},
		{
			Name: "enrolments", Sealer: keys.AppSecrets, Bound: bound(secretRow),
			Stale: `
				SELECT id, secret, ARRAY[user_id::text] FROM enrolments
				WHERE secret IS NOT NULL AND expires_at > $3 AND substring(secret FROM 1 FOR 5) <> $1 AND id > $2
				ORDER BY id LIMIT $4`,
			Swap: `
				UPDATE enrolments e SET secret = held.fresh
				FROM (SELECT e.id, n.fresh FROM enrolments e
				      JOIN unnest($1::uuid[], $2::bytea[], $3::bytea[]) AS n (id, old, fresh) ON n.id = e.id AND n.old = e.secret
				      FOR UPDATE OF e SKIP LOCKED) held
				WHERE e.id = held.id`,
		},
		{
			Name: "recovery_keys", Sealer: keys.RecoverySeal, Bound: bound(keySeal),
			Stale: `
				SELECT id, sealed, ARRAY[user_id::text] FROM recovery_keys
				WHERE sealed IS NOT NULL AND substring(sealed FROM 1 FOR 5) <> $1 AND id > $2 AND $3::timestamptz IS NOT NULL
				ORDER BY id LIMIT $4`,
			Swap: `
				UPDATE recovery_keys k SET sealed = held.fresh
				FROM (SELECT k.id, n.fresh FROM recovery_keys k
				      JOIN unnest($1::uuid[], $2::bytea[], $3::bytea[]) AS n (id, old, fresh) ON n.id = k.id AND n.old = k.sealed
				      FOR UPDATE OF k SKIP LOCKED) held
				WHERE k.id = held.id`,
		},
		{
			Name: "codes", Sealer: keys.Mail, Bound: bound(codeSeal),
			Stale: `
				SELECT id, sealed, ARRAY[user_id::text] FROM codes
				WHERE sealed IS NOT NULL AND deadline > $3 AND substring(sealed FROM 1 FOR 5) <> $1 AND id > $2
				ORDER BY id LIMIT $4`,
			Swap: `
				UPDATE codes c SET sealed = held.fresh
				FROM (SELECT c.id, n.fresh FROM codes c
				      JOIN unnest($1::uuid[], $2::bytea[], $3::bytea[]) AS n (id, old, fresh) ON n.id = c.id AND n.old = c.sealed
				      FOR UPDATE OF c SKIP LOCKED) held
				WHERE c.id = held.id`,
		},
	}
}

// bound makes a binding by user and row out of the one that seals.
func bound(row func(user, row uuid.UUID) []string) func(uuid.UUID, []string) []string {
	return func(id uuid.UUID, parts []string) []string { return row(uuid.MustParse(parts[0]), id) }
}

// KeyRows counts the live rows of this package by the key that made them. A
// recovery key is live until it is used or its set is replaced.
func KeyRows(ctx context.Context, db *pg.DB) ([]seal.Carried, error) {
	var rows []struct {
		Purpose string `db:"purpose"`
		Table   string `db:"what"`
		Prefix  []byte `db:"prefix"`
		Rows    int64  `db:"n"`
	}
	err := db.SelectContext(ctx, &rows, `
		SELECT 'app_secrets' AS purpose, 'methods' AS what, substring(secret FROM 1 FOR 5) AS prefix, count(*) AS n
		FROM methods WHERE kind = 'app' GROUP BY 3
		UNION ALL
		SELECT 'app_secrets', 'enrolments', substring(secret FROM 1 FOR 5), count(*)
		FROM enrolments WHERE secret IS NOT NULL AND expires_at > $1 GROUP BY 3
		UNION ALL
		SELECT 'recovery_seal', 'recovery_keys', substring(sealed FROM 1 FOR 5), count(*)
		FROM recovery_keys WHERE sealed IS NOT NULL GROUP BY 3
		UNION ALL
		SELECT 'mail', 'codes', substring(sealed FROM 1 FOR 5), count(*)
		FROM codes WHERE sealed IS NOT NULL AND deadline > $1 GROUP BY 3
		UNION ALL
		SELECT 'codes', 'codes', substring(digest FROM 1 FOR 5), count(*)
		FROM codes WHERE used_at IS NULL AND deadline > $1 GROUP BY 3
		UNION ALL
		SELECT 'recovery_keys', 'recovery_keys', substring(k.digest FROM 1 FOR 5), count(*)
		FROM recovery_keys k JOIN recovery_sets s ON s.id = k.set_id
		WHERE k.used_at IS NULL AND s.replaced_at IS NULL GROUP BY 3
		UNION ALL
		SELECT 'recovery_keys', 'recovery_passes', substring(digest FROM 1 FOR 5), count(*)
		FROM recovery_passes WHERE digest IS NOT NULL AND used_at IS NULL AND expires_at > $1 GROUP BY 3`, db.Now())
	if err != nil {
		return nil, fmt.Errorf("count rows by key: %w", err)
	}
	out := make([]seal.Carried, len(rows))
	for i, r := range rows {
		out[i] = seal.Carried(r)
	}
	return out, nil
}
