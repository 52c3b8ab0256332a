package signin

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/guard"
	"latchkey/internal/mail"
	"latchkey/internal/pg"
	"latchkey/internal/policy"
	"latchkey/internal/session"
	"latchkey/internal/sso"
)

// StartSSO is the first step through a provider: it spends the round trip and
// goes on as after a right password. trusted is the token of a device that may
// skip the second step; empty: none.
//
// A user is known by issuer and subject alone. Whoever is not known gets an
// account where that is allowed and the address is proved and free; an address
// that has an account leads nowhere.
func (f *Flow) StartSSO(ctx context.Context, by audit.Actor, t sso.Trip, query url.Values, trusted string) (State, error) {
	if t.Purpose != sso.SignIn {
		return State{}, fault.New(fault.Conflict, fault.StateConflict)
	}
	p, err := f.SSO.Redeem(ctx, f.DB, t, query)
	if err != nil {
		return State{}, err
	}
	ctx = context.WithoutCancel(ctx)
	user, known, err := sso.OwnerOf(ctx, f.DB, p.Issuer, p.Subject)
	if err != nil {
		return State{}, err
	}
	if !known {
		return f.signUpBySSO(ctx, by, p)
	}
	var (
		out     State
		refused error
	)
	err = f.DB.InTx(ctx, func(tx *pg.Tx) error {
		s := &step{tx: tx, by: by, front: frontOf(by), sso: &p}
		s.by.Kind, s.by.ID = audit.User, user
		var err error
		if s.lock, err = guard.LockTx(ctx, tx, user, by.Browser); err != nil {
			return err
		}
		linked, err := sso.UseTx(ctx, tx, user, p.Issuer, p.Subject)
		if err != nil {
			return err
		}
		if !linked { // a moment ago it was
			return fault.New(fault.Unauthenticated, fault.NotSignedIn)
		}
		if s.user, err = account.ByID(ctx, tx, user); err != nil {
			return err
		}
		if s.user.Status != account.Active {
			refused = fault.New(fault.Forbidden, fault.NotAllowed).Say("fault.sso_disabled", nil)
			s.by.Kind, s.by.ID = audit.Anonymous, uuid.Nil
			return audit.RecordTx(ctx, tx, s.by, audit.Event{
				Action: "sso_refused", Subject: user, Data: map[string]any{"provider": p.Provider},
			})
		}
		out, err = f.begin(ctx, s, session.BySSO, Credentials{TrustedDevice: trusted})
		return err
	})
	if err != nil {
		return State{}, err
	}
	return out, refused
}

// enoughBySSO reports whether a provider stands for our second step too. What
// a reset demands is never met by anything but a method of our own.
func (s *step) enoughBySSO() (finishing, bool) {
	switch {
	case s.sso == nil || s.asks.By == policy.ByReset:
	case s.sso.SecondProved:
		return finishing{assurance: session.TwoFactor, method: string(session.BySSO)}, true
	case s.sso.SecondFactor == sso.Never && s.asks.By == policy.NoRule:
		return finishing{assurance: session.Password}, true
	}
	return finishing{}, false
}

// signUpBySSO makes an account for somebody whom nobody knew, and goes on.
func (f *Flow) signUpBySSO(ctx context.Context, by audit.Actor, p sso.Proof) (State, error) {
	rules, err := policy.Current(ctx, f.DB)
	if err != nil {
		return State{}, err
	}
	args := map[string]any{"Provider": p.ProviderName}
	email, bad := account.CanonicalEmail(p.Email)
	if !p.Verified || bad != nil {
		return State{}, fault.New(fault.Forbidden, fault.EmailNotVerified).Say("fault.sso_unverified", args)
	}
	owner, taken, err := account.ByEmail(ctx, f.DB, email)
	switch {
	case err != nil:
		return State{}, err
	case taken:
		return State{}, addressTaken(owner, args)
	case !p.SignUp || !rules.SignUpOpen:
		return State{}, fault.New(fault.Forbidden, fault.SignUpClosed).Say("fault.sso_no_sign_up", args)
	}
	if err := f.Limits.SignUpLook(ctx, f.DB, by.Address, f.DB.Now()); err != nil {
		return State{}, err
	}
	u := account.User{Email: email, EmailVerified: true, Name: nameOf(p, email), Role: account.Member, Status: account.Active}
	u.ID = pg.NewID()
	by.Kind, by.ID = audit.User, u.ID
	p.Email = email
	var out State
	err = f.DB.InTx(ctx, func(tx *pg.Tx) error {
		u.CreatedAt = tx.Now
		if err := f.Limits.SignUpTx(ctx, tx, by.Address); err != nil {
			return err
		}
		err := f.createTx(ctx, tx, by, u)
		if errors.Is(err, account.ErrTaken) {
			return addressTaken(owner, args)
		}
		if err != nil {
			return err
		}
		if err := f.linkNewTx(ctx, tx, by, u, p); err != nil {
			return err
		}
		s := &step{tx: tx, by: by, front: frontOf(by), sso: &p, user: u}
		if s.lock, err = guard.LockTx(ctx, tx, u.ID, by.Browser); err != nil {
			return err
		}
		out, err = f.begin(ctx, s, session.BySSO, Credentials{})
		return err
	})
	return out, err
}

// linkNewTx links a provider to the account that it caused, and tells the
// address: its owner may know nothing of that provider.
func (f *Flow) linkNewTx(ctx context.Context, tx *pg.Tx, by audit.Actor, u account.User, p sso.Proof) error {
	err := sso.LinkTx(ctx, tx, u.ID, p)
	if errors.Is(err, sso.ErrLinked) { // a second return at the same moment was first
		return fault.New(fault.Conflict, fault.StateConflict).Say("fault.sso_again", nil)
	}
	if err != nil {
		return err
	}
	err = audit.RecordTx(ctx, tx, by, audit.Event{Action: "sso_linked", Subject: u.ID, Data: map[string]any{"provider": p.Provider, "name": p.ProviderName}})
	if err != nil {
		return err
	}
	return f.Judge.TellTx(ctx, tx, u, func(notMe string) mail.Kind {
		return mail.SSOLinked{Provider: p.ProviderName, Account: p.Email, Device: by.Device, Address: by.Address, At: tx.Now, NotMe: notMe}
	})
}

// addressTaken: the mailbox at a provider is no proof of being the account's
// owner, so nothing is linked here. An invitation, which may carry a role, is
// accepted by its own link alone.
func addressTaken(owner account.User, args map[string]any) error {
	said := fault.New(fault.Conflict, fault.StateConflict)
	if owner.Status == account.Invited {
		return said.Say("fault.sso_invited", args)
	}
	return said.Say("fault.sso_address_taken", args)
}

// nameOf is what the provider calls a person, else the front of the address.
func nameOf(p sso.Proof, email string) string {
	if name, bad := account.CanonicalName(p.Name); bad == nil {
		return name
	}
	local, _, _ := strings.Cut(email, "@")
	return local
}

// provedBySSO is how long a proof of a provider waits for the code that
// completes a confirmation.
const provedBySSO = 5 * time.Minute

func waitsForCode(in session.Session, now time.Time) bool {
	return in.SSOAt != nil && now.Before(in.SSOAt.Add(provedBySSO))
}

var confirmBySSO = fault.New(fault.Forbidden, fault.NotAllowed).Say("fault.confirm_by_sso", nil)

// ConfirmSSO is the first half of a confirmation for an account without a
// password: its user proved to a linked provider, just now, who they are. Where
// two-factor is on a code is still due, and Until is zero.
func (f *Flow) ConfirmSSO(ctx context.Context, by audit.Actor, in session.Session, t sso.Trip, query url.Values) (Confirmed, error) {
	if t.Purpose != sso.Confirm || t.Session != in.ID {
		return Confirmed{}, fault.New(fault.Conflict, fault.StateConflict)
	}
	p, err := f.SSO.Redeem(ctx, f.DB, t, query)
	if err != nil {
		return Confirmed{}, err
	}
	if !p.FreshFor(t) {
		return Confirmed{}, fault.New(fault.Forbidden, fault.NotAllowed).Say("fault.sso_not_fresh", map[string]any{"Provider": p.ProviderName})
	}
	var out Confirmed
	ctx = context.WithoutCancel(ctx)
	err = f.DB.InTx(ctx, func(tx *pg.Tx) error {
		c, err := f.holdConfirming(ctx, tx, by, in)
		if err != nil {
			return err
		}
		linked, err := sso.UseTx(ctx, tx, in.User, p.Issuer, p.Subject)
		switch {
		case err != nil:
			return err
		case !linked:
			return fault.New(fault.Forbidden, fault.NotAllowed).Say("fault.sso_another", map[string]any{"Provider": p.ProviderName})
		case c.user.PasswordHash != "":
			return fault.New(fault.Conflict, fault.StateConflict)
		}
		methods, err := factor.Methods(ctx, tx, in.User)
		if err != nil {
			return err
		}
		if len(methods) > 0 {
			return f.Sessions.ProvedAgainTx(ctx, tx, in.ID)
		}
		out, _, err = c.judge(ctx) // no code, so nothing to be wrong
		return err
	})
	return out, err
}

// confirmAfterSSO is the second half: the code.
func (f *Flow) confirmAfterSSO(ctx context.Context, by audit.Actor, in session.Session, p Proofs) (Confirmed, error) {
	var (
		out  Confirmed
		told *fault.Fault
	)
	ctx = context.WithoutCancel(ctx)
	err := f.DB.InTx(ctx, func(tx *pg.Tx) error {
		c, err := f.holdConfirming(ctx, tx, by, in)
		if err != nil {
			return err
		}
		if !waitsForCode(c.held, tx.Now) {
			return confirmBySSO
		}
		c.p = p
		out, told, err = c.judge(ctx)
		return err
	})
	if err == nil && told != nil {
		return Confirmed{}, told
	}
	return out, err
}

// holdConfirming locks guard and session, and reads the user behind them.
func (f *Flow) holdConfirming(ctx context.Context, tx *pg.Tx, by audit.Actor, in session.Session) (c confirming, err error) {
	c = confirming{f: f, tx: tx, by: by}
	if c.lock, err = guard.LockTx(ctx, tx, in.User, by.Browser); err != nil {
		return c, err
	}
	if c.held, err = f.Sessions.HoldTx(ctx, tx, in.ID); err != nil {
		return c, err
	}
	c.user, err = account.ByID(ctx, tx, in.User)
	return c, err
}
