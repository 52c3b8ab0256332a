package worker

import (
	"context"
	"time"

	"latchkey/internal/account"
	outbox "latchkey/internal/mail"
	"latchkey/internal/pg"
	"latchkey/internal/session"
)

const (
	tokenNotice   = 7 * 24 * time.Hour // before its end the owner of a token is told
	noticesAtOnce = 100
)

// tellOfTokens mails the owners of access tokens that end within a week, once
// for each token: taking it and queueing the mail is one commit.
func tellOfTokens(out *outbox.Outbox) func(context.Context, *pg.DB) (int64, error) {
	return func(ctx context.Context, db *pg.DB) (int64, error) {
		var n int64
		err := db.InTx(ctx, func(tx *pg.Tx) error {
			ending, err := session.ExpiringTx(ctx, tx, tokenNotice, noticesAtOnce)
			if err != nil {
				return err
			}
			n = int64(len(ending))
			for _, t := range ending {
				u, err := account.ByID(ctx, tx, t.User)
				if err != nil {
					return err
				}
				if u.Status != account.Active || t.ExpiresAt.Sub(t.CreatedAt) <= tokenNotice {
					continue // nobody to tell, or made for a week or less: no news
				}
				if !u.EmailVerified {
					continue // it may be a stranger's address, and tokens are made by the dozen
				}
				_, err = out.QueueTx(ctx, tx, outbox.Envelope{User: u.ID, To: u.Email, Name: u.Name, ExpiresAt: t.ExpiresAt},
					outbox.TokenExpiring{Label: t.Name, ExpiresAt: t.ExpiresAt})
				if err != nil {
					return err
				}
			}
			return nil
		})
		return n, err
	}
}
