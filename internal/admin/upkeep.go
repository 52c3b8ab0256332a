package admin

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/mail"
	"latchkey/internal/pg"
	"latchkey/internal/policy"
	"latchkey/internal/proof"
)

const (
	upkeepEvery     = time.Minute
	deadlinesAtOnce = 2000
	remindAtOnce    = 100
)

// wakeUp never blocks: Upkeep looks by itself each minute.
func (f *Flow) wakeUp() {
	select {
	case f.saved <- struct{}{}:
	default:
	}
}

// Upkeep does what a policy needs beside requests, until ctx ends: it stores
// deadlines after a save, reminds of them, and counts today's coverage. Any
// number of processes may do so at once, and each part may be done twice.
func (f *Flow) Upkeep(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(upkeepEvery)
	defer tick.Stop()
	for {
		whole := false
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			whole = true
		case <-f.saved:
		}
		err := f.StoreDeadlines(ctx)
		if whole && err == nil {
			err = f.Daily(ctx)
		}
		if err != nil && ctx.Err() == nil {
			log.Warn("upkeep of the policy", "error", err)
		}
	}
}

// Daily stores the deadlines of accounts made since the save, reminds whoever
// is due, and counts coverage.
func (f *Flow) Daily(ctx context.Context) error {
	now, err := policy.Current(ctx, f.DB)
	if err != nil {
		return err
	}
	if now.Require != policy.Nobody {
		if err := f.store(ctx, now, time.Time{}); err != nil {
			return err
		}
		if err := f.Remind(ctx); err != nil {
			return err
		}
	}
	return f.countCoverage(ctx)
}

// StoreDeadlines stores, in batches, the deadlines of every version that was
// saved and not stored yet. A version's rules hold for accounts made before the
// next one was saved.
func (f *Flow) StoreDeadlines(ctx context.Context) error {
	due, until, err := policy.DeadlinesDue(ctx, f.DB)
	if err != nil {
		return err
	}
	for i, p := range due {
		if err := f.store(ctx, p, until[i]); err != nil {
			return err
		}
		if err := policy.DeadlinesStored(ctx, f.DB, p.Version); err != nil {
			return err
		}
	}
	return nil
}

func (f *Flow) store(ctx context.Context, p policy.Policy, before time.Time) error {
	if p.Require == policy.Nobody {
		return nil
	}
	d := account.Deadline{Start: p.SavedAt, Grace: p.Grace(), AdminsOnly: p.Require == policy.Admins, Before: before}
	if p.StartsAt != nil {
		d.Start = *p.StartsAt
	}
	for after, more := uuid.Nil, true; more; {
		var err error
		if after, more, err = account.StoreDeadlines(ctx, f.DB, d, after, deadlinesAtOnce); err != nil {
			return err
		}
	}
	return nil
}

// Remind mails those whose deadline comes near, a week and a day before it.
func (f *Flow) Remind(ctx context.Context) error {
	for more := true; more; {
		err := f.DB.InTx(ctx, func(tx *pg.Tx) error {
			p, err := policy.Current(ctx, tx)
			if err != nil || p.Require == policy.Nobody {
				more = false
				return err
			}
			due, err := toRemind(ctx, tx, p.Require == policy.Admins, remindAtOnce)
			if err != nil {
				return err
			}
			more = len(due) == remindAtOnce
			ids := make([]uuid.UUID, len(due))
			for i, u := range due {
				ids[i] = u.ID
				ok, err := f.Judge.MayTellTx(ctx, tx, u)
				if err != nil {
					return err
				}
				if !ok {
					continue
				}
				e := proof.To(u)
				e.ExpiresAt = *u.EnrolBy
				if _, err := f.Outbox.QueueTx(ctx, tx, e, mail.TwoFactorRequiredFrom{From: u.EnrolBy.UTC()}); err != nil {
					return err
				}
			}
			return account.RemindedTx(ctx, tx, ids)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
