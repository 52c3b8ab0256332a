// Package proof is what judging a code sets off, wherever it was typed: at
// sign-in, at a confirmation, at an enrolment. One budget, one set of words,
// one set of warnings for all of them.
package proof

import (
	"context"
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
	"latchkey/internal/session"
)

// Judge charges wrong codes and carries out what a right one proves.
type Judge struct {
	Factors  *factor.Store
	Sessions *session.Store
	Outbox   *mail.Outbox
	Links    *account.Links
}

// words are said of what is no code: no next one comes by itself.
var words = map[factor.Kind]struct{ typo, used string }{
	factor.RecoveryKey:  {"fault.recovery_key_typo", "fault.recovery_key_used"},
	factor.RecoveryPass: {"fault.recovery_pass_typo", "fault.recovery_pass_used"},
}

// ChargeTx records a code that was not right and gives what to tell once that
// is committed; nil when the code was right. left counts the tries that remain
// to this sign-in, or to the account.
func (j *Judge) ChargeTx(ctx context.Context, tx *pg.Tx, by audit.Actor, lock *guard.Lock, u account.User, method string, o factor.Outcome) (*fault.Fault, error) {
	switch o {
	case factor.Right:
		return nil, nil
	case factor.Expired:
		return fault.New(fault.Refused, fault.CodeExpired), nil
	case factor.Typo:
		return fault.New(fault.Refused, fault.WrongCode).Say(words[factor.Kind(method)].typo, nil), nil
	}
	alarm, err := lock.FailTx(ctx, tx)
	if err != nil {
		return nil, err
	}
	told, word := fault.New(fault.Refused, fault.WrongCode), "wrong"
	if o == factor.Used {
		told, word = fault.New(fault.Refused, fault.CodeUsed), "used"
		if w, ok := words[factor.Kind(method)]; ok {
			told = told.Say(w.used, nil)
		}
	}
	err = audit.RecordTx(ctx, tx, by, audit.Event{
		Action: "code_refused", Subject: u.ID, Data: map[string]any{"method": method, "why": word},
	})
	if err != nil {
		return nil, err
	}
	return told, j.warnTx(ctx, tx, by, u, alarm)
}

// Charged reports whether an outcome counts as a failed guess.
func Charged(o factor.Outcome) bool { return o == factor.Wrong || o == factor.Used }

// warnTx mails the owner when guesses pile up, and writes a freeze down.
func (j *Judge) warnTx(ctx context.Context, tx *pg.Tx, by audit.Actor, u account.User, alarm guard.Alarm) error {
	switch alarm {
	case guard.Quiet:
		return nil
	case guard.Guessing:
		return j.TellTx(ctx, tx, u, func(notMe string) mail.Kind {
			return mail.PasswordGuessed{Failures: 10, Device: by.Device, Address: by.Address, At: tx.Now, NotMe: notMe}
		})
	}
	frozen := mail.AccountFrozen{Device: by.Device, Address: by.Address, At: tx.Now}
	if alarm == guard.Frozen {
		frozen.Until = tx.Now.Add(24 * time.Hour)
	}
	if err := audit.RecordTx(ctx, tx, by, audit.Event{Action: "frozen", Subject: u.ID}); err != nil {
		return err
	}
	return j.TellTx(ctx, tx, u, func(notMe string) mail.Kind {
		frozen.NotMe = notMe
		return frozen
	})
}

// TellTx queues a security notice with its "this wasn't me" link, whose token
// it hands to make.
func (j *Judge) TellTx(ctx context.Context, tx *pg.Tx, u account.User, make func(notMe string) mail.Kind) error {
	if ok, err := j.MayTellTx(ctx, tx, u); err != nil || !ok {
		return err
	}
	token, _, err := j.Links.MakeTx(ctx, tx, u.ID, account.NotMeLink, account.LinkData{ChangedAt: tx.Now})
	if err != nil {
		return err
	}
	_, err = j.Outbox.QueueTx(ctx, tx, To(u), make(token))
	return err
}

// NoteTx queues a notice that needs no such link.
func (j *Judge) NoteTx(ctx context.Context, tx *pg.Tx, u account.User, m mail.Kind) error {
	if ok, err := j.MayTellTx(ctx, tx, u); err != nil || !ok {
		return err
	}
	_, err := j.Outbox.QueueTx(ctx, tx, To(u), m)
	return err
}

// MayTellTx says whether a notice goes out. An address that was never proved
// may be a stranger's, whom whoever typed it could have mailed at will: it has
// a budget, beyond which notices are dropped. What they tell of is recorded all
// the same.
func (j *Judge) MayTellTx(ctx context.Context, tx *pg.Tx, u account.User) (bool, error) {
	if u.EmailVerified {
		return true, nil
	}
	wait, err := j.Factors.MailForeignTx(ctx, tx, u.Email)
	return err == nil && wait == 0, err
}

// To addresses a mail to a user.
func To(u account.User) mail.Envelope { return mail.Envelope{User: u.ID, To: u.Email, Name: u.Name} }

// AssuranceOf is what proving a method is worth.
func AssuranceOf(method string) session.Assurance {
	switch method {
	case string(factor.App), string(factor.RecoveryKey):
		return session.TwoFactor
	case string(factor.Email):
		return session.TwoStep
	}
	return session.Password
}

// Facts are what the policy needs to know of a user.
func Facts(u account.User, methods []factor.Method) policy.Facts {
	return policy.Facts{
		Admin: u.Role == account.Admin, HasEmail: factor.Has(methods, factor.Email), HasApp: factor.Has(methods, factor.App),
		CreatedAt: u.CreatedAt, EnrolBy: u.EnrolBy, RequiredFrom: u.RequiredFrom, ResetAt: u.ResetAt,
		ResetByMail: u.PasswordResetAt,
	}
}

// KeyUsedTx tells the user that a recovery key was spent, and when few are left.
func (j *Judge) KeyUsedTx(ctx context.Context, tx *pg.Tx, by audit.Actor, u account.User, left int) error {
	err := audit.RecordTx(ctx, tx, by, audit.Event{
		Action: "recovery_key_used", Subject: u.ID, Data: map[string]any{"left": left},
	})
	if err != nil {
		return err
	}
	err = j.TellTx(ctx, tx, u, func(notMe string) mail.Kind {
		return mail.RecoveryKeyUsed{Left: left, Device: by.Device, Address: by.Address, At: tx.Now, NotMe: notMe}
	})
	if err != nil || (left != factor.LowKeys && left != 0) {
		return err
	}
	return j.NoteTx(ctx, tx, u, mail.RecoveryKeysLow{Left: left})
}

// EndRestTx is invariant 7 in one place: other sessions, open sign-ins,
// trusted devices and reset links of the user.
func (j *Judge) EndRestTx(ctx context.Context, tx *pg.Tx, user uuid.UUID, keep session.Keep) error {
	if err := j.Sessions.EndRestTx(ctx, tx, user, keep); err != nil {
		return err
	}
	return account.EndLinksTx(ctx, tx, user, account.PasswordResetLink)
}
