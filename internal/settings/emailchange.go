package settings

import (
	"context"
	"errors"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/mail"
	"latchkey/internal/session"
)

// SendEmailChange mails a code to the address being changed to (🔒). One that
// belongs to someone else answers alike: its owner is told, no code goes out.
func (f *Flow) SendEmailChange(ctx context.Context, by audit.Actor, in session.Session, typed string) (factor.Delivery, error) {
	var out factor.Delivery
	email, bad := account.CanonicalEmail(typed)
	if bad != nil {
		return out, bad
	}
	err := f.within(ctx, by, in, confirmed, func(ctx context.Context, a *act) error {
		if email == a.user.Email {
			return fault.InField("email", "field.email.same", nil)
		}
		_, taken, err := account.ByEmail(ctx, a.tx, email)
		if err != nil {
			return err
		}
		// The code is made either way, so that both count, wait and expire
		// alike. What differs is which mail goes out: an owner gets a notice.
		asked := account.AskedNothing
		if taken {
			asked = account.AskedChange
		}
		out, err = f.Factors.MailCodeTx(ctx, a.tx, a.by, factor.Request{
			User: a.user.ID, Name: a.user.Name, Address: email, Purpose: factor.EmailChange,
			Holder: a.in.ID, CodeInSubject: a.policy.CodeInSubject, Silent: taken,
			Beside: func() error {
				a.tx.AfterCommit(f.Wake)
				return account.AskTx(ctx, a.tx, a.by, asked, email)
			},
		})
		return err
	})
	return out, err
}

// EmailChangeDelivery tells what became of the code to the new address.
func (f *Flow) EmailChangeDelivery(ctx context.Context, by audit.Actor, in session.Session) (factor.Delivery, error) {
	var out factor.Delivery
	err := f.within(ctx, by, in, signedIn, func(ctx context.Context, a *act) error {
		var err error
		out, err = f.Factors.DeliveryTx(ctx, a.tx, a.user.ID, factor.EmailChange, a.in.ID)
		return err
	})
	return out, err
}

// ChangeEmail moves the account to the address whose code is right. Asking for
// that code was 🔒, and it fits this session alone. The
// old address gets a notice and, for a week, a link that undoes it.
func (f *Flow) ChangeEmail(ctx context.Context, by audit.Actor, in session.Session, code string) (Profile, error) {
	var (
		out  Profile
		told *fault.Fault
	)
	code = factor.CanonicalCode(code)
	if code == "" {
		return out, fault.InField("code", "field.code.empty", nil)
	}
	err := f.within(ctx, by, in, signedIn, func(ctx context.Context, a *act) error {
		d, err := f.Factors.DeliveryTx(ctx, a.tx, a.user.ID, factor.EmailChange, a.in.ID)
		if errors.Is(err, fault.New(fault.NotFound, fault.Absent)) {
			return fault.New(fault.Conflict, fault.StateConflict)
		}
		if err != nil {
			return err
		}
		if d.SentTo == a.user.Email { // by a second press of the button: it is done
			return fault.New(fault.Conflict, fault.StateConflict)
		}
		if refused := a.lock.Refusal(); refused != nil {
			return refused
		}
		o, err := f.Factors.SpendCodeTx(ctx, a.tx, a.user.ID, factor.EmailChange, a.in.ID, d.SentTo, code)
		if err != nil {
			return err
		}
		if told, err = f.Judge.ChargeTx(ctx, a.tx, a.by, a.lock, a.user, "email", o); err != nil || told != nil {
			if told != nil {
				told = told.Left(a.lock.Left())
			}
			return err
		}
		if err := f.moveTo(ctx, a, d.SentTo); err != nil {
			return err
		}
		out = Profile{a.user, len(a.methods) > 0}
		return nil
	})
	if err == nil && told != nil {
		return Profile{}, told
	}
	return out, err
}

func (f *Flow) moveTo(ctx context.Context, a *act, email string) error {
	old := a.user
	err := account.ChangeEmailTx(ctx, a.tx, a.user.ID, email)
	if errors.Is(err, account.ErrTaken) { // meanwhile, by someone who proved it first
		return fault.New(fault.Conflict, fault.StateConflict)
	}
	if err != nil {
		return err
	}
	a.user.Email, a.user.EmailVerified = email, true
	if err := f.Judge.EndRestTx(ctx, a.tx, a.user.ID, a.keep()); err != nil {
		return err
	}
	if err := a.event(ctx, "email_changed", nil); err != nil {
		return err
	}
	undo, until, err := f.Links.MakeTx(ctx, a.tx, a.user.ID, account.EmailUndoLink, account.LinkData{
		ChangedAt: a.tx.Now, OldEmail: old.Email, NewEmail: email,
	})
	if err != nil {
		return err
	}
	return f.Judge.NoteTx(ctx, a.tx, old, mail.EmailChanged{
		NewEmail: email, Undo: undo, UndoUntil: until, Device: a.by.Device, Address: a.by.Address, At: a.tx.Now,
	})
}
