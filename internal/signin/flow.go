// Package signin is the way from a password, or a provider's word, to a
// session: the second factor,
// or the enrolment of one, and the confirmation (🔒) inside a session.
//
// Every step runs in one transaction that locks the user's guard first. What
// a caller learns is committed before it is told, and a caller that hangs up
// gets nothing back.
package signin

import (
	"context"
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
	"latchkey/internal/proof"
	"latchkey/internal/seal"
	"latchkey/internal/session"
	"latchkey/internal/sso"
)

// Flow carries people from a password to a session.
type Flow struct {
	DB        *pg.DB
	Keys      *seal.Keys
	Passwords *account.Passwords
	Sessions  *session.Store
	Factors   *factor.Store
	Outbox    *mail.Outbox
	Judge     *proof.Judge
	Links     *account.Links
	SSO       *sso.Providers
	Limits    *guard.Limits // per client address; nil: none
	Brand     string        // what a password must not be made of

	asked chan struct{}
}

// New completes a flow whose exported fields are set.
func New(f Flow) *Flow {
	f.asked = make(chan struct{}, 1)
	return &f
}

// Status says how far a sign-in is.
type Status string

const (
	SecondFactor Status = "second_factor"
	Enrolment    Status = "enrolment"
	Complete     Status = "complete"
)

// Choice is a method that the sign-in takes, or that may be enrolled.
type Choice struct {
	Kind factor.Kind
	Hint string // the masked address, or the names of the apps
}

// State is what a sign-in tells its caller.
type State struct {
	ID             uuid.UUID // of the sign-in; only from Start
	Status         Status
	Token          string // of the sign-in; only from Start
	ExpiresAt      time.Time
	Choices        []Choice
	Preferred      factor.Kind // the one to ask first; empty: none
	Delivery       mail.State  // of the code that was mailed by itself; empty: none
	SkippableUntil *time.Time
	Enrolled       bool // a method was proved; `complete` is due
	KeysLeft       *int // after a recovery key

	// Once complete:
	SessionToken  string
	Session       session.Session
	TrustedDevice string // token, when the device was to be trusted
	TrustedFor    time.Duration
	User          account.User
	TwoFactor     bool
}

// step is one act of an open sign-in, inside its transaction.
type step struct {
	tx      *pg.Tx
	by      audit.Actor
	lock    *guard.Lock
	in      session.SignIn
	user    account.User
	methods []factor.Method
	policy  policy.Policy
	asks    policy.Asks
	front   session.Front
	sso     *sso.Proof // first step of this very request; nil: it was another
}

// within runs f on the live sign-in of a token: guard, then sign-in, locked.
// From the lock on a hang-up of the caller changes nothing.
func (f *Flow) within(ctx context.Context, by audit.Actor, token string, do func(context.Context, *step) error) error {
	in, err := f.Sessions.FindSignIn(ctx, f.DB, token, f.DB.Now())
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	return f.DB.InTx(ctx, func(tx *pg.Tx) error {
		s := &step{tx: tx, by: by, front: frontOf(by)}
		s.by.Kind, s.by.ID = audit.User, in.User
		var err error
		if s.lock, err = guard.LockTx(ctx, tx, in.User, by.Browser); err != nil {
			return err
		}
		if s.in, err = f.Sessions.HoldSignInTx(ctx, tx, in.ID); err != nil {
			return err
		}
		if s.user, err = account.ByID(ctx, tx, in.User); err != nil {
			return err
		}
		if s.user.Status != account.Active {
			return fault.New(fault.Unauthenticated, fault.NotSignedIn)
		}
		if s.methods, err = factor.Methods(ctx, tx, in.User); err != nil {
			return err
		}
		if s.policy, err = policy.Current(ctx, tx); err != nil {
			return err
		}
		s.asks = s.policy.Ask(proof.Facts(s.user, s.methods), tx.Now)
		return do(ctx, s)
	})
}

// frontOf: pages come with a browser of their own, the API never does.
func frontOf(by audit.Actor) session.Front {
	if by.Browser != uuid.Nil {
		return session.Cookie
	}
	return session.Bearer
}

// Current tells the state of an open sign-in.
func (f *Flow) Current(ctx context.Context, by audit.Actor, token string) (State, error) {
	var out State
	err := f.within(ctx, by, token, func(ctx context.Context, s *step) error {
		var err error
		out, err = f.open(ctx, s)
		return err
	})
	return out, err
}

// Cancel ends an open sign-in.
func (f *Flow) Cancel(ctx context.Context, by audit.Actor, token string) error {
	return f.within(ctx, by, token, func(ctx context.Context, s *step) error {
		return session.EndSignInTx(ctx, s.tx, s.in.ID)
	})
}
