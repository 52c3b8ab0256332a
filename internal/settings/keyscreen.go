package settings

import (
	"context"

	"github.com/google/uuid"

	"latchkey/internal/audit"
	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/proof"
	"latchkey/internal/session"
)

// ShowKeys gives the current recovery keys to a page, and changes nothing. It
// is 🔒, with one way around: keys whose "saved" was never said are shown after
// a sign-in whose second step was just done, since that proved the same things
// as a confirmation and nobody may be left without keys.
func (f *Flow) ShowKeys(ctx context.Context, by audit.Actor, in session.Session) (factor.Set, error) {
	var set factor.Set
	err := f.within(ctx, by, in, signedIn, func(ctx context.Context, a *act) error {
		var (
			has bool
			err error
		)
		set, has, err = f.Factors.KeysTx(ctx, a.tx, a.user.ID, a.policy.RecoveryKeysViewable)
		if err != nil {
			return err
		}
		if err := a.mayHoldKeys(set); err != nil {
			set = factor.Set{}
			return err
		}
		if !has {
			return noKeys
		}
		return nil
	})
	return set, err
}

// RenewKeys replaces the set that a page showed, named by its label. A second
// press of the button names a set that is gone: it makes nothing and mails
// nothing, and says so with a conflict.
func (f *Flow) RenewKeys(ctx context.Context, by audit.Actor, in session.Session, label string) error {
	return f.within(ctx, by, in, signedIn, func(ctx context.Context, a *act) error {
		set, has, err := factor.CurrentSet(ctx, a.tx, a.user.ID)
		if err != nil {
			return err
		}
		if err := a.mayHoldKeys(set); err != nil {
			return err
		}
		if !has || len(a.methods) == 0 {
			return noKeys
		}
		if set.Label != label {
			return fault.New(fault.Conflict, fault.StateConflict)
		}
		_, err = f.renew(ctx, a)
		return err
	})
}

// mayHoldKeys is check(confirmed), or a second step done a moment ago while
// the set is unsaved.
func (a *act) mayHoldKeys(set factor.Set) error {
	unsaved := set.Total > 0 && set.SavedAt == nil
	if a.reported() || (a.in.Method == string(factor.Email) && !a.policy.MailboxApart(proof.Facts(a.user, a.methods), a.tx.Now)) {
		unsaved = false // no way around: the mailbox alone must not give the keys
	}
	proved := a.in.MethodAt != nil && a.tx.Now.Before(a.in.MethodAt.Add(a.policy.Confirmation()))
	if unsaved && proved {
		return nil
	}
	return a.check(confirmed)
}

// OpenEnrolment gives the enrolment that waits for its code (🔒), and for email
// what became of the code. A reload shows the same secret while it counts for
// nothing; once proved it is never shown again.
func (f *Flow) OpenEnrolment(ctx context.Context, by audit.Actor, in session.Session, k factor.Kind) (factor.Enrolment, factor.Delivery, error) {
	var (
		e factor.Enrolment
		d factor.Delivery
	)
	err := f.within(ctx, by, in, needFor(k, uuid.Nil), func(ctx context.Context, a *act) error {
		var err error
		if e, err = f.Factors.OpenTx(ctx, a.tx, a.user.ID, a.in.ID, k); err != nil || k != factor.Email {
			return err
		}
		d, err = f.Factors.DeliveryTx(ctx, a.tx, a.user.ID, factor.Enrolling, a.in.ID)
		return err
	})
	return e, d, err
}
