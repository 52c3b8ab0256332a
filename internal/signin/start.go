package signin

import (
	"context"
	"errors"
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
	"latchkey/internal/session"
)

// Credentials are the first step. TrustedDevice is the token of a device that
// may skip the second; empty: none.
type Credentials struct {
	Email         string
	Password      string
	TrustedDevice string
	// Resume is the sign-in that the same form began when its answer was lost:
	// it goes on, and no second code is mailed. Zero: none.
	Resume uuid.UUID
}

var wrongCredentials = fault.New(fault.Unauthenticated, fault.WrongCredentials)

// Start judges a password. An unknown address, a wrong password, an account
// without one and a disabled account answer alike and cost the same: one
// argon2 outside any transaction. Only a right password learns more.
func (f *Flow) Start(ctx context.Context, by audit.Actor, c Credentials) (State, error) {
	email, bad := account.CanonicalEmail(c.Email)
	if bad != nil {
		return State{}, bad
	}
	if c.Password == "" {
		return State{}, fault.InField("password", "account.password.empty", nil)
	}
	u, found, err := account.ByEmail(ctx, f.DB, email)
	if err != nil {
		return State{}, err
	}
	meter := f.passwordMeter(by, email, u.ID)
	right, fresh, err := f.password(ctx, meter, u, c.Password)
	if err != nil {
		return State{}, err
	}
	ctx = context.WithoutCancel(ctx)
	// Disabled: charged like a wrong one, or a meter that stands still would
	// tell that it is right.
	if !right || !found || u.Status != account.Active {
		return State{}, f.refuse(ctx, by, meter, u, found)
	}
	var out State
	refused := error(nil)
	err = f.DB.InTx(ctx, func(tx *pg.Tx) error {
		s := &step{tx: tx, by: by, front: frontOf(by)}
		s.by.Kind, s.by.ID = audit.User, u.ID
		if s.lock, err = guard.LockTx(ctx, tx, u.ID, by.Browser); err != nil {
			return err
		}
		if s.user, err = account.ByID(ctx, tx, u.ID); err != nil {
			return err
		}
		// Changed while this one was judged.
		right = s.user.Status == account.Active && s.user.PasswordHash == u.PasswordHash
		if err := meter.JudgeTx(ctx, tx, right); err != nil {
			return err
		}
		if !right {
			refused = wrongCredentials
			return noteWrongPassword(ctx, tx, by, u)
		}
		if fresh != "" {
			if err := account.RehashTx(ctx, tx, u.ID, u.PasswordHash, fresh); err != nil {
				return err
			}
		}
		out, err = f.begin(ctx, s, session.ByPassword, c)
		return err
	})
	if err != nil {
		return State{}, err
	}
	return out, refused
}

// password looks at the meter to spare work, then hashes. fresh is a new hash
// when the stored one has yesterday's parameters.
func (f *Flow) password(ctx context.Context, m guard.PasswordMeter, u account.User, password string) (right bool, fresh string, err error) {
	if err := m.Look(ctx, f.DB, f.DB.Now()); err != nil {
		return false, "", err
	}
	right, stale, err := f.Passwords.Verify(ctx, u.PasswordHash, password)
	if err != nil || !right || !stale {
		return right, "", err
	}
	fresh, err = f.Passwords.Hash(ctx, password)
	return right, fresh, err
}

// refuse charges a password that opens nothing. With no account the same is
// written, and the line in an activity that nobody has is taken back: neither
// the answer nor its time tells whether there is one. No guard is waited for,
// since nobody else's doing must show either.
func (f *Flow) refuse(ctx context.Context, by audit.Actor, meter guard.PasswordMeter, u account.User, found bool) error {
	err := f.DB.InTx(ctx, func(tx *pg.Tx) error {
		if err := meter.JudgeTx(ctx, tx, false); err != nil {
			return err
		}
		return tx.KeepIf(ctx, found, func() error { return noteWrongPassword(ctx, tx, by, u) })
	})
	if err != nil {
		return err
	}
	return wrongCredentials
}

// noteWrongPassword leaves a line in the owner's activity.
func noteWrongPassword(ctx context.Context, tx *pg.Tx, by audit.Actor, u account.User) error {
	by.Kind, by.ID = audit.Anonymous, uuid.Nil
	return audit.RecordTx(ctx, tx, by, audit.Event{Action: "password_refused", Subject: u.ID})
}

// begin goes on after a proved first step: to the second factor, to an
// enrolment, or straight to a session.
func (f *Flow) begin(ctx context.Context, s *step, first session.First, c Credentials) (State, error) {
	var err error
	if s.methods, err = factor.Methods(ctx, s.tx, s.user.ID); err != nil {
		return State{}, err
	}
	if s.policy, err = policy.Current(ctx, s.tx); err != nil {
		return State{}, err
	}
	s.asks = s.policy.Ask(proof.Facts(s.user, s.methods), s.tx.Now)
	s.in.First = first
	if done, enough := s.enoughBySSO(); enough {
		return f.finish(ctx, s, done)
	}
	next := session.SecondFactor
	switch {
	case len(s.asks.Verify) == 0 && !s.asks.Enrol:
		return f.finish(ctx, s, finishing{assurance: session.Password})
	case len(s.asks.Verify) == 0:
		next = session.Enrolment
	case !s.asks.Enrol && s.policy.TrustsDevices(proof.Facts(s.user, s.methods)):
		oldest := s.tx.Now.AddDate(0, 0, -s.policy.TrustedDeviceDays)
		device, err := f.Sessions.TrustedTx(ctx, s.tx, s.user.ID, c.TrustedDevice, oldest)
		if err != nil {
			return State{}, err
		}
		if device != uuid.Nil {
			return f.finish(ctx, s, finishing{assurance: session.Password, device: device})
		}
	}
	var (
		token string
		goes  bool
	)
	if c.Resume != uuid.Nil {
		if s.in, token, goes, err = f.Sessions.RetokenTx(ctx, s.tx, s.user.ID, c.Resume); err != nil {
			return State{}, err
		}
	}
	if !goes {
		if s.in, token, err = f.Sessions.BeginTx(ctx, s.tx, s.by, s.user.ID, first, next); err != nil {
			return State{}, err
		}
		if err := f.mailByItself(ctx, s); err != nil {
			return State{}, err
		}
	}
	out, err := f.open(ctx, s)
	out.ID = s.in.ID
	out.Token = token
	return out, err
}

// mailByItself mails a code when email is the only or the preferred method. A
// spent budget holds the code back; it never refuses the password step.
func (f *Flow) mailByItself(ctx context.Context, s *step) error {
	if s.in.Step != session.SecondFactor || s.preferred() != factor.Email || f.mayVerify(s, string(factor.Email)) != nil {
		return nil
	}
	_, err := f.mailCode(ctx, s)
	if errors.Is(err, tooManyEmails) {
		s.in.Held = true
		return session.HeldTx(ctx, s.tx, s.in.ID)
	}
	return err
}

// finishing says what a finished sign-in proved.
type finishing struct {
	assurance session.Assurance
	method    string // last method proved; empty: none was asked
	device    uuid.UUID
	confirmed bool // by a recovery key: 🔒 acts are open at once
}

// finish is the only place where a session begins: the sign-in ends and the
// session exists in one commit.
func (f *Flow) finish(ctx context.Context, s *step, done finishing) (State, error) {
	if s.in.ID != uuid.Nil {
		if err := session.EndSignInTx(ctx, s.tx, s.in.ID); err != nil {
			return State{}, err
		}
	}
	n := session.New{
		User: s.user.ID, Front: s.front, First: s.in.First, Assurance: done.assurance, Method: done.method,
		Idle: s.policy.Idle(), Lifetime: s.policy.Lifetime(), TrustedDevice: done.device,
	}
	if done.confirmed {
		n.Confirmed = s.policy.Confirmation()
		since, err := factor.SinceTx(ctx, s.tx, s.user.ID, factor.RecoveryKey)
		if err != nil {
			return State{}, err
		}
		n.Since = since
	}
	out := State{Status: Complete, User: s.user, TwoFactor: len(s.methods) > 0, Choices: []Choice{}}
	var err error
	if s.in.TrustDevice && done.method != "" && s.policy.TrustsDevices(proof.Facts(s.user, s.methods)) {
		life := time.Duration(s.policy.TrustedDeviceDays) * 24 * time.Hour
		out.TrustedFor = life
		if out.TrustedDevice, n.TrustedDevice, err = f.Sessions.TrustTx(ctx, s.tx, s.by, s.user.ID, life); err != nil {
			return State{}, err
		}
	}
	if out.Session, out.SessionToken, err = f.Sessions.CreateTx(ctx, s.tx, s.by, n); err != nil {
		return State{}, err
	}
	out.ExpiresAt = out.Session.ExpiresAt
	if err := f.newDevice(ctx, s); err != nil {
		return State{}, err
	}
	if s.by.Browser != uuid.Nil {
		if err := guard.KnowTx(ctx, s.tx, s.user.ID, s.by.Browser, s.by.Device, s.by.Address); err != nil {
			return State{}, err
		}
	}
	data := map[string]any{"assurance": done.assurance, "method": done.method, "session": out.Session.ID}
	if s.in.First == session.BySSO {
		data["first"] = s.in.First
	}
	return out, audit.RecordTx(ctx, s.tx, s.by, audit.Event{Action: "signed_in", Subject: s.user.ID, Data: data})
}

// newDevice tells the user of a sign-in from where there was none before: a
// browser that is not known, or by API an address and agent once a day. The
// very first sign-in is no news.
func (f *Flow) newDevice(ctx context.Context, s *step) error {
	if s.lock.Browser() != uuid.Nil {
		return nil
	}
	ever, here, err := audit.SeenTx(ctx, s.tx, s.user.ID, "signed_in", s.by, s.tx.Now.AddDate(0, 0, -1))
	if err != nil || !ever || (here && s.front == session.Bearer) {
		return err
	}
	if err := audit.RecordTx(ctx, s.tx, s.by, audit.Event{Action: "new_device", Subject: s.user.ID}); err != nil {
		return err
	}
	return f.Judge.TellTx(ctx, s.tx, s.user, func(notMe string) mail.Kind {
		return mail.NewDevice{Device: s.by.Device, Address: s.by.Address, At: s.tx.Now, NotMe: notMe}
	})
}
