package proof

import (
	"context"

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
)

// Enrolling is one enrolment under way: whose, and what holds it.
type Enrolling struct {
	By      audit.Actor
	User    account.User
	Methods []factor.Method // that are on
	Lock    *guard.Lock
	Policy  policy.Policy
	Holder  uuid.UUID    // the sign-in's or session's id
	Keep    session.Keep // what survives once the method is on
	// NewKeys makes a new set of recovery keys even where there is one: its
	// owner came without.
	NewKeys bool
}

// BeginTx begins an enrolment; for email it mails the code that proves address
// and method together.
func (j *Judge) BeginTx(ctx context.Context, tx *pg.Tx, e Enrolling, k factor.Kind, name string, replaces uuid.UUID) (factor.Enrolment, factor.Delivery, error) {
	if err := e.may(k); err != nil {
		return factor.Enrolment{}, factor.Delivery{}, err
	}
	made, err := j.Factors.BeginTx(ctx, tx, e.User.ID, e.Holder, k, name, replaces)
	made.Account = e.User.Email
	if err != nil || k != factor.Email {
		return made, factor.Delivery{}, err
	}
	d, err := j.MailEnrolmentCodeTx(ctx, tx, e)
	return made, d, err
}

// may refuses a method that the policy does not let this user turn on: when
// an enrolment begins, and again when it ends, for the policy may have changed.
func (e Enrolling) may(k factor.Kind) error {
	if k == factor.Email && factor.Has(e.Methods, k) {
		return nil // it is on already, which says more
	}
	if !allowed(e.Policy.Enrollable(Facts(e.User, e.Methods)), k) {
		return fault.New(fault.Forbidden, fault.MethodNotAllowedByPolicy)
	}
	return nil
}

// MailEnrolmentCodeTx mails the code of an email enrolment, or repeats it.
func (j *Judge) MailEnrolmentCodeTx(ctx context.Context, tx *pg.Tx, e Enrolling) (factor.Delivery, error) {
	return j.Factors.MailCodeTx(ctx, tx, e.By, factor.Request{
		User: e.User.ID, Name: e.User.Name, Address: e.User.Email, Purpose: factor.Enrolling,
		Holder: e.Holder, Browser: e.Lock.Browser(), CodeInSubject: e.Policy.CodeInSubject,
		Unproved: !e.User.EmailVerified,
	})
}

// ConfirmTx tries the code that proves an enrolment. Right: the method is on,
// everything of invariant 7 ends, and the first method comes with recovery
// keys (invariant 9), nil when no new set was made. Otherwise told is what to
// say once the charge is committed.
func (j *Judge) ConfirmTx(ctx context.Context, tx *pg.Tx, e Enrolling, k factor.Kind, code string) (keys []string, o factor.Outcome, told *fault.Fault, err error) {
	open, err := j.Factors.OpenTx(ctx, tx, e.User.ID, e.Holder, k)
	if err != nil {
		return nil, 0, nil, err
	}
	if err := e.may(k); err != nil {
		return nil, 0, nil, err
	}
	if refused := e.Lock.Refusal(); refused != nil {
		return nil, 0, nil, refused
	}
	code = factor.CanonicalCode(code)
	switch k {
	case factor.App:
		o, err = j.Factors.ProveAppTx(ctx, tx, e.User.ID, open, code, e.Policy.AppStepsAhead)
	default:
		o, err = j.Factors.SpendCodeTx(ctx, tx, e.User.ID, factor.Enrolling, e.Holder, e.User.Email, code)
		if err == nil && o == factor.Right {
			err = j.emailProvedTx(ctx, tx, e, open)
		}
	}
	if err != nil {
		return nil, o, nil, err
	}
	if o != factor.Right {
		told, err = j.ChargeTx(ctx, tx, e.By, e.Lock, e.User, string(k), o)
		return nil, o, clockDoctor(told, open, code, tx), err
	}
	keys, err = j.turnedOnTx(ctx, tx, e, open)
	return keys, o, nil, err
}

// clockDoctor says how far a phone's clock is off when that is all that is
// wrong with a code. Only here: at sign-in it would help a guesser.
func clockDoctor(told *fault.Fault, e factor.Enrolment, code string, tx *pg.Tx) *fault.Fault {
	if told == nil || e.Kind != factor.App {
		return told
	}
	off, ok := factor.ClockOffset(e.Secret, code, tx.Now)
	if !ok {
		return told
	}
	id := "fault.clock_ahead"
	if off < 0 {
		id, off = "fault.clock_behind", -off
	}
	return told.Say(id, map[string]any{"Minutes": max(int(off.Minutes()+0.5), 1)})
}

func (j *Judge) emailProvedTx(ctx context.Context, tx *pg.Tx, e Enrolling, open factor.Enrolment) error {
	changed, err := account.VerifyEmailTx(ctx, tx, e.User.ID)
	if err != nil {
		return err
	}
	if changed {
		if err := audit.RecordTx(ctx, tx, e.By, audit.Event{Action: "email_verified", Subject: e.User.ID}); err != nil {
			return err
		}
	}
	return j.Factors.TurnOnEmailTx(ctx, tx, e.User.ID, open)
}

// turnedOnTx is what follows a method that was just turned on.
func (j *Judge) turnedOnTx(ctx context.Context, tx *pg.Tx, e Enrolling, m factor.Enrolment) ([]string, error) {
	if err := account.ProvedTx(ctx, tx, e.User.ID, string(m.Kind)); err != nil {
		return nil, err
	}
	_, has, err := factor.CurrentSet(ctx, tx, e.User.ID)
	if err != nil {
		return nil, err
	}
	var keys []string
	if !has || e.NewKeys {
		set, err := j.Factors.NewSetTx(ctx, tx, e.User.ID)
		if err != nil {
			return nil, err
		}
		keys = set.Shown()
	}
	if err := j.EndRestTx(ctx, tx, e.User.ID, e.Keep); err != nil {
		return nil, err
	}
	err = audit.RecordTx(ctx, tx, e.By, audit.Event{Action: "method_on", Subject: e.User.ID, Data: map[string]any{
		"method": m.Kind, "name": m.Name, "replaced": m.Replaces != uuid.Nil, "recovery_keys": len(keys),
	}})
	if err != nil {
		return nil, err
	}
	if has && e.NewKeys {
		err := j.TellTx(ctx, tx, e.User, func(notMe string) mail.Kind {
			return mail.RecoveryKeysRegenerated{Device: e.By.Device, Address: e.By.Address, At: tx.Now, NotMe: notMe}
		})
		if err != nil {
			return nil, err
		}
	}
	err = j.TellTx(ctx, tx, e.User, func(notMe string) mail.Kind {
		return mail.MethodOn{
			Method: string(m.Kind), Label: m.Name, Replaced: m.Replaces != uuid.Nil,
			Device: e.By.Device, Address: e.By.Address, At: tx.Now, NotMe: notMe,
		}
	})
	return keys, err
}

func allowed(kinds []policy.Kind, k factor.Kind) bool {
	for _, one := range kinds {
		if string(one) == string(k) {
			return true
		}
	}
	return false
}
