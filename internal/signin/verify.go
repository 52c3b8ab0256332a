package signin

import (
	"context"

	"github.com/google/uuid"

	"latchkey/internal/audit"
	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/proof"
	"latchkey/internal/session"
)

// Verify judges the second step. A wrong code is charged to the account and to
// this sign-in in the transaction that learns it is wrong, and that commits
// before anybody is told.
func (f *Flow) Verify(ctx context.Context, by audit.Actor, token, method, code string, trust bool) (State, error) {
	if err := checkTyped(method, code); err != nil {
		return State{}, err
	}
	var (
		out  State
		told *fault.Fault
	)
	err := f.within(ctx, by, token, func(ctx context.Context, s *step) error {
		if s.in.Step != session.SecondFactor {
			return fault.New(fault.Conflict, fault.StateConflict)
		}
		if err := f.mayVerify(s, method); err != nil {
			return err
		}
		if refused := s.lock.Refusal(); refused != nil {
			return refused
		}
		o, left, err := f.spend(ctx, s, method, code)
		if err != nil {
			return err
		}
		if o != factor.Right {
			told, err = f.charge(ctx, s, method, o)
			return err
		}
		s.in.TrustDevice = trust
		out, err = f.verified(ctx, s, method, left)
		return err
	})
	if err == nil && told != nil {
		return State{}, told
	}
	return out, err
}

// checkTyped refuses what no method could ever take.
func checkTyped(method, code string) error {
	switch method {
	case string(factor.Email), string(factor.App), string(factor.RecoveryKey), string(factor.RecoveryPass):
	default:
		return fault.InField("method", "field.method.unknown", nil)
	}
	if factor.CanonicalCode(code) == "" {
		return fault.InField("code", "field.code.empty", nil)
	}
	return nil
}

// mayVerify keeps a method away that is on but not taken by the policy, and an
// email code from finishing a sign-in for a day after the password was reset
// by mail: mailbox and password are then one channel. Nothing is judged then.
func (f *Flow) mayVerify(s *step, method string) error {
	if k := factor.Kind(method); factor.Has(s.methods, k) && !s.takes(k) {
		return fault.New(fault.Forbidden, fault.MethodNotAllowedByPolicy)
	}
	if method == string(factor.Email) && !s.policy.EmailCompletes(proof.Facts(s.user, s.methods), s.tx.Now) {
		return fault.New(fault.Forbidden, fault.OtherChannelRequired)
	}
	return nil
}

// spend tries the code on the one lock it was typed for.
func (f *Flow) spend(ctx context.Context, s *step, method, code string) (o factor.Outcome, left int, err error) {
	switch method {
	case string(factor.App):
		if s.takes(factor.App) {
			o, err = f.Factors.SpendAppTx(ctx, s.tx, s.user.ID, factor.CanonicalCode(code), s.policy.AppStepsAhead)
		}
	case string(factor.Email):
		if s.takes(factor.Email) {
			o, err = f.Factors.SpendCodeTx(ctx, s.tx, s.user.ID, factor.SignInCode, s.in.ID, s.user.Email, factor.CanonicalCode(code))
		}
	case string(factor.RecoveryKey):
		o, left, err = f.Factors.SpendKeyTx(ctx, s.tx, s.user.ID, code, s.by.Device)
	case string(factor.RecoveryPass):
		o, err = f.Factors.SpendPassTx(ctx, s.tx, s.user.ID, code)
	}
	return o, left, err // anything else is wrong, and charged
}

// charge counts what was not right and says how many tries are left.
func (f *Flow) charge(ctx context.Context, s *step, method string, o factor.Outcome) (*fault.Fault, error) {
	told, err := f.Judge.ChargeTx(ctx, s.tx, s.by, s.lock, s.user, method, o)
	if err != nil {
		return nil, err
	}
	left := session.SignInTries - s.in.Failures
	if proof.Charged(o) {
		if left, err = session.FailSignInTx(ctx, s.tx, s.in.ID); err != nil {
			return nil, err
		}
	}
	return told.Left(left), nil
}

// verified goes on after a right code: to a session, or, where the policy does
// not take the proved method any more, to the enrolment of another.
func (f *Flow) verified(ctx context.Context, s *step, method string, left int) (State, error) {
	s.in.Assurance, s.in.Proved = proof.AssuranceOf(method), method
	byKey, byPass := method == string(factor.RecoveryKey), method == string(factor.RecoveryPass)
	switch {
	case byKey:
		s.in.ByKey = true
		if err := f.Judge.KeyUsedTx(ctx, s.tx, s.by, s.user, left); err != nil {
			return State{}, err
		}
	case byPass:
		err := audit.RecordTx(ctx, s.tx, s.by, audit.Event{Action: "recovery_pass_used", Subject: s.user.ID})
		if err != nil {
			return State{}, err
		}
	}
	var (
		out State
		err error
	)
	if s.asks.Enrol || byPass { // a pass proves no factor: it opens an enrolment and nothing else
		s.in.Step = session.Enrolment
		if err := session.MoveTx(ctx, s.tx, s.in); err != nil {
			return State{}, err
		}
		out, err = f.open(ctx, s)
	} else {
		out, err = f.finish(ctx, s, finishing{assurance: s.in.Assurance, method: method, confirmed: byKey})
	}
	if byKey {
		out.KeysLeft = &left
	}
	return out, err
}

// Enrol begins an enrolment inside a sign-in. name is what an app is called.
func (f *Flow) Enrol(ctx context.Context, by audit.Actor, token string, k factor.Kind, name string) (factor.Enrolment, factor.Delivery, error) {
	var (
		out factor.Enrolment
		d   factor.Delivery
	)
	name, err := factor.CanonicalName(k, name)
	if err != nil {
		return out, d, err
	}
	err = f.within(ctx, by, token, func(ctx context.Context, s *step) error {
		if s.in.Step != session.Enrolment || s.in.Enrolled {
			return fault.New(fault.Conflict, fault.StateConflict)
		}
		var err error
		out, d, err = f.Judge.BeginTx(ctx, s.tx, s.enrolling(), k, name, uuid.Nil)
		return err
	})
	return out, d, err
}

// ConfirmEnrolment proves the method that is being enrolled and gives the
// recovery keys that come with a first one. It gives no session: that the keys
// are kept must be said first.
func (f *Flow) ConfirmEnrolment(ctx context.Context, by audit.Actor, token string, k factor.Kind, code string) ([]string, error) {
	if err := checkTyped(string(k), code); err != nil {
		return nil, err
	}
	var (
		keys []string
		told *fault.Fault
	)
	err := f.within(ctx, by, token, func(ctx context.Context, s *step) error {
		if s.in.Step != session.Enrolment {
			return fault.New(fault.Conflict, fault.StateConflict)
		}
		if s.in.Enrolled {
			return fault.New(fault.Conflict, fault.AlreadyEnabled)
		}
		var (
			o   factor.Outcome
			err error
		)
		keys, o, told, err = f.Judge.ConfirmTx(ctx, s.tx, s.enrolling(), k, code)
		if err != nil {
			return err
		}
		if o == factor.Right {
			s.in.Enrolled, s.in.Proved = true, string(k)
			if a := proof.AssuranceOf(string(k)); a.Rank() > s.in.Assurance.Rank() {
				s.in.Assurance = a
			}
			return session.MoveTx(ctx, s.tx, s.in)
		}
		left := session.SignInTries - s.in.Failures
		if proof.Charged(o) {
			if left, err = session.FailSignInTx(ctx, s.tx, s.in.ID); err != nil {
				return err
			}
		}
		told = told.Left(left)
		return nil
	})
	if err == nil && told != nil {
		return nil, told
	}
	if keys == nil {
		keys = []string{}
	}
	return keys, err
}

// Saved finishes a sign-in whose enrolment was proved: the user says that the
// recovery keys are kept.
func (f *Flow) Saved(ctx context.Context, by audit.Actor, token string) (State, error) {
	var out State
	err := f.within(ctx, by, token, func(ctx context.Context, s *step) error {
		if s.in.Step != session.Enrolment || !s.in.Enrolled {
			return fault.New(fault.Conflict, fault.StateConflict)
		}
		if err := factor.SavedTx(ctx, s.tx, s.user.ID, s.policy.RecoveryKeysViewable); err != nil {
			return err
		}
		var err error
		out, err = f.enrolled(ctx, s)
		return err
	})
	return out, err
}

// enrolled finishes a sign-in that came to an enrolment. A recovery key that
// was spent on the way counts as it does without one.
func (f *Flow) enrolled(ctx context.Context, s *step) (State, error) {
	out, err := f.finish(ctx, s, finishing{assurance: s.in.Assurance, method: s.in.Proved, confirmed: s.in.ByKey})
	if err != nil || !s.in.ByKey {
		return out, err
	}
	return out, s.keysLeft(ctx, &out)
}

// Skip puts an enrolment off while its date lies ahead.
func (f *Flow) Skip(ctx context.Context, by audit.Actor, token string) (State, error) {
	var out State
	err := f.within(ctx, by, token, func(ctx context.Context, s *step) error {
		if s.in.Step != session.Enrolment || s.skippableUntil() == nil {
			return fault.New(fault.Conflict, fault.StateConflict).Say("fault.not_skippable", nil)
		}
		var err error
		out, err = f.enrolled(ctx, s)
		return err
	})
	return out, err
}

// UnsavedKeys gives the keys that the saved-gate shows again after a reload, while
// this sign-in waits for the word that they are kept.
func (f *Flow) UnsavedKeys(ctx context.Context, by audit.Actor, token string) (factor.Set, error) {
	var set factor.Set
	err := f.within(ctx, by, token, func(ctx context.Context, s *step) error {
		if s.in.Step != session.Enrolment || !s.in.Enrolled {
			return fault.New(fault.Conflict, fault.StateConflict)
		}
		var err error
		set, _, err = f.Factors.KeysTx(ctx, s.tx, s.user.ID, s.policy.RecoveryKeysViewable)
		if set.SavedAt != nil {
			set.Keys = nil // kept already: shown in a session only, after a confirmation
		}
		return err
	})
	return set, err
}
