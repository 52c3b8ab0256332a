package signin

import (
	"context"

	"latchkey/internal/audit"
	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/proof"
	"latchkey/internal/session"
)

// Screen is an open sign-in as a page shows it: its state, what became of the
// newest code, and what else may be offered.
type Screen struct {
	State
	Mailed      *factor.Delivery // newest code of this step; nil: none was asked for
	RecoveryKey bool             // some are left
	TrustDays   int              // 0: devices are not trusted
}

// Screen reads everything that a page of this sign-in draws. It changes
// nothing: a reload may call it as often as it likes.
func (f *Flow) Screen(ctx context.Context, by audit.Actor, token string) (Screen, error) {
	var out Screen
	err := f.within(ctx, by, token, func(ctx context.Context, s *step) error {
		var err error
		if out.State, err = f.open(ctx, s); err != nil {
			return err
		}
		if out.Mailed, err = f.mailed(ctx, s); err != nil {
			return err
		}
		set, _, err := factor.CurrentSet(ctx, s.tx, s.user.ID)
		if err != nil {
			return err
		}
		out.RecoveryKey = set.Left > 0
		if s.trusts() {
			out.TrustDays = s.policy.TrustedDeviceDays
		}
		return nil
	})
	return out, err
}

// trusts reports whether this user's devices may be trusted: under the
// stricter presets an admin's may not.
func (s *step) trusts() bool { return s.policy.TrustsDevices(proof.Facts(s.user, s.methods)) }

func (f *Flow) mailed(ctx context.Context, s *step) (*factor.Delivery, error) {
	d, err := f.Factors.DeliveryTx(ctx, s.tx, s.user.ID, s.purpose(), s.in.ID)
	switch {
	case err == nil:
	case !isAbsent(err):
		return nil, err
	case !s.in.Held:
		return nil, nil
	default:
		d = factor.Delivery{State: factor.Held, SentTo: s.user.Email, ExpiresAt: s.in.ExpiresAt, ResendAt: s.tx.Now}
	}
	return &d, nil
}

// OpenEnrolment gives the enrolment that waits for its code, so that a reload
// shows the same secret again while it counts for nothing. Once it is proved
// there is none, and the secret is never shown again.
func (f *Flow) OpenEnrolment(ctx context.Context, by audit.Actor, token string, k factor.Kind) (factor.Enrolment, error) {
	var out factor.Enrolment
	err := f.within(ctx, by, token, func(ctx context.Context, s *step) error {
		if s.in.Step != session.Enrolment || s.in.Enrolled {
			return fault.New(fault.Conflict, fault.StateConflict)
		}
		var err error
		out, err = f.Factors.OpenTx(ctx, s.tx, s.user.ID, s.in.ID, k)
		return err
	})
	return out, err
}
