package admin

import (
	"context"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/mail"
	"latchkey/internal/session"
)

// Change is a patch of somebody's account; nil leaves a field as it is.
type Change struct {
	Name          *string
	Role          *account.Role
	Disabled      *bool
	EmailVerified *bool // false only: nobody can prove an address for another
	Reason        string
}

// Patch changes somebody's account (🔒). Each thing that changes is an event of
// its own; all of them together are one commit.
func (f *Flow) Patch(ctx context.Context, by audit.Actor, in session.Session, id uuid.UUID, c Change) (User, error) {
	var out User
	name, err := c.check()
	if err != nil {
		return out, err
	}
	w := want{confirmed: true, about: id, reason: c.Reason, admins: c.Role != nil || c.Disabled != nil}
	err = f.within(ctx, by, in, w, func(ctx context.Context, a *act) error {
		if c.Name != nil && name != a.user.Name {
			if err := f.rename(ctx, a, name); err != nil {
				return err
			}
		}
		if c.Role != nil && *c.Role != a.user.Role {
			if err := f.setRole(ctx, a, *c.Role); err != nil {
				return err
			}
		}
		if c.Disabled != nil && *c.Disabled != (a.user.Status == account.Disabled) {
			if err := f.setDisabled(ctx, a, *c.Disabled); err != nil {
				return err
			}
		}
		if c.EmailVerified != nil && a.user.EmailVerified {
			if err := f.unverify(ctx, a); err != nil {
				return err
			}
		}
		var err error
		out, err = a.after(ctx, id)
		return err
	})
	return out, err
}

// check judges a change by itself and gives the canonical name.
func (c Change) check() (name string, err error) {
	all := &fault.Fault{Kind: fault.Invalid, Code: fault.InvalidRequest}
	if c.Name != nil {
		var bad *fault.Fault
		if name, bad = account.CanonicalName(*c.Name); bad != nil {
			all.Fields = append(all.Fields, bad.Fields...)
		}
	}
	if c.Role != nil && !knownRole(*c.Role) {
		all.Fields = append(all.Fields, fault.Field{Name: "role", Message: "admin.role_unknown"})
	}
	if c.EmailVerified != nil && *c.EmailVerified {
		all.Fields = append(all.Fields, fault.Field{Name: "email_verified", Message: "admin.only_false"})
	}
	if len(all.Fields) > 0 {
		return "", all
	}
	return name, nil
}

func knownRole(r account.Role) bool {
	return r == account.Member || r == account.Support || r == account.Admin
}

func (f *Flow) rename(ctx context.Context, a *act, name string) error {
	if err := account.RenameTx(ctx, a.tx, a.user.ID, name); err != nil {
		return err
	}
	a.user.Name = name
	return a.event(ctx, "renamed", nil)
}

func (f *Flow) setRole(ctx context.Context, a *act, r account.Role) error {
	if r != account.Admin {
		if err := a.lastAdmin(ctx); err != nil {
			return err
		}
	}
	if err := account.SetRoleTx(ctx, a.tx, a.user.ID, r); err != nil {
		return err
	}
	if err := a.event(ctx, "role_changed", map[string]any{"from": a.user.Role, "to": r}); err != nil {
		return err
	}
	a.user.Role = r
	return f.tell(ctx, a, mail.AdminChangedTwoFactor{Change: "role"})
}

// setDisabled keeps somebody from signing in and ends all that is signed in,
// access tokens too: none of it comes back when the account is enabled again.
func (f *Flow) setDisabled(ctx context.Context, a *act, disabled bool) error {
	if !disabled {
		s, err := account.EnableTx(ctx, a.tx, a.user.ID)
		if err != nil {
			return err
		}
		a.user.Status = s
		if err := a.event(ctx, "enabled", nil); err != nil {
			return err
		}
		return f.tell(ctx, a, mail.AdminChangedTwoFactor{Change: "enabled"})
	}
	if err := a.lastAdmin(ctx); err != nil {
		return err
	}
	if err := account.DisableTx(ctx, a.tx, a.user.ID); err != nil {
		return err
	}
	if err := f.Judge.EndRestTx(ctx, a.tx, a.user.ID, session.Keep{}); err != nil {
		return err
	}
	if err := f.Sessions.EndTokensTx(ctx, a.tx, a.user.ID); err != nil {
		return err
	}
	if err := account.EndLinksTx(ctx, a.tx, a.user.ID, account.InvitationLink); err != nil {
		return err
	}
	if err := a.event(ctx, "disabled", nil); err != nil {
		return err
	}
	if err := f.tell(ctx, a, mail.AdminChangedTwoFactor{Change: "disabled"}); err != nil {
		return err
	}
	a.user.Status = account.Disabled
	return nil
}

// unverify takes back that the address was proved. Codes by email go to proved
// addresses only, so that method ends as in a reset: another is set up at the
// next sign-in, and a password alone opens no less than before.
func (f *Flow) unverify(ctx context.Context, a *act) error {
	if err := account.UnverifyTx(ctx, a.tx, a.user.ID); err != nil {
		return err
	}
	hadEmail := factor.Has(a.methods, factor.Email)
	var err error
	if hadEmail {
		err = f.reset(ctx, a, factor.Email)
	} else {
		err = f.Judge.EndRestTx(ctx, a.tx, a.user.ID, session.Keep{})
	}
	if err != nil {
		return err
	}
	if err := a.event(ctx, "email_unverified", map[string]any{"method_ended": hadEmail}); err != nil {
		return err
	}
	return f.tell(ctx, a, mail.AdminChangedTwoFactor{Change: "email_unverified"})
}

// Delete erases somebody's account (🔒). Events keep its id alone.
func (f *Flow) Delete(ctx context.Context, by audit.Actor, in session.Session, id uuid.UUID, reason string) error {
	w := want{confirmed: true, admins: true, about: id, reason: reason}
	return f.within(ctx, by, in, w, func(ctx context.Context, a *act) error {
		if err := a.lastAdmin(ctx); err != nil {
			return err
		}
		if err := f.Outbox.ForgetTx(ctx, a.tx, a.user.ID); err != nil {
			return err
		}
		if a.user.Status != account.Invited {
			// Names no user: there is none any more.
			_, err := f.Outbox.QueueTx(ctx, a.tx, mail.Envelope{To: a.user.Email, Name: a.user.Name}, mail.AccountDeleted{
				By: "admin", At: a.tx.Now,
			})
			if err != nil {
				return err
			}
		}
		if err := a.event(ctx, "account_deleted", nil); err != nil {
			return err
		}
		return account.DeleteTx(ctx, a.tx, a.user.ID)
	})
}
