package admin

import (
	"context"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/mail"
	"latchkey/internal/proof"
	"latchkey/internal/session"
)

// Pass is a recovery pass, shown this once.
type Pass struct {
	Pass      string
	ExpiresAt time.Time
	Pending   bool // it waits for a second admin; there is no pass yet
}

// MakePass makes a recovery pass (🔒): one use within the hour, after the
// password, and it opens an enrolment and nothing else. Where the policy wants
// approval the first call asks (Pending), and the same call by another admin
// within the hour approves: whoever approves is shown the pass, so that no one
// person can both ask for one and have it.
func (f *Flow) MakePass(ctx context.Context, by audit.Actor, in session.Session, id uuid.UUID, reason string) (Pass, error) {
	var out Pass
	w := want{confirmed: true, support: true, about: id, reason: reason}
	err := f.within(ctx, by, in, w, func(ctx context.Context, a *act) error {
		if a.user.Status != account.Active || len(a.methods) == 0 {
			return fault.New(fault.Conflict, fault.StateConflict).Say("fault.pass_not_needed", nil)
		}
		if a.policy.RecoveryPassApproval {
			approved, err := a.approved(ctx)
			if err != nil {
				return err
			}
			if !approved {
				out.Pending = true
				if err := factor.AskPassTx(ctx, a.tx, a.user.ID, a.by.ID); err != nil {
					return err
				}
				return a.event(ctx, "recovery_pass_asked", nil)
			}
		}
		var err error
		out.Pass, out.ExpiresAt, err = f.Factors.MakePassTx(ctx, a.tx, a.user.ID, a.by.ID)
		if err != nil {
			return err
		}
		mailed := !a.policy.ResetRequiresOtherChannel && !factor.Has(a.methods, factor.App)
		if err := a.event(ctx, "recovery_pass_made", map[string]any{"mailed": mailed}); err != nil {
			return err
		}
		if mailed {
			e := proof.To(a.user)
			e.ExpiresAt = out.ExpiresAt
			_, err := f.Outbox.QueueTx(ctx, a.tx, e, mail.RecoveryPass{Pass: out.Pass, ValidUntil: out.ExpiresAt, At: a.tx.Now})
			if err != nil {
				return err
			}
		}
		return f.tell(ctx, a, mail.AdminChangedTwoFactor{Change: "recovery_pass"})
	})
	return out, err
}

// approved reports whether this call is the second admin's. Support may ask,
// never approve.
func (a *act) approved(ctx context.Context) (bool, error) {
	asker, asked, err := factor.PassAsked(ctx, a.tx, a.user.ID, a.tx.Now)
	return err == nil && asked && isSecond(asker, a.by, a.admin.Role), err
}

func isSecond(asker uuid.UUID, by audit.Actor, role account.Role) bool {
	return asker != by.ID && role != account.Support
}

// PassWaits says whether a recovery pass was asked for and waits for a second
// admin, and whether whoever looks may be that one.
func (f *Flow) PassWaits(ctx context.Context, by audit.Actor, in session.Session, id uuid.UUID, role account.Role) (waits, mine bool, err error) {
	if err := f.look(ctx, by, in, true); err != nil {
		return false, false, err
	}
	asker, waits, err := factor.PassAsked(ctx, f.DB, id, f.DB.Now())
	return waits, waits && isSecond(asker, by, role), err
}
