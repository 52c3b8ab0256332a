package admin

import (
	"context"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	"latchkey/internal/fault"
	"latchkey/internal/guard"
	"latchkey/internal/mail"
	"latchkey/internal/pg"
	"latchkey/internal/policy"
	"latchkey/internal/proof"
	"latchkey/internal/session"
)

// Invited is who gets an account, as typed.
type Invited struct {
	Email string
	Name  string
	Role  account.Role
}

// Invite makes an account that waits for its owner and mails the invitation. An
// access token invites users only: it must not make its holder an admin.
func (f *Flow) Invite(ctx context.Context, by audit.Actor, in session.Session, p Invited) (User, error) {
	var out User
	u, err := p.user()
	if err != nil {
		return out, err
	}
	err = f.within(ctx, by, in, want{}, func(ctx context.Context, a *act) error {
		if u.Role != account.Member {
			if err := session.NotWithToken(a.in); err != nil {
				return err
			}
		}
		err := account.CreateTx(ctx, a.tx, u)
		if taken(err) {
			return errTaken
		}
		if err != nil {
			return err
		}
		if err := guard.CreateTx(ctx, a.tx, u.ID); err != nil {
			return err
		}
		a.user = u
		if err := f.invite(ctx, a, u); err != nil {
			return err
		}
		out, err = a.after(ctx, u.ID)
		return err
	})
	return out, err
}

func (p Invited) user() (account.User, error) {
	all := &fault.Fault{Kind: fault.Invalid, Code: fault.InvalidRequest}
	u := account.User{Role: p.Role, Status: account.Invited}
	var bad *fault.Fault
	if u.Email, bad = account.CanonicalEmail(p.Email); bad != nil {
		all.Fields = append(all.Fields, bad.Fields...)
	}
	if u.Name, bad = account.CanonicalName(p.Name); bad != nil {
		all.Fields = append(all.Fields, bad.Fields...)
	}
	if !knownRole(p.Role) {
		all.Fields = append(all.Fields, fault.Field{Name: "role", Message: "admin.role_unknown"})
	}
	if len(all.Fields) > 0 {
		return u, all
	}
	u.ID = pg.NewID()
	return u, nil
}

// invite mails a fresh link; the ones before it end.
func (f *Flow) invite(ctx context.Context, a *act, u account.User) error {
	if err := account.EndLinksTx(ctx, a.tx, u.ID, account.InvitationLink); err != nil {
		return err
	}
	token, until, err := f.Links.MakeTx(ctx, a.tx, u.ID, account.InvitationLink, account.LinkData{})
	if err != nil {
		return err
	}
	e := proof.To(u)
	e.ExpiresAt = until
	_, err = f.Outbox.QueueTx(ctx, a.tx, e, mail.Invitation{Token: token, ValidUntil: until, InvitedBy: a.admin.Name})
	if err != nil {
		return err
	}
	return a.event(ctx, "invited", map[string]any{"role": u.Role})
}

// InvitationLink looks at an invitation without spending it, for the page that
// the mail opens, and says whose it is.
func (f *Flow) InvitationLink(ctx context.Context, token string) (account.User, error) {
	link, err := f.Links.Find(ctx, f.DB, account.InvitationLink, token, f.DB.Now())
	if err != nil {
		return account.User{}, err
	}
	u, err := account.ByID(ctx, f.DB, link.User)
	if err == nil && u.Status != account.Invited {
		return account.User{}, fault.New(fault.Refused, fault.CodeExpired).Say("fault.link_expired", nil)
	}
	return u, err
}

// Accept makes an invited account its owner's: the link proves the address.
func (f *Flow) Accept(ctx context.Context, by audit.Actor, token, name, password string) (account.User, error) {
	u, err := f.InvitationLink(ctx, token)
	if err != nil {
		return u, err
	}
	link, err := f.Links.Find(ctx, f.DB, account.InvitationLink, token, f.DB.Now())
	if err != nil {
		return u, err
	}
	rules, err := policy.Current(ctx, f.DB)
	if err != nil {
		return u, err
	}
	all := &fault.Fault{Kind: fault.Invalid, Code: fault.InvalidRequest}
	name, bad := account.CanonicalName(name)
	if bad != nil {
		all.Fields = append(all.Fields, bad.Fields...)
	}
	if bad := account.CheckPassword(password, rules.PasswordMinLength, u.Email, name, f.Brand); bad != nil {
		all.Fields = append(all.Fields, bad.Fields...)
	}
	if len(all.Fields) > 0 {
		return u, all
	}
	hash, err := f.Passwords.Hash(ctx, password)
	if err != nil {
		return u, err
	}
	by.Kind, by.ID = audit.User, u.ID
	err = f.DB.InTx(context.WithoutCancel(ctx), func(tx *pg.Tx) error {
		if _, err := guard.LockTx(ctx, tx, u.ID, by.Browser); err != nil {
			return err
		}
		if err := f.Links.SpendTx(ctx, tx, link.ID); err != nil {
			return err
		}
		accepted, err := account.AcceptTx(ctx, tx, u.ID, name, hash)
		if err != nil {
			return err
		}
		if !accepted { // disabled meanwhile
			return fault.New(fault.Refused, fault.CodeExpired).Say("fault.link_expired", nil)
		}
		if err := audit.RecordTx(ctx, tx, by, audit.Event{Action: "invitation_accepted", Subject: u.ID}); err != nil {
			return err
		}
		u, err = account.ByID(ctx, tx, u.ID)
		return err
	})
	return u, err
}
