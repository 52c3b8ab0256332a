package settings

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	"latchkey/internal/fault"
	"latchkey/internal/guard"
	"latchkey/internal/mail"
	"latchkey/internal/pg"
	"latchkey/internal/proof"
	"latchkey/internal/session"
	"latchkey/internal/sso"
)

// Reported is what a link of a notice is about.
type Reported struct {
	Kind account.LinkKind // NotMeLink or EmailUndoLink
	Data account.LinkData
}

// Report looks at a "this wasn't me" or undo link without spending it: for the
// page with the button. Scanners of mail open links, but press no buttons.
func (f *Flow) Report(ctx context.Context, k account.LinkKind, token string) (Reported, error) {
	link, err := f.Links.Find(ctx, f.DB, k, token, f.DB.Now())
	return Reported{k, link.Data}, err
}

// NotMe is the button. It works signed out, so it only takes access away: it
// ends sessions, trusted devices, open sign-ins, reset links and what access
// tokens were made and providers linked since, and undoes an address change; it never removes, restores or weakens a method, a key set or
// a password. For a week guarded changes need a proof older than the change.
func (f *Flow) NotMe(ctx context.Context, by audit.Actor, k account.LinkKind, token string) error {
	link, err := f.Links.Find(ctx, f.DB, k, token, f.DB.Now())
	if err != nil {
		return err
	}
	by.Kind = audit.Anonymous
	var told *fault.Fault // what could not be done; the rest is done all the same
	err = f.DB.InTx(context.WithoutCancel(ctx), func(tx *pg.Tx) error {
		squatter, err := f.lockReported(ctx, tx, by, k, link)
		if err != nil {
			return err
		}
		if err := f.Links.SpendTx(ctx, tx, link.ID); err != nil {
			return err
		}
		if err := f.Judge.EndRestTx(ctx, tx, link.User, session.Keep{}); err != nil {
			return err
		}
		if err := account.EndUndosSinceTx(ctx, tx, link.User, link.Data.ChangedAt); err != nil {
			return err
		}
		// A token made in the reported change, or after it, may be a stranger's, and
		// so may a provider that was linked.
		if err := f.Sessions.EndTokensSinceTx(ctx, tx, link.User, link.Data.ChangedAt); err != nil {
			return err
		}
		if err := sso.EndSinceTx(ctx, tx, link.User, link.Data.ChangedAt); err != nil {
			return err
		}
		if k == account.EmailUndoLink {
			if told, err = f.undoEmail(ctx, tx, by, link, squatter); err != nil {
				return err
			}
		}
		if err := account.ReportTx(ctx, tx, link.User, link.Data.ChangedAt); err != nil {
			return err
		}
		return audit.RecordTx(ctx, tx, by, audit.Event{
			Action: "reported", Subject: link.User, Data: map[string]any{"link": k},
		})
	})
	if err == nil && told != nil {
		return told
	}
	return err
}

// lockReported locks the guard of the link's user. Where an address comes back
// that somebody signed up with meanwhile, theirs too (two users: by id), and
// gives them: who holds the link has the mailbox, they never proved it. Else
// whoever moved an account away could keep it away by signing up again.
func (f *Flow) lockReported(ctx context.Context, tx *pg.Tx, by audit.Actor, k account.LinkKind, link account.Link) (squatter uuid.UUID, err error) {
	users := []uuid.UUID{link.User}
	if k == account.EmailUndoLink {
		u, taken, err := account.ByEmail(ctx, tx, link.Data.OldEmail)
		if err != nil {
			return uuid.Nil, err
		}
		if taken && u.ID != link.User && !u.EmailVerified && u.Status == account.Active && u.Role == account.Member {
			squatter = u.ID
			users = append(users, squatter)
		}
	}
	slices.SortFunc(users, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	for _, id := range users {
		browser := by.Browser
		if id == squatter {
			browser = uuid.Nil
		}
		if _, err := guard.LockTx(ctx, tx, id, browser); err != nil {
			return uuid.Nil, err
		}
	}
	return squatter, nil
}

// giveUp erases the account of somebody who signed up with an address and did
// not prove it, even now that its guard is held.
func (f *Flow) giveUp(ctx context.Context, tx *pg.Tx, id uuid.UUID) error {
	if id == uuid.Nil {
		return nil
	}
	u, err := account.ByID(ctx, tx, id)
	if err != nil || u.EmailVerified {
		return err
	}
	if err := f.Outbox.ForgetTx(ctx, tx, id); err != nil {
		return err
	}
	if err := audit.RecordTx(ctx, tx, audit.Actor{Kind: audit.System}, audit.Event{Action: "account_deleted", Subject: id}); err != nil {
		return err
	}
	return account.DeleteTx(ctx, tx, id)
}

// undoEmail brings the old address back, unless it has an account by now.
// That keeps nobody signed in: the address is told of, not rolled back for.
func (f *Flow) undoEmail(ctx context.Context, tx *pg.Tx, by audit.Actor, link account.Link, squatter uuid.UUID) (*fault.Fault, error) {
	if err := f.giveUp(ctx, tx, squatter); err != nil {
		return nil, err
	}
	was, err := account.ByID(ctx, tx, link.User)
	if err != nil {
		return nil, err
	}
	err = account.ChangeEmailTx(ctx, tx, link.User, link.Data.OldEmail)
	if errors.Is(err, account.ErrTaken) {
		return fault.New(fault.Conflict, fault.StateConflict).Say("fault.undo_taken", nil), nil
	}
	if err != nil {
		return nil, err
	}
	// The address that goes hears of it too (invariant 7), with no way back.
	_, err = f.Outbox.QueueTx(ctx, tx, proof.To(was), mail.EmailChanged{
		NewEmail: link.Data.OldEmail, Device: by.Device, Address: by.Address, At: tx.Now,
	})
	if err != nil {
		return nil, err
	}
	return nil, audit.RecordTx(ctx, tx, audit.Actor{Kind: audit.System}, audit.Event{Action: "email_change_undone", Subject: link.User})
}
