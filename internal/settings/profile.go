package settings

import (
	"context"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/mail"
	"latchkey/internal/policy"
	"latchkey/internal/proof"
	"latchkey/internal/session"
)

// Profile is the account as its user sees it.
type Profile struct {
	User      account.User
	TwoFactor bool
}

// Me reads the profile.
func (f *Flow) Me(ctx context.Context, in session.Session) (Profile, error) {
	a, err := f.view(ctx, in)
	return Profile{a.user, len(a.methods) > 0}, err
}

// Asked is what the policy asks of this user, and what would satisfy it.
type Asked struct {
	policy.Asks
	Satisfies []policy.Kind
	Methods   []factor.Method
}

// Asked reads what is asked of the user, by which rule, until when.
func (f *Flow) Asked(ctx context.Context, in session.Session) (Asked, error) {
	a, err := f.view(ctx, in)
	if err != nil {
		return Asked{}, err
	}
	return Asked{a.asks, a.policy.Enrollable(proof.Facts(a.user, a.methods)), a.methods}, nil
}

// Change is a patch of the profile; nil leaves a field as it is.
type Change struct {
	Name            *string
	PreferredMethod *string
}

// Patch changes name and preferred method.
func (f *Flow) Patch(ctx context.Context, by audit.Actor, in session.Session, c Change) (Profile, error) {
	var out Profile
	err := f.within(ctx, by, in, signedIn, func(ctx context.Context, a *act) error {
		if c.Name != nil {
			name, bad := account.CanonicalName(*c.Name)
			if bad != nil {
				return bad
			}
			if err := account.RenameTx(ctx, a.tx, a.user.ID, name); err != nil {
				return err
			}
			a.user.Name = name
		}
		if c.PreferredMethod != nil {
			if !factor.Has(a.methods, factor.Kind(*c.PreferredMethod)) {
				return fault.InField("preferred_method", "field.preferred_method.not_on", nil)
			}
			if err := account.PreferTx(ctx, a.tx, a.user.ID, *c.PreferredMethod); err != nil {
				return err
			}
			a.user.PreferredMethod = *c.PreferredMethod
		}
		out = Profile{a.user, len(a.methods) > 0}
		return a.event(ctx, "profile_changed", map[string]any{
			"name": c.Name != nil, "preferred_method": c.PreferredMethod != nil,
		})
	})
	return out, err
}

// SendVerification mails the code that proves the address, or repeats it.
func (f *Flow) SendVerification(ctx context.Context, by audit.Actor, in session.Session) (factor.Delivery, error) {
	var out factor.Delivery
	err := f.within(ctx, by, in, signedIn, func(ctx context.Context, a *act) error {
		if a.user.EmailVerified {
			return fault.New(fault.Conflict, fault.StateConflict).Say("fault.already_verified", nil)
		}
		var err error
		out, err = f.Factors.MailCodeTx(ctx, a.tx, a.by, factor.Request{
			User: a.user.ID, Name: a.user.Name, Address: a.user.Email, Purpose: factor.VerifyEmail,
			Holder: a.user.ID, CodeInSubject: a.policy.CodeInSubject,
		})
		return err
	})
	return out, err
}

// VerificationDelivery tells what became of the newest verification code.
func (f *Flow) VerificationDelivery(ctx context.Context, by audit.Actor, in session.Session) (factor.Delivery, error) {
	var out factor.Delivery
	err := f.within(ctx, by, in, signedIn, func(ctx context.Context, a *act) error {
		var err error
		out, err = f.Factors.DeliveryTx(ctx, a.tx, a.user.ID, factor.VerifyEmail, a.user.ID)
		return err
	})
	return out, err
}

// VerifyEmail tries the code that proves the address. It spends the account's
// one budget of wrong codes, like every other place that takes one.
func (f *Flow) VerifyEmail(ctx context.Context, by audit.Actor, in session.Session, code string) (Profile, error) {
	var (
		out  Profile
		told *fault.Fault
	)
	code = factor.CanonicalCode(code)
	if code == "" {
		return out, fault.InField("code", "field.code.empty", nil)
	}
	err := f.within(ctx, by, in, signedIn, func(ctx context.Context, a *act) error {
		if a.user.EmailVerified {
			return fault.New(fault.Conflict, fault.StateConflict).Say("fault.already_verified", nil)
		}
		if refused := a.lock.Refusal(); refused != nil {
			return refused
		}
		o, err := f.Factors.SpendCodeTx(ctx, a.tx, a.user.ID, factor.VerifyEmail, a.user.ID, a.user.Email, code)
		if err != nil {
			return err
		}
		if told, err = f.Judge.ChargeTx(ctx, a.tx, a.by, a.lock, a.user, "email", o); err != nil || told != nil {
			if told != nil {
				told = told.Left(a.lock.Left())
			}
			return err
		}
		if _, err := account.VerifyEmailTx(ctx, a.tx, a.user.ID); err != nil {
			return err
		}
		a.user.EmailVerified = true
		out = Profile{a.user, len(a.methods) > 0}
		return a.event(ctx, "email_verified", nil)
	})
	if err == nil && told != nil {
		return Profile{}, told
	}
	return out, err
}

// ChangePassword sets a new password. It ends everything else that is signed
// in, and what was frozen until the password changes.
func (f *Flow) ChangePassword(ctx context.Context, by audit.Actor, in session.Session, password string) error {
	a, err := f.view(ctx, in)
	if err != nil {
		return err
	}
	if !in.Confirmed(f.DB.Now()) {
		return fault.New(fault.Forbidden, fault.ConfirmationRequired)
	}
	if bad := account.CheckPassword(password, a.policy.PasswordMinLength, a.user.Email, a.user.Name, f.Brand); bad != nil {
		return bad
	}
	hash, err := f.Passwords.Hash(ctx, password)
	if err != nil {
		return err
	}
	return f.within(ctx, by, in, confirmed, func(ctx context.Context, a *act) error {
		if err := f.Judge.EndRestTx(ctx, a.tx, a.user.ID, a.keep()); err != nil {
			return err
		}
		if err := a.lock.UnlockTx(ctx, a.tx); err != nil {
			return err
		}
		if err := account.SetPasswordTx(ctx, a.tx, a.user.ID, hash); err != nil {
			return err
		}
		if err := a.event(ctx, "password_changed", nil); err != nil {
			return err
		}
		return f.notice(ctx, a, func(n mail.Notice) mail.Kind { return mail.PasswordChanged(n) })
	})
}

// Delete erases the account. Events keep its id alone. The last active admin
// stays.
func (f *Flow) Delete(ctx context.Context, by audit.Actor, in session.Session) error {
	return f.within(ctx, by, in, leaves, func(ctx context.Context, a *act) error {
		if a.user.Role == account.Admin {
			last, err := account.LastAdminTx(ctx, a.tx, a.user.ID)
			if err != nil {
				return err
			}
			if last {
				return fault.New(fault.Conflict, fault.StateConflict).Say("fault.last_admin", nil)
			}
		}
		if err := f.sayGoodbye(ctx, a); err != nil {
			return err
		}
		if err := a.event(ctx, "account_deleted", nil); err != nil {
			return err
		}
		return account.DeleteTx(ctx, a.tx, a.user.ID)
	})
}

// sayGoodbye forgets the mails of the account, then mails the address once
// more. That mail names no user: there is none any more. An address that was
// never proved gets none: it may be a stranger's, and accounts for it can be
// made and deleted over and over.
func (f *Flow) sayGoodbye(ctx context.Context, a *act) error {
	if err := f.Outbox.ForgetTx(ctx, a.tx, a.user.ID); err != nil || !a.user.EmailVerified {
		return err
	}
	_, err := f.Outbox.QueueTx(ctx, a.tx, mail.Envelope{To: a.user.Email, Name: a.user.Name}, mail.AccountDeleted{
		By: "user", Device: a.by.Device, Address: a.by.Address, At: a.tx.Now,
	})
	return err
}
