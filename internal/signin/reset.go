package signin

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/guard"
	"latchkey/internal/mail"
	"latchkey/internal/pg"
	"latchkey/internal/policy"
	"latchkey/internal/proof"
	"latchkey/internal/session"
	"latchkey/internal/sso"
)

const (
	resetsPerHour = 5 // reset links per account
	answersAtOnce = 20
	answerEvery   = time.Second // the guarantee behind the wake
)

// AskReset writes a request for a reset link down, whether the address has an
// account or not: one row for both, so that both cost the same. The mail is
// made right after, by Answer.
func (f *Flow) AskReset(ctx context.Context, by audit.Actor, typed string) error {
	email, bad := account.CanonicalEmail(typed)
	if bad != nil {
		return bad
	}
	return f.DB.InTx(context.WithoutCancel(ctx), func(tx *pg.Tx) error {
		if err := f.Limits.CodeMailTx(ctx, tx, by.Address); err != nil {
			return err
		}
		tx.AfterCommit(f.Wake)
		return account.AskTx(ctx, tx, by, account.AskedReset, email)
	})
}

// Wake makes Answer look at once. It never blocks: Answer looks by itself each
// second.
func (f *Flow) Wake() {
	select {
	case f.asked <- struct{}{}:
	default:
	}
}

// Answer mails what was asked for, until ctx ends. Any number of processes may
// do so at once: each request is taken by one, with its answer in one commit.
func (f *Flow) Answer(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(answerEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-f.asked:
		}
		for more := true; more; {
			var err error
			if more, err = f.answer(ctx); err != nil && ctx.Err() == nil {
				log.Warn("answer requests by mail", "error", err)
			}
		}
	}
}

// answer carries out one batch and says whether there may be more.
func (f *Flow) answer(ctx context.Context) (more bool, err error) {
	err = f.DB.InTx(ctx, func(tx *pg.Tx) error {
		asked, err := account.TakeAskedTx(ctx, tx, answersAtOnce)
		if err != nil {
			return err
		}
		more = len(asked) == answersAtOnce
		// One transaction may hold several addresses' meters: always in one order.
		slices.SortFunc(asked, func(a, b account.Asked) int { return strings.Compare(a.Email, b.Email) })
		for _, a := range asked {
			var err error
			switch asker := a.For(ctx); a.Kind {
			case account.AskedReset:
				err = f.mailReset(asker, tx, a)
			case account.AskedSignUp, account.AskedChange:
				err = f.tellOwner(asker, tx, a)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return more && err == nil, err
}

func (f *Flow) mailReset(ctx context.Context, tx *pg.Tx, a account.Asked) error {
	u, found, err := account.ByEmail(ctx, tx, a.Email)
	if err != nil || !found || u.Status != account.Active {
		return err
	}
	if u.Disowned {
		return nil // it is no longer theirs, and opens nothing
	}
	n, err := account.LinksSinceTx(ctx, tx, u.ID, account.PasswordResetLink, tx.Now.Add(-time.Hour))
	if err != nil || n >= resetsPerHour {
		return err
	}
	if ok, err := f.Judge.MayTellTx(ctx, tx, u); err != nil || !ok {
		return err
	}
	token, until, err := f.Links.MakeTx(ctx, tx, u.ID, account.PasswordResetLink, account.LinkData{})
	if err != nil {
		return err
	}
	e := proof.To(u)
	e.ExpiresAt = until
	_, err = f.Outbox.QueueTx(ctx, tx, e, mail.PasswordReset{
		Token: token, ValidUntil: until, Device: a.By.Device, Address: a.By.Address, At: a.CreatedAt,
	})
	if err != nil {
		return err
	}
	return audit.RecordTx(ctx, tx, a.By, audit.Event{Action: "password_reset_asked", Subject: u.ID})
}

// ResetLink looks at a reset link without spending it: opening it is not using
// it, since scanners of mail open links.
func (f *Flow) ResetLink(ctx context.Context, token string) error {
	_, err := f.Links.Find(ctx, f.DB, account.PasswordResetLink, token, f.DB.Now())
	return err
}

// ResetPassword spends a reset link. It ends everything that is signed in and
// skips no second factor. An account whose address was never proved is taken
// over whole: whoever prepared it keeps nothing.
func (f *Flow) ResetPassword(ctx context.Context, by audit.Actor, token, password string) error {
	link, err := f.Links.Find(ctx, f.DB, account.PasswordResetLink, token, f.DB.Now())
	if err != nil {
		return err
	}
	u, err := account.ByID(ctx, f.DB, link.User)
	if err != nil {
		return err
	}
	rules, err := policy.Current(ctx, f.DB)
	if err != nil {
		return err
	}
	if bad := account.CheckPassword(password, rules.PasswordMinLength, u.Email, u.Name, f.Brand); bad != nil {
		return bad
	}
	hash, err := f.Passwords.Hash(ctx, password)
	if err != nil {
		return err
	}
	by.Kind, by.ID = audit.User, u.ID
	return f.DB.InTx(context.WithoutCancel(ctx), func(tx *pg.Tx) error {
		lock, err := guard.LockTx(ctx, tx, u.ID, by.Browser)
		if err != nil {
			return err
		}
		if err := f.Links.SpendTx(ctx, tx, link.ID); err != nil {
			return err
		}
		if u, err = account.ByID(ctx, tx, u.ID); err != nil {
			return err
		}
		if u.Status != account.Active {
			return fault.New(fault.Refused, fault.CodeExpired).Say("fault.link_expired", nil)
		}
		if !u.EverVerified {
			if err := f.takeOver(ctx, tx, by, u.ID); err != nil {
				return err
			}
		}
		return f.resetTx(ctx, tx, by, lock, u, hash)
	})
}

func (f *Flow) resetTx(ctx context.Context, tx *pg.Tx, by audit.Actor, lock *guard.Lock, u account.User, hash string) error {
	if err := f.Judge.EndRestTx(ctx, tx, u.ID, session.Keep{}); err != nil {
		return err
	}
	if err := lock.PasswordResetTx(ctx, tx); err != nil {
		return err
	}
	if err := account.ResetPasswordTx(ctx, tx, u.ID, hash); err != nil {
		return err
	}
	if by.Browser != uuid.Nil {
		// The owner gets out of a flood: this browser has meters of its own.
		if err := guard.KnowByResetTx(ctx, tx, u.ID, by.Browser, by.Device, by.Address); err != nil {
			return err
		}
	}
	if err := audit.RecordTx(ctx, tx, by, audit.Event{Action: "password_reset", Subject: u.ID}); err != nil {
		return err
	}
	return f.Judge.TellTx(ctx, tx, u, func(notMe string) mail.Kind {
		return mail.PasswordChanged{Device: by.Device, Address: by.Address, At: tx.Now, NotMe: notMe}
	})
}

// takeOver ends what somebody else may have prepared in an account whose
// address was never proved: methods, keys, sessions, tokens.
func (f *Flow) takeOver(ctx context.Context, tx *pg.Tx, by audit.Actor, user uuid.UUID) error {
	methods, err := factor.Methods(ctx, tx, user)
	if err != nil {
		return err
	}
	ids := make([]uuid.UUID, len(methods))
	for i, m := range methods {
		ids[i] = m.ID
	}
	if err := factor.RemoveTx(ctx, tx, user, ids...); err != nil {
		return err
	}
	if err := factor.DropEnrolmentsTx(ctx, tx, user); err != nil {
		return err
	}
	if err := factor.EndKeysTx(ctx, tx, user); err != nil {
		return err
	}
	if err := account.PreferTx(ctx, tx, user, ""); err != nil {
		return err
	}
	if err := f.Sessions.EndTokensTx(ctx, tx, user); err != nil {
		return err
	}
	if err := sso.EndSinceTx(ctx, tx, user, time.Time{}); err != nil {
		return err
	}
	if err := guard.ForgetTx(ctx, tx, user); err != nil {
		return err
	}
	return audit.RecordTx(ctx, tx, by, audit.Event{
		Action: "account_taken_over", Subject: user, Data: map[string]any{"methods": len(methods)},
	})
}
