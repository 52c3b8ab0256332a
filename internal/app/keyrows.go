package app

import (
	"context"
	"slices"

	"latchkey/internal/account"
	"latchkey/internal/edge"
	"latchkey/internal/factor"
	"latchkey/internal/mail"
	"latchkey/internal/pg"
	"latchkey/internal/rotation"
	"latchkey/internal/seal"
	"latchkey/internal/session"
	"latchkey/internal/webhook"
)

// KeyRows counts the live rows of all tables by the key that they need. The
// meters of wrong passwords and of mails to unproved addresses are not among
// them: they forget within a day and open nothing.
func KeyRows(ctx context.Context, db *pg.DB) ([]seal.Carried, error) {
	var out []seal.Carried
	for _, count := range []func(context.Context, *pg.DB) ([]seal.Carried, error){
		factor.KeyRows, mail.KeyRows, session.KeyRows, account.KeyRows, edge.KeyRows, webhook.KeyRows,
	} {
		rows, err := count(ctx, db)
		if err != nil {
			return nil, err
		}
		out = append(out, rows...)
	}
	return out, nil
}

// Columns lists what keys of one purpose have made, in all tables, and can make
// anew; none for purposes whose digests only their owners could repeat.
func Columns(keys *seal.Keys, purpose string) []rotation.Column {
	var out []rotation.Column
	for _, c := range slices.Concat(factor.Columns(keys), webhook.Columns(keys), []rotation.Column{mail.Column(keys)}) {
		if c.Purpose == purpose {
			out = append(out, c)
		}
	}
	return out
}
