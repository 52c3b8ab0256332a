package admin

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/guard"
	"latchkey/internal/mail"
	"latchkey/internal/policy"
	"latchkey/internal/proof"
	"latchkey/internal/session"
)

// requireWithin bounds how far ahead an admin's requirement may begin.
const requireWithin = 366 * 24 * time.Hour

// Require asks two-factor of one user (🔒), now or from a date on. It has no
// grace; running sessions go on.
func (f *Flow) Require(ctx context.Context, by audit.Actor, in session.Session, id uuid.UUID, from *time.Time, reason string) error {
	return f.within(ctx, by, in, want{confirmed: true, about: id, reason: reason}, func(ctx context.Context, a *act) error {
		start := a.tx.Now.Truncate(time.Second)
		if from != nil {
			if from.Before(start.Add(-time.Minute)) || from.After(start.Add(requireWithin)) {
				return fault.InField("from", "admin.from_past", nil)
			}
			start = *from
		}
		facts := proof.Facts(a.user, a.methods)
		if len(a.policy.Enrollable(policy.Facts{Admin: facts.Admin})) == 0 {
			return fault.New(fault.Conflict, fault.StateConflict).Say("fault.nothing_to_enrol", nil)
		}
		if err := account.RequireTx(ctx, a.tx, a.user.ID, &start); err != nil {
			return err
		}
		if err := a.event(ctx, "two_factor_required", map[string]any{"from": start}); err != nil {
			return err
		}
		return f.tell(ctx, a, mail.AdminChangedTwoFactor{Change: "required", From: start})
	})
}

// Unrequire lifts an admin's requirement (🔒). It turns nothing off; the policy
// may go on requiring it. Lifting none is done already.
func (f *Flow) Unrequire(ctx context.Context, by audit.Actor, in session.Session, id uuid.UUID, reason string) error {
	return f.within(ctx, by, in, want{confirmed: true, about: id, reason: reason}, func(ctx context.Context, a *act) error {
		if a.user.RequiredFrom == nil {
			return nil
		}
		if err := account.RequireTx(ctx, a.tx, a.user.ID, nil); err != nil {
			return err
		}
		if err := a.event(ctx, "two_factor_not_required", nil); err != nil {
			return err
		}
		return f.tell(ctx, a, mail.AdminChangedTwoFactor{Change: "not_required"})
	})
}

// TurnOff turns somebody's two-factor off altogether (🔒), and ends what a
// reset asked for. While the policy or an admin requires it, it is refused
// (invariant 9): reset it, or lift the requirement first.
func (f *Flow) TurnOff(ctx context.Context, by audit.Actor, in session.Session, id uuid.UUID, reason string) error {
	return f.within(ctx, by, in, want{confirmed: true, about: id, reason: reason}, func(ctx context.Context, a *act) error {
		if len(a.methods) == 0 && a.user.ResetAt == nil {
			return fault.New(fault.Conflict, fault.StateConflict).Say("fault.two_factor_not_on_theirs", nil)
		}
		facts := proof.Facts(a.user, a.methods)
		facts.ResetAt = nil
		if a.policy.Ask(facts, a.tx.Now).Due {
			return fault.New(fault.Forbidden, fault.TwoFactorRequired).Say("fault.two_factor_required_theirs", nil)
		}
		if _, err := f.Judge.RemoveTx(ctx, a.tx, a.user, a.methods, nil, session.Keep{}); err != nil {
			return err
		}
		if err := account.NoResetTx(ctx, a.tx, a.user.ID); err != nil {
			return err
		}
		if err := a.event(ctx, "two_factor_off", nil); err != nil {
			return err
		}
		return f.tell(ctx, a, mail.AdminChangedTwoFactor{Change: "turned_off"})
	})
}

// ResetApp ends somebody's apps (🔒) and everything that is signed in; a method
// is set up again at the next sign-in. It is allowed while required.
func (f *Flow) ResetApp(ctx context.Context, by audit.Actor, in session.Session, id uuid.UUID, reason string) error {
	w := want{confirmed: true, support: true, about: id, reason: reason}
	return f.within(ctx, by, in, w, func(ctx context.Context, a *act) error {
		if !factor.Has(a.methods, factor.App) {
			return fault.New(fault.Conflict, fault.StateConflict).Say("fault.app_not_on", nil)
		}
		if err := f.reset(ctx, a, factor.App); err != nil {
			return err
		}
		if err := a.event(ctx, "app_reset", nil); err != nil {
			return err
		}
		return f.tell(ctx, a, mail.AdminChangedTwoFactor{Change: "app_reset"})
	})
}

// reset ends methods of a kind; the next sign-in asks for a remaining one, then
// leads to an enrolment.
func (f *Flow) reset(ctx context.Context, a *act, k factor.Kind) error {
	off, left := proof.Split(a.methods, func(m factor.Method) bool { return m.Kind == k })
	preferred, err := f.Judge.RemoveTx(ctx, a.tx, a.user, off, left, session.Keep{})
	if err != nil {
		return err
	}
	return account.ResetTx(ctx, a.tx, a.user.ID, preferred)
}

// Unlock empties the meters of wrong codes and passwords.
func (f *Flow) Unlock(ctx context.Context, by audit.Actor, in session.Session, id uuid.UUID, reason string) error {
	return f.within(ctx, by, in, want{support: true, about: id, reason: reason}, func(ctx context.Context, a *act) error {
		if err := a.lock.UnlockTx(ctx, a.tx); err != nil {
			return err
		}
		if err := guard.ForgetPasswordsTx(ctx, a.tx, f.Keys.Tokens.All("password_meter", a.user.Email)...); err != nil {
			return err
		}
		if err := a.event(ctx, "unlocked", nil); err != nil {
			return err
		}
		return f.tell(ctx, a, mail.AdminChangedTwoFactor{Change: "unlocked"})
	})
}

// EndSessions signs somebody out everywhere.
func (f *Flow) EndSessions(ctx context.Context, by audit.Actor, in session.Session, id uuid.UUID, reason string) error {
	return f.within(ctx, by, in, want{about: id, reason: reason}, func(ctx context.Context, a *act) error {
		n, err := f.Sessions.EndAllTx(ctx, a.tx, a.user.ID, uuid.Nil)
		if err != nil {
			return err
		}
		if err := a.event(ctx, "sessions_ended", map[string]any{"count": n}); err != nil {
			return err
		}
		return f.tell(ctx, a, mail.AdminChangedTwoFactor{Change: "sessions_ended"})
	})
}

// SendVerification mails the code that proves the address; to somebody who is
// invited, a fresh invitation.
func (f *Flow) SendVerification(ctx context.Context, by audit.Actor, in session.Session, id uuid.UUID, reason string) error {
	return f.within(ctx, by, in, want{about: id, reason: reason}, func(ctx context.Context, a *act) error {
		switch {
		case a.user.Status == account.Invited:
			return f.invite(ctx, a, a.user)
		case a.user.EmailVerified:
			return fault.New(fault.Conflict, fault.StateConflict).Say("fault.already_verified", nil)
		}
		_, err := f.Factors.MailCodeTx(ctx, a.tx, a.by, factor.Request{
			User: a.user.ID, Name: a.user.Name, Address: a.user.Email, Purpose: factor.VerifyEmail,
			Holder: a.user.ID, CodeInSubject: a.policy.CodeInSubject,
		})
		if err != nil {
			return err
		}
		return a.event(ctx, "verification_sent", nil)
	})
}

// lastAdmin refuses what would leave no active admin. The act holds the lock of
// admins, so of two who demote each other one comes second and is refused.
func (a *act) lastAdmin(ctx context.Context) error {
	last, err := account.LastAdminTx(ctx, a.tx, a.user.ID)
	if err != nil || !last {
		return err
	}
	return fault.New(fault.Conflict, fault.StateConflict).Say("fault.last_admin_theirs", nil)
}

var errTaken = fault.New(fault.Conflict, fault.StateConflict).Say("fault.address_has_account", nil)

func taken(err error) bool { return errors.Is(err, account.ErrTaken) }
