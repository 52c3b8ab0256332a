package proof

import (
	"context"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/pg"
	"latchkey/internal/policy"
	"latchkey/internal/session"
)

// MayRule says why a session is not open to an admin's 🔒 acts; nil: it is. It
// wants a confirmation of the last five minutes, by a proof that the policy
// takes and that is older than a change which the admin reported.
func MayRule(in session.Session, u account.User, methods []factor.Method, p policy.Policy, now time.Time) error {
	if !in.ConfirmedToRule(now) {
		return fault.New(fault.Forbidden, fault.ConfirmationRequired)
	}
	if u.ReportedUntil != nil && u.ReportedUntil.After(now) &&
		(in.ConfirmedSince == nil || !in.ConfirmedSince.Before(*u.ReportedAt)) {
		return fault.New(fault.Forbidden, fault.NotAllowed).Say("fault.reported", nil)
	}
	if in.ConfirmedBy == string(factor.Email) && !p.ConfirmsByEmail(Facts(u, methods), now) {
		return fault.New(fault.Forbidden, fault.ConfirmationRequired)
	}
	return nil
}

// Split parts methods into those that which chooses and the rest.
func Split(all []factor.Method, which func(factor.Method) bool) (chosen, rest []factor.Method) {
	for _, m := range all {
		if which(m) {
			chosen = append(chosen, m)
		} else {
			rest = append(rest, m)
		}
	}
	return chosen, rest
}

// RemoveTx turns methods off and ends what they held up: whatever is signed in
// but keep, unproved enrolments, and with the last method the recovery keys. It
// gives what is preferred now.
func (j *Judge) RemoveTx(ctx context.Context, tx *pg.Tx, u account.User, off, left []factor.Method, keep session.Keep) (preferred string, err error) {
	ids := make([]uuid.UUID, len(off))
	for i, m := range off {
		ids[i] = m.ID
	}
	if err := factor.RemoveTx(ctx, tx, u.ID, ids...); err != nil {
		return "", err
	}
	if err := j.EndRestTx(ctx, tx, u.ID, keep); err != nil {
		return "", err
	}
	if err := factor.DropEnrolmentsTx(ctx, tx, u.ID); err != nil {
		return "", err
	}
	if len(left) == 0 {
		if err := factor.EndKeysTx(ctx, tx, u.ID); err != nil {
			return "", err
		}
	}
	preferred = stillPreferred(u.PreferredMethod, left)
	return preferred, account.PreferTx(ctx, tx, u.ID, preferred)
}

// stillPreferred keeps the choice while it is on, else takes the one turned on
// first.
func stillPreferred(preferred string, left []factor.Method) string {
	if factor.Has(left, factor.Kind(preferred)) {
		return preferred
	}
	var first factor.Method
	for i, m := range left {
		if i == 0 || m.EnabledAt.Before(first.EnabledAt) {
			first = m
		}
	}
	return string(first.Kind)
}
