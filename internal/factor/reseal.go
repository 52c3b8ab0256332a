package factor

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"latchkey/internal/pg"
	"latchkey/internal/rotation"
	"latchkey/internal/seal"
)

// Columns lists what keys have made in this package's tables and can make
// anew: sealed secrets, and the digests of recovery keys that lie sealed
// beside them. Codes are over before anyone would ask.
func Columns(keys *seal.Keys) []rotation.Column {
	const user = "ARRAY[user_id::text]"
	return []rotation.Column{
		{
			Purpose: "app_secrets", Current: keys.AppSecrets.Current(), Again: rotation.Sealed(keys.AppSecrets, bound(secretRow)),
			Table: "methods", Column: "secret", Parts: user,
		},
		{
			Purpose: "app_secrets", Current: keys.AppSecrets.Current(), Again: rotation.Sealed(keys.AppSecrets, bound(secretRow)),
			Table: "enrolments", Column: "secret", Live: "expires_at > $3", Parts: user,
		},
		{
			Purpose: "recovery_seal", Current: keys.RecoverySeal.Current(), Again: rotation.Sealed(keys.RecoverySeal, bound(keySeal)),
			Table: "recovery_keys", Column: "sealed", Parts: user,
		},
		{
			Purpose: "mail", Current: keys.Mail.Current(), Again: rotation.Sealed(keys.Mail, bound(codeSeal)),
			Table: "codes", Column: "sealed", Live: "deadline > $3", Parts: user,
		},
		{
			Purpose: "recovery_keys", Current: keys.RecoveryKeys.Current(), Again: digestAgain(keys),
			Table: "recovery_keys", Column: "digest", Live: "sealed IS NOT NULL", Parts: "ARRAY[user_id::text, encode(sealed, 'hex')]",
		},
	}
}

// digestAgain digests a recovery key anew from its sealed copy, after it made
// sure that the two belong together.
func digestAgain(keys *seal.Keys) func(uuid.UUID, []byte, []string) ([]byte, error) {
	return func(id uuid.UUID, old []byte, parts []string) ([]byte, error) {
		sealed, err := hex.DecodeString(parts[1])
		if err != nil {
			return nil, err
		}
		plain, err := keys.RecoverySeal.Open(sealed, keySeal(uuid.MustParse(parts[0]), id)...)
		if err != nil {
			return nil, err
		}
		canonical, _ := CanonicalRecoveryKey(string(plain))
		if !keys.RecoveryKeys.Verify(old, parts[0], canonical) {
			return nil, errors.New("digest and sealed copy of a recovery key differ")
		}
		return keys.RecoveryKeys.Digest(parts[0], canonical), nil
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
