package settings

import (
	"context"
	"errors"
	"net/url"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	"latchkey/internal/fault"
	"latchkey/internal/mail"
	"latchkey/internal/session"
	"latchkey/internal/sso"
)

// Identities lists the providers that open the account.
func (f *Flow) Identities(ctx context.Context, in session.Session) ([]sso.Identity, error) {
	return sso.Of(ctx, f.DB, in.User)
}

// Link ends a round trip that this very session began, and has the provider
// open the account from now on. It is a change of how one gets in, so the rest
// that is signed in ends with it (invariant 7).
func (f *Flow) Link(ctx context.Context, by audit.Actor, in session.Session, t sso.Trip, query url.Values) error {
	if t.Purpose != sso.Link || t.Session != in.ID {
		return fault.New(fault.Forbidden, fault.NotAllowed).Say("fault.sso_other_session", nil)
	}
	// Looked at before the round trip is spent: who waited too long begins again.
	if err := f.MayLink(ctx, by, in); err != nil {
		return err
	}
	p, err := f.SSO.Redeem(ctx, f.DB, t, query)
	if err != nil {
		return err
	}
	email, bad := account.CanonicalEmail(p.Email)
	if p.Email = email; bad != nil {
		p.Email = "" // what is no address is shown to nobody
	}
	return f.within(ctx, by, in, confirmed, func(ctx context.Context, a *act) error {
		err := sso.LinkTx(ctx, a.tx, a.user.ID, p)
		if errors.Is(err, sso.ErrLinked) {
			return fault.New(fault.Conflict, fault.AlreadyEnabled).Say("fault.sso_linked", map[string]any{"Provider": p.ProviderName})
		}
		if err != nil {
			return err
		}
		if err := f.Judge.EndRestTx(ctx, a.tx, a.user.ID, a.keep()); err != nil {
			return err
		}
		if err := a.event(ctx, "sso_linked", map[string]any{"provider": p.Provider, "name": p.ProviderName}); err != nil {
			return err
		}
		return f.notice(ctx, a, func(n mail.Notice) mail.Kind {
			return mail.SSOLinked{
				Provider: p.ProviderName, Account: p.Email, Device: n.Device, Address: n.Address, At: n.At, NotMe: n.NotMe,
			}
		})
	})
}

// MayLink says whether a round trip that links may begin: before anybody is
// sent off to a provider and back, only to be refused.
func (f *Flow) MayLink(ctx context.Context, by audit.Actor, in session.Session) error {
	return f.within(ctx, by, in, confirmed, func(context.Context, *act) error { return nil })
}

// Unlink takes a provider away and ends the rest that is signed in. The last
// way in stays.
func (f *Flow) Unlink(ctx context.Context, by audit.Actor, in session.Session, id uuid.UUID) error {
	return f.within(ctx, by, in, confirmed, func(ctx context.Context, a *act) error {
		all, err := sso.Of(ctx, a.tx, a.user.ID)
		if err != nil {
			return err
		}
		var gone *sso.Identity
		for i := range all {
			if all[i].ID == id {
				gone = &all[i]
			}
		}
		switch {
		case gone == nil:
			return fault.New(fault.NotFound, fault.Absent)
		case a.user.PasswordHash == "" && len(all) == 1:
			return fault.New(fault.Conflict, fault.StateConflict).Say("fault.sso_last", nil)
		}
		if _, err := sso.UnlinkTx(ctx, a.tx, a.user.ID, id); err != nil {
			return err
		}
		if err := f.Judge.EndRestTx(ctx, a.tx, a.user.ID, a.keep()); err != nil {
			return err
		}
		name := f.SSO.NameOf(gone.Issuer)
		if err := a.event(ctx, "sso_unlinked", map[string]any{"issuer": gone.Issuer, "name": name}); err != nil {
			return err
		}
		return f.notice(ctx, a, func(n mail.Notice) mail.Kind {
			return mail.SSOUnlinked{Provider: name, Device: n.Device, Address: n.Address, At: n.At, NotMe: n.NotMe}
		})
	})
}
