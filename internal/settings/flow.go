// Package settings is what a signed-in user changes about the account, and
// what each change ends (invariant 7).
package settings

import (
	"context"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/guard"
	"latchkey/internal/mail"
	"latchkey/internal/pg"
	"latchkey/internal/policy"
	"latchkey/internal/proof"
	"latchkey/internal/session"
	"latchkey/internal/sso"
)

// Flow changes accounts on behalf of their users.
type Flow struct {
	DB        *pg.DB
	Passwords *account.Passwords
	Sessions  *session.Store
	Factors   *factor.Store
	Outbox    *mail.Outbox
	Judge     *proof.Judge
	Links     *account.Links
	SSO       *sso.Providers
	Brand     string
	Host      string // of BASE_URL, for the file of recovery keys
	ManageURL string // where recovery keys are viewed
	Wake      func() // has what was asked about addresses answered
}

// need is what an act asks of its session.
type need int

const (
	signedIn  need = iota
	confirmed      // 🔒
	addsApp        // 🔒, where password and email code are enough even under `fallback`
	leaves         // 🔒, and may change who is an active admin
)

// act is one change, inside its transaction.
type act struct {
	tx      *pg.Tx
	by      audit.Actor
	lock    *guard.Lock
	in      session.Session
	user    account.User
	methods []factor.Method
	policy  policy.Policy
	asks    policy.Asks
}

// within locks the user's guard and the session, so that neither another
// change nor the end of the session can overtake what do does. A hang-up of
// the caller undoes nothing from here on.
func (f *Flow) within(ctx context.Context, by audit.Actor, in session.Session, n need, do func(context.Context, *act) error) error {
	ctx = context.WithoutCancel(ctx)
	by.Kind, by.ID = audit.User, in.User
	return f.DB.InTx(ctx, func(tx *pg.Tx) error {
		a := &act{tx: tx, by: by}
		if n == leaves { // before any guard, as in every change of admins
			if err := account.LockAdminsTx(ctx, tx); err != nil {
				return err
			}
		}
		var err error
		if a.lock, err = guard.LockTx(ctx, tx, in.User, by.Browser); err != nil {
			return err
		}
		if a.in, err = f.Sessions.HoldTx(ctx, tx, in.ID); err != nil {
			return err
		}
		if err := f.read(ctx, tx, a); err != nil {
			return err
		}
		if err := a.check(n); err != nil {
			return err
		}
		return do(ctx, a)
	})
}

// read fills in what is known of the user.
func (f *Flow) read(ctx context.Context, q pg.Q, a *act) error {
	var err error
	if a.user, err = account.ByID(ctx, q, a.in.User); err != nil {
		return err
	}
	if a.methods, err = factor.Methods(ctx, q, a.in.User); err != nil {
		return err
	}
	if a.policy, err = policy.Current(ctx, q); err != nil {
		return err
	}
	a.asks = a.policy.Ask(proof.Facts(a.user, a.methods), f.DB.Now())
	return nil
}

// view reads without a lock, for acts that change nothing.
func (f *Flow) view(ctx context.Context, in session.Session) (*act, error) {
	a := &act{in: in}
	return a, f.read(ctx, f.DB, a)
}

func (a *act) check(n need) error {
	if n == signedIn {
		return nil
	}
	if err := session.NotWithToken(a.in); err != nil {
		return err
	}
	if !a.in.Confirmed(a.tx.Now) {
		return fault.New(fault.Forbidden, fault.ConfirmationRequired)
	}
	if a.reported() && (a.in.ConfirmedSince == nil || !a.in.ConfirmedSince.Before(*a.user.ReportedAt)) {
		return fault.New(fault.Forbidden, fault.NotAllowed).Say("fault.reported", nil)
	}
	byEmail := a.in.ConfirmedBy == string(factor.Email)
	if byEmail && n != addsApp && !a.policy.ConfirmsByEmail(proof.Facts(a.user, a.methods), a.tx.Now) {
		return fault.New(fault.Forbidden, fault.ConfirmationRequired)
	}
	return nil
}

// reported: the owner said "this wasn't me" of a change, and that still holds.
func (a *act) reported() bool {
	return a.user.ReportedUntil != nil && a.user.ReportedUntil.After(a.tx.Now)
}

// event writes down what this act did.
func (a *act) event(ctx context.Context, action string, data map[string]any) error {
	return audit.RecordTx(ctx, a.tx, a.by, audit.Event{Action: action, Subject: a.user.ID, Data: data})
}

// keep is what survives a change made in this session.
func (a *act) keep() session.Keep { return session.Keep{Session: a.in.ID} }

// notice tells the user of a change, with a "this wasn't me" link.
func (f *Flow) notice(ctx context.Context, a *act, make func(mail.Notice) mail.Kind) error {
	return f.Judge.TellTx(ctx, a.tx, a.user, func(notMe string) mail.Kind {
		return make(mail.Notice{Device: a.by.Device, Address: a.by.Address, At: a.tx.Now, NotMe: notMe})
	})
}
