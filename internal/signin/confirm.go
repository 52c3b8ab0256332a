package signin

import (
	"context"
	"time"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/guard"
	"latchkey/internal/pg"
	"latchkey/internal/policy"
	"latchkey/internal/proof"
	"latchkey/internal/session"
)

// Proofs are what a confirmation (🔒) takes: the password, and with two-factor
// on a code of any method, or a recovery key.
type Proofs struct {
	Password string
	Method   string
	Code     string
}

// Confirmed is a confirmation that was given.
type Confirmed struct {
	Until time.Time
	Token string // fresh token of a cookie session; empty for a bearer's
}

// Confirm proves again that it is the user. The password is judged first: a
// wrong one spends no code. Each wrong guess counts on its own meter.
func (f *Flow) Confirm(ctx context.Context, by audit.Actor, in session.Session, p Proofs) (Confirmed, error) {
	if err := session.NotWithToken(in); err != nil {
		return Confirmed{}, err
	}
	u, err := account.ByID(ctx, f.DB, in.User)
	if err != nil {
		return Confirmed{}, err
	}
	if u.PasswordHash == "" {
		return f.confirmAfterSSO(ctx, by, in, p)
	}
	methods, err := factor.Methods(ctx, f.DB, u.ID)
	if err != nil {
		return Confirmed{}, err
	}
	if err := complete(p, true, len(methods) > 0); err != nil {
		return Confirmed{}, err
	}
	meter := f.passwordMeter(by, u.Email, u.ID)
	right, _, err := f.password(ctx, meter, u, p.Password)
	if err != nil {
		return Confirmed{}, err
	}
	var (
		out  Confirmed
		told *fault.Fault
	)
	ctx = context.WithoutCancel(ctx)
	err = f.DB.InTx(ctx, func(tx *pg.Tx) error {
		c := confirming{f: f, tx: tx, by: by, p: p, user: u}
		if c.lock, err = guard.LockTx(ctx, tx, u.ID, by.Browser); err != nil {
			return err
		}
		if c.held, err = f.Sessions.HoldTx(ctx, tx, in.ID); err != nil {
			return err
		}
		if err := meter.JudgeTx(ctx, tx, right); err != nil {
			return err
		}
		if !right {
			told = wrongPassword
			return audit.RecordTx(ctx, tx, by, audit.Event{Action: "password_refused", Subject: u.ID})
		}
		out, told, err = c.judge(ctx)
		return err
	})
	if err == nil && told != nil {
		return Confirmed{}, told
	}
	return out, err
}

// wrongPassword: whose account it is stands at a confirmation, so the address
// can't be what is wrong.
var wrongPassword = wrongCredentials.Say("fault.wrong_password", nil)

// complete names what is missing before anything is judged.
func complete(p Proofs, password, twoFactor bool) error {
	all := &fault.Fault{Kind: fault.Invalid, Code: fault.InvalidRequest}
	if password && p.Password == "" {
		all.Fields = append(all.Fields, fault.Field{Name: "password", Message: "account.password.empty"})
	}
	if twoFactor && p.Method == "" {
		all.Fields = append(all.Fields, fault.Field{Name: "method", Message: "field.method.needed"})
	}
	if twoFactor && p.Code == "" {
		all.Fields = append(all.Fields, fault.Field{Name: "code", Message: "field.code.empty"})
	}
	if len(all.Fields) > 0 {
		return all
	}
	if twoFactor {
		return checkTyped(p.Method, p.Code)
	}
	return nil
}

// confirming is a confirmation whose first half, mostly the password, was right.
type confirming struct {
	f    *Flow
	tx   *pg.Tx
	by   audit.Actor
	p    Proofs
	lock *guard.Lock
	held session.Session
	user account.User
}

func (c confirming) judge(ctx context.Context) (Confirmed, *fault.Fault, error) {
	// Read again under the lock: the password may have changed meanwhile.
	u, err := account.ByID(ctx, c.tx, c.user.ID)
	if err != nil {
		return Confirmed{}, nil, err
	}
	if u.PasswordHash != c.user.PasswordHash || u.Status != account.Active {
		return Confirmed{}, nil, wrongCredentials
	}
	rules, err := policy.Current(ctx, c.tx)
	if err != nil {
		return Confirmed{}, nil, err
	}
	methods, err := factor.Methods(ctx, c.tx, u.ID)
	if err != nil {
		return Confirmed{}, nil, err
	}
	done := session.Confirmation{Until: c.tx.Now.Add(rules.Confirmation()), Assurance: session.Password}
	if len(methods) > 0 {
		if err := complete(c.p, u.PasswordHash != "", true); err != nil {
			return Confirmed{}, nil, err
		}
		told, err := c.code(ctx, u, methods, rules)
		if err != nil || told != nil {
			return Confirmed{}, told, err
		}
		done.Method, done.Assurance = c.p.Method, proof.AssuranceOf(c.p.Method)
		if done.Since, err = factor.SinceTx(ctx, c.tx, u.ID, factor.Kind(c.p.Method)); err != nil {
			return Confirmed{}, nil, err
		}
	}
	out := Confirmed{Until: done.Until}
	out.Token, err = c.f.Sessions.ConfirmTx(ctx, c.tx, c.held, done)
	if err != nil {
		return Confirmed{}, nil, err
	}
	data := map[string]any{"method": done.Method}
	if u.PasswordHash == "" {
		data["first"] = session.BySSO
	}
	return out, nil, audit.RecordTx(ctx, c.tx, c.by, audit.Event{Action: "confirmed", Subject: u.ID, Data: data})
}

// code judges the second half of a confirmation.
func (c confirming) code(ctx context.Context, u account.User, methods []factor.Method, rules policy.Policy) (*fault.Fault, error) {
	facts := proof.Facts(u, methods)
	if c.p.Method == string(factor.Email) && !rules.ConfirmsByEmail(facts, c.tx.Now) && !rules.EmailAddsApp(facts, c.tx.Now) {
		return nil, emailConfirmsNothing(rules)
	}
	if refused := c.lock.Refusal(); refused != nil {
		return nil, refused
	}
	var (
		o    factor.Outcome
		left int
		err  error
	)
	switch c.p.Method {
	case string(factor.App):
		o, err = c.f.Factors.SpendAppTx(ctx, c.tx, u.ID, factor.CanonicalCode(c.p.Code), rules.AppStepsAhead)
	case string(factor.Email):
		if factor.Has(methods, factor.Email) {
			o, err = c.f.Factors.SpendCodeTx(ctx, c.tx, u.ID, factor.Confirmation, c.held.ID, u.Email, factor.CanonicalCode(c.p.Code))
		}
	case string(factor.RecoveryKey):
		o, left, err = c.f.Factors.SpendKeyTx(ctx, c.tx, u.ID, c.p.Code, c.by.Device)
		if err == nil && o == factor.Right {
			err = c.f.Judge.KeyUsedTx(ctx, c.tx, c.by, u, left)
		}
	}
	if err != nil {
		return nil, err
	}
	told, err := c.f.Judge.ChargeTx(ctx, c.tx, c.by, c.lock, u, c.p.Method, o)
	if err != nil || told == nil {
		return nil, err
	}
	return told.Left(c.lock.Left()), nil
}

func emailConfirmsNothing(rules policy.Policy) error {
	if rules.EmailMethod == policy.Allowed {
		return fault.New(fault.Forbidden, fault.OtherChannelRequired)
	}
	return fault.New(fault.Forbidden, fault.MethodNotAllowedByPolicy)
}

// ConfirmationCode mails the code of a confirmation, or repeats it.
func (f *Flow) ConfirmationCode(ctx context.Context, by audit.Actor, in session.Session) (factor.Delivery, error) {
	var out factor.Delivery
	err := f.DB.InTx(context.WithoutCancel(ctx), func(tx *pg.Tx) error {
		lock, err := guard.LockTx(ctx, tx, in.User, by.Browser)
		if err != nil {
			return err
		}
		if _, err := f.Sessions.HoldTx(ctx, tx, in.ID); err != nil {
			return err
		}
		u, err := account.ByID(ctx, tx, in.User)
		if err != nil {
			return err
		}
		methods, err := factor.Methods(ctx, tx, in.User)
		if err != nil {
			return err
		}
		rules, err := policy.Current(ctx, tx)
		if err != nil {
			return err
		}
		facts := proof.Facts(u, methods)
		switch {
		case !factor.Has(methods, factor.Email):
			return fault.New(fault.Conflict, fault.StateConflict).Say("fault.email_not_on", nil)
		case !rules.ConfirmsByEmail(facts, tx.Now) && !rules.EmailAddsApp(facts, tx.Now):
			return emailConfirmsNothing(rules)
		}
		out, err = f.Factors.MailCodeTx(ctx, tx, by, factor.Request{
			User: u.ID, Name: u.Name, Address: u.Email, Purpose: factor.Confirmation,
			Holder: in.ID, Browser: lock.Browser(), CodeInSubject: rules.CodeInSubject,
		})
		return err
	})
	return out, err
}
