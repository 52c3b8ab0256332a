package worker

import (
	"context"
	"time"

	outbox "latchkey/internal/mail"
)

const (
	purgeEvery = time.Minute
	keepFor    = 30 * 24 * time.Hour // finished mails, for the pages that show them
)

// sweep writes expiry and makes room: one short statement a second. Nobody
// waits for it: a mail past its expiry is neither offered nor sent, and reads
// as expired.
func (w *Worker) sweep(ctx context.Context) {
	t := time.NewTicker(tick)
	defer t.Stop()
	purge := time.Now().Add(purgeEvery)
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		w.sender.Tidy()
		var err error
		if time.Now().After(purge) {
			var n int64
			if n, err = w.ledger.Purge(ctx, keepFor); n == 0 {
				purge = time.Now().Add(purgeEvery)
			}
		} else {
			_, err = w.ledger.Expire(ctx)
			if _, late := w.hooks.Expire(ctx); err == nil {
				err = late
			}
		}
		if err != nil && ctx.Err() == nil {
			w.log.Warn("sweep failed", "reason", outbox.Plain(err.Error()))
		}
	}
}
