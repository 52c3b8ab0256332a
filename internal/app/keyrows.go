package app

import (
	"context"

	"latchkey/internal/account"
	"latchkey/internal/edge"
	"latchkey/internal/factor"
	"latchkey/internal/mail"
	"latchkey/internal/pg"
	"latchkey/internal/rotation"
	"latchkey/internal/seal"
	"latchkey/internal/session"
)

// KeyRows counts the live rows of all tables by the key that they need. The
// meters of wrong passwords are not among them: they forget within a day and
// open nothing.
func KeyRows(ctx context.Context, db *pg.DB) ([]seal.Carried, error) {
	var out []seal.Carried
	for _, count := range []func(context.Context, *pg.DB) ([]seal.Carried, error){
		factor.KeyRows, mail.KeyRows, session.KeyRows, account.KeyRows, edge.KeyRows,
	} {
		rows, err := count(ctx, db)
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	return out, nil
}

// Sealed lists the columns of all tables that hold what one purpose sealed;
// none for purposes that only digest.
func Sealed(keys *seal.Keys, purpose string) []rotation.Column {
	of := map[string]*seal.Sealer{"app_secrets": keys.AppSecrets, "recovery_seal": keys.RecoverySeal, "mail": keys.Mail}
	var out []rotation.Column
	for _, c := range append(factor.Sealed(keys), mail.Sealed(keys)) {
		if c.Sealer == of[purpose] {
			out = append(out, c)
		}
	}
	return out
}
