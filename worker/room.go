package worker

import (
	"context"
	"crypto/rand"
	"log/slog"
	"math/big"
	"time"

	"latchkey/internal/account"
	"latchkey/internal/edge"
	"latchkey/internal/factor"
	"latchkey/internal/guard"
	outbox "latchkey/internal/mail"
	"latchkey/internal/pg"
	"latchkey/internal/policy"
	"latchkey/internal/session"
	"latchkey/internal/sso"
	"latchkey/internal/webhook"
	"latchkey/migrations"
)

const (
	roomEvery   = 5 * time.Minute
	roomBatches = 50                     // of one sweep in one round: the rest waits for the next
	roomRest    = 100 * time.Millisecond // between batches: nobody waits for room, others wait for the disk
)

// chore is work that nobody waits for. It does one bounded batch and says how
// many rows that touched; none means done for now.
type chore struct {
	name string
	do   func(context.Context, *pg.DB) (int64, error)
}

// chores are all of them. Each owner of a table knows what of it is over;
// nothing's correctness hangs on any of them being run.
func chores(out *outbox.Outbox) []chore {
	return []chore{
		{"sessions", session.Sweep},
		{"factors", factor.Sweep},
		{"recovery keys", sweepKeys},
		{"links", account.Sweep},
		{"meters", guard.Sweep},
		{"returns from providers", sso.Sweep},
		{"idempotency keys", func(ctx context.Context, db *pg.DB) (int64, error) { return edge.Keys{DB: db}.Sweep(ctx) }},
		{"webhook deliveries", webhook.Sweep},
		{"access tokens that end", tellOfTokens(out)},
		{"partitions of events", func(ctx context.Context, db *pg.DB) (int64, error) {
			return 0, migrations.Partitions(ctx, db.DB.DB, db.Now())
		}},
	}
}

// sweepKeys drops sealed recovery keys where the policy lets nobody view them.
func sweepKeys(ctx context.Context, db *pg.DB) (int64, error) {
	rules, err := policy.Current(ctx, db)
	if err != nil || rules.RecoveryKeysViewable {
		return 0, err
	}
	return factor.SweepKeys(ctx, db)
}

// room does every chore every few minutes, first soon after the start. Of
// several workers each does so, at times that chance keeps apart; rows that
// one holds the others pass over.
func room(ctx context.Context, db *pg.DB, all []chore, log *slog.Logger) {
	for pause(ctx, sometime(roomEvery/5)); ctx.Err() == nil; pause(ctx, roomEvery+sometime(roomEvery/5)) {
		for _, c := range all {
			if err := c.run(ctx, db); err != nil && ctx.Err() == nil {
				log.Warn("chore failed", "chore", c.name, "reason", outbox.Plain(err.Error()))
			}
		}
	}
}

func (c chore) run(ctx context.Context, db *pg.DB) error {
	for range roomBatches {
		n, err := c.do(ctx, db)
		if err != nil || n == 0 {
			return err
		}
		if pause(ctx, roomRest); ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// sometime is a random part of d.
func sometime(d time.Duration) time.Duration {
	n, err := rand.Int(rand.Reader, big.NewInt(int64(d)))
	if err != nil {
		return d / 2
	}
	return time.Duration(n.Int64())
}
