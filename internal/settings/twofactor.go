package settings

import (
	"context"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/mail"
	"latchkey/internal/policy"
	"latchkey/internal/proof"
	"latchkey/internal/session"
)

// TwoFactor is the state of a user's second factor.
type TwoFactor struct {
	Methods     []factor.Method
	Preferred   string
	KeysTotal   int
	KeysLeft    int
	GeneratedAt *time.Time
	KeysUnsaved bool // keys exist and "saved" was never said
	By          policy.By
	From        *time.Time
}

// TwoFactor reads the state.
func (f *Flow) TwoFactor(ctx context.Context, in session.Session) (TwoFactor, error) {
	a, err := f.view(ctx, in)
	if err != nil {
		return TwoFactor{}, err
	}
	set, has, err := factor.CurrentSet(ctx, f.DB, in.User)
	return twoFactor(a, set, has), err
}

func twoFactor(a *act, set factor.Set, has bool) TwoFactor {
	out := TwoFactor{Methods: a.methods, Preferred: a.user.PreferredMethod, By: a.asks.By, From: a.asks.From}
	if has {
		out.KeysTotal, out.KeysLeft, out.GeneratedAt = set.Total, set.Left, &set.GeneratedAt
		out.KeysUnsaved = set.SavedAt == nil
	}
	return out
}

// Enrol begins to turn on a method (🔒). replaces is an app's id, or zero.
func (f *Flow) Enrol(ctx context.Context, by audit.Actor, in session.Session, k factor.Kind, name string, replaces uuid.UUID) (factor.Enrolment, factor.Delivery, error) {
	var (
		out factor.Enrolment
		d   factor.Delivery
	)
	name, err := factor.CanonicalName(k, name)
	if err != nil {
		return out, d, err
	}
	err = f.within(ctx, by, in, needFor(k, replaces), func(ctx context.Context, a *act) error {
		if k == factor.Email && replaces != uuid.Nil {
			return fault.InField("replaces", "field.replaces.apps_only", nil)
		}
		if k == factor.Email && !a.user.EmailVerified && !factor.Has(a.methods, factor.Email) {
			return fault.New(fault.Conflict, fault.EmailNotVerified)
		}
		var err error
		out, d, err = f.Judge.BeginTx(ctx, a.tx, a.enrolling(), k, name, replaces)
		return err
	})
	return out, d, err
}

func needFor(k factor.Kind, replaces uuid.UUID) need {
	if k == factor.App && replaces == uuid.Nil {
		return addsApp
	}
	return confirmed
}

func (a *act) enrolling() proof.Enrolling {
	return proof.Enrolling{
		By: a.by, User: a.user, Methods: a.methods, Lock: a.lock, Policy: a.policy, Holder: a.in.ID, Keep: a.keep(),
	}
}

// EnrolmentDelivery tells what became of the code of an email enrolment.
func (f *Flow) EnrolmentDelivery(ctx context.Context, by audit.Actor, in session.Session) (factor.Delivery, error) {
	var out factor.Delivery
	err := f.within(ctx, by, in, signedIn, func(ctx context.Context, a *act) error {
		var err error
		out, err = f.Factors.DeliveryTx(ctx, a.tx, a.user.ID, factor.Enrolling, a.in.ID)
		return err
	})
	return out, err
}

// ConfirmEnrolment proves the method that is being enrolled (🔒). keys are the
// new recovery keys, nil when the user keeps the set there was. Who calls by
// API has them in hand with the answer, which counts as saying so (saved).
func (f *Flow) ConfirmEnrolment(ctx context.Context, by audit.Actor, in session.Session, k factor.Kind, code string, saved bool) ([]string, error) {
	if _, err := factor.CanonicalName(k, ""); err != nil {
		return nil, err
	}
	if factor.CanonicalCode(code) == "" {
		return nil, fault.InField("code", "field.code.empty", nil)
	}
	var (
		keys []string
		told *fault.Fault
	)
	err := f.within(ctx, by, in, needFor(k, uuid.Nil), func(ctx context.Context, a *act) error {
		var (
			o   factor.Outcome
			err error
		)
		keys, o, told, err = f.Judge.ConfirmTx(ctx, a.tx, a.enrolling(), k, code)
		if err != nil {
			return err
		}
		if o != factor.Right {
			told = told.Left(a.lock.Left())
			return nil
		}
		if len(keys) > 0 && saved {
			if err := factor.SavedTx(ctx, a.tx, a.user.ID, a.policy.RecoveryKeysViewable); err != nil {
				return err
			}
		}
		return f.Sessions.RaiseTx(ctx, a.tx, a.in, string(k), proof.AssuranceOf(string(k)))
	})
	if err == nil && told != nil {
		return nil, told
	}
	return keys, err
}

// TurnOff turns one method off (🔒). With the last one the recovery keys end.
func (f *Flow) TurnOff(ctx context.Context, by audit.Actor, in session.Session, id uuid.UUID) (TwoFactor, error) {
	return f.turnOff(ctx, by, in, func(m factor.Method) bool { return m.ID == id }, fault.New(fault.NotFound, fault.Absent))
}

// TurnOffAll turns two-factor off (🔒).
func (f *Flow) TurnOffAll(ctx context.Context, by audit.Actor, in session.Session) (TwoFactor, error) {
	none := fault.New(fault.Conflict, fault.StateConflict).Say("fault.two_factor_not_on", nil)
	return f.turnOff(ctx, by, in, func(factor.Method) bool { return true }, none)
}

func (f *Flow) turnOff(ctx context.Context, by audit.Actor, in session.Session, which func(factor.Method) bool, none error) (TwoFactor, error) {
	var out TwoFactor
	err := f.within(ctx, by, in, confirmed, func(ctx context.Context, a *act) error {
		off, left := proof.Split(a.methods, which)
		switch {
		case len(off) == 0:
			return none
		case len(left) == 0 && a.asks.Due:
			return fault.New(fault.Forbidden, fault.TwoFactorRequired)
		}
		if err := f.remove(ctx, a, off, left); err != nil {
			return err
		}
		if err := f.tellOff(ctx, a, off, left); err != nil {
			return err
		}
		set, has, err := factor.CurrentSet(ctx, a.tx, a.user.ID)
		if err != nil {
			return err
		}
		a.methods = left
		a.asks = a.policy.Ask(proof.Facts(a.user, left), a.tx.Now)
		out = twoFactor(a, set, has)
		return nil
	})
	return out, err
}

// remove turns methods off and ends what they held up.
func (f *Flow) remove(ctx context.Context, a *act, off, left []factor.Method) error {
	var err error
	a.user.PreferredMethod, err = f.Judge.RemoveTx(ctx, a.tx, a.user, off, left, a.keep())
	return err
}

func (f *Flow) tellOff(ctx context.Context, a *act, off, left []factor.Method) error {
	for _, m := range off {
		if err := a.event(ctx, "method_off", map[string]any{"method": m.Kind, "name": m.Name}); err != nil {
			return err
		}
		if len(left) == 0 {
			continue
		}
		err := f.notice(ctx, a, func(n mail.Notice) mail.Kind {
			return mail.MethodOff{
				Method: string(m.Kind), Label: m.Name, Device: n.Device, Address: n.Address, At: n.At, NotMe: n.NotMe,
			}
		})
		if err != nil {
			return err
		}
	}
	if len(left) > 0 {
		return nil
	}
	if err := a.event(ctx, "two_factor_off", nil); err != nil {
		return err
	}
	return f.notice(ctx, a, func(n mail.Notice) mail.Kind { return mail.TwoFactorOff(n) })
}

// ResetApp ends the user's apps (🔒) and everything that is signed in; a
// method is set up again at the next sign-in. It is allowed while required.
func (f *Flow) ResetApp(ctx context.Context, by audit.Actor, in session.Session) error {
	return f.within(ctx, by, in, confirmed, func(ctx context.Context, a *act) error {
		if !factor.Has(a.methods, factor.App) {
			return fault.New(fault.Conflict, fault.StateConflict).Say("fault.app_not_on", nil)
		}
		off, left := proof.Split(a.methods, func(m factor.Method) bool { return m.Kind == factor.App })
		if err := f.remove(ctx, a, off, left); err != nil {
			return err
		}
		if _, err := f.Sessions.EndAllTx(ctx, a.tx, a.user.ID, uuid.Nil); err != nil {
			return err
		}
		if err := account.ResetTx(ctx, a.tx, a.user.ID, a.user.PreferredMethod); err != nil {
			return err
		}
		if err := a.event(ctx, "app_reset", nil); err != nil {
			return err
		}
		return f.notice(ctx, a, func(n mail.Notice) mail.Kind { return mail.AppReset(n) })
	})
}
