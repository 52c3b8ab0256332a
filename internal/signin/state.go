package signin

import (
	"context"
	"strings"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/factor"
	"latchkey/internal/fault"
	"latchkey/internal/policy"
	"latchkey/internal/proof"
	"latchkey/internal/session"
)

// open draws the state of an unfinished sign-in.
func (f *Flow) open(ctx context.Context, s *step) (State, error) {
	out := State{
		Status: Status(s.in.Step), ExpiresAt: s.in.ExpiresAt, Enrolled: s.in.Enrolled,
		Choices: s.choices(), User: s.user,
	}
	if s.in.Step == session.Enrolment {
		out.SkippableUntil = s.skippableUntil()
	} else {
		out.Preferred = s.preferred()
	}
	d, err := f.Factors.DeliveryTx(ctx, s.tx, s.user.ID, s.purpose(), s.in.ID)
	switch {
	case err == nil:
		out.Delivery = d.State
	case !isAbsent(err):
		return State{}, err
	case s.in.Held:
		out.Delivery = factor.Held
	}
	if s.in.ByKey {
		if err := s.keysLeft(ctx, &out); err != nil {
			return State{}, err
		}
	}
	return out, nil
}

func (s *step) keysLeft(ctx context.Context, out *State) error {
	set, _, err := factor.CurrentSet(ctx, s.tx, s.user.ID)
	if err != nil {
		return err
	}
	out.KeysLeft = &set.Left
	return nil
}

// choices lists one entry per kind: what this step takes.
func (s *step) choices() []Choice {
	kinds := s.asks.Verify
	if s.in.Step == session.Enrolment {
		kinds = nil
		for _, k := range s.policy.Enrollable(proof.Facts(s.user, s.methods)) {
			// After a pass the app that is on is out of reach: another one may be added.
			if !factor.Has(s.methods, factor.Kind(k)) || (s.byPass() && k == policy.App) {
				kinds = append(kinds, k)
			}
		}
	}
	out := make([]Choice, 0, len(kinds))
	for _, k := range kinds {
		out = append(out, Choice{factor.Kind(k), s.hint(factor.Kind(k))})
	}
	return out
}

func (s *step) hint(k factor.Kind) string {
	if k == factor.Email {
		return Mask(s.user.Email)
	}
	var names []string
	for _, m := range s.methods {
		if m.Kind == factor.App {
			names = append(names, m.Name)
		}
	}
	return strings.Join(names, ", ")
}

// preferred is the method to ask first: the user's choice where this sign-in
// takes it, else the only one, else the strongest.
func (s *step) preferred() factor.Kind {
	for _, k := range s.asks.Verify {
		if string(k) == s.user.PreferredMethod {
			return factor.Kind(k)
		}
	}
	if len(s.asks.Verify) > 0 {
		return factor.Kind(s.asks.Verify[0])
	}
	return ""
}

func (s *step) takes(k factor.Kind) bool {
	for _, one := range s.asks.Verify {
		if string(one) == string(k) {
			return true
		}
	}
	return false
}

// skippableUntil is kept from those who proved a method that the policy took
// away, or whose app was reset: they enrol now.
func (s *step) skippableUntil() *time.Time {
	if s.in.Enrolled || s.byPass() || s.asks.SkippableUntil == nil || !s.asks.SkippableUntil.After(s.tx.Now) {
		return nil
	}
	return s.asks.SkippableUntil
}

// byPass reports whether a recovery pass led into this enrolment.
func (s *step) byPass() bool { return s.in.Proved == string(factor.RecoveryPass) }

// purpose is what a code mailed for this step is good for.
func (s *step) purpose() factor.Purpose {
	if s.in.Step == session.Enrolment {
		return factor.Enrolling
	}
	return factor.SignInCode
}

// Mask hides the middle of an address: enough to recognise one's own.
func Mask(email string) string {
	local, domain, ok := strings.Cut(email, "@")
	if !ok {
		return email
	}
	first := []rune(local)[:1]
	return string(first) + "•••@" + domain
}

func isAbsent(err error) bool {
	f, ok := fault.As(err)
	return ok && f.Code == fault.Absent
}

// SendCode mails the code of this step, or repeats it.
func (f *Flow) SendCode(ctx context.Context, by audit.Actor, token string) (factor.Delivery, error) {
	var out factor.Delivery
	err := f.within(ctx, by, token, func(ctx context.Context, s *step) error {
		var err error
		out, err = f.mailCode(ctx, s)
		return err
	})
	return out, err
}

func (f *Flow) mailCode(ctx context.Context, s *step) (factor.Delivery, error) {
	if s.in.Step == session.Enrolment {
		if _, err := f.Factors.OpenTx(ctx, s.tx, s.user.ID, s.in.ID, factor.Email); err != nil {
			return factor.Delivery{}, err
		}
		return f.Judge.MailEnrolmentCodeTx(ctx, s.tx, s.enrolling())
	}
	if err := f.mayVerify(s, string(factor.Email)); err != nil {
		return factor.Delivery{}, err
	}
	if !s.takes(factor.Email) {
		return factor.Delivery{}, fault.New(fault.Conflict, fault.StateConflict).Say("fault.email_not_on", nil)
	}
	return f.Factors.MailCodeTx(ctx, s.tx, s.by, factor.Request{
		User: s.user.ID, Name: s.user.Name, Address: s.user.Email, Purpose: factor.SignInCode,
		Holder: s.in.ID, Browser: s.lock.Browser(), CodeInSubject: s.policy.CodeInSubject,
	})
}

// CodeDelivery tells what became of the code of this step.
func (f *Flow) CodeDelivery(ctx context.Context, by audit.Actor, token string) (factor.Delivery, error) {
	var out factor.Delivery
	err := f.within(ctx, by, token, func(ctx context.Context, s *step) error {
		var err error
		out, err = f.Factors.DeliveryTx(ctx, s.tx, s.user.ID, s.purpose(), s.in.ID)
		if isAbsent(err) && s.in.Held {
			out, err = f.held(ctx, s)
		}
		return err
	})
	return out, err
}

// held is the delivery of a code that the budget held back, with the moment
// from which one is mailed again.
func (f *Flow) held(ctx context.Context, s *step) (factor.Delivery, error) {
	wait, err := f.Factors.MailWaitTx(ctx, s.tx, factor.Request{
		User: s.user.ID, Purpose: factor.SignInCode, Browser: s.lock.Browser(),
	})
	return factor.Delivery{
		State: factor.Held, SentTo: s.user.Email, ExpiresAt: s.in.ExpiresAt, ResendAt: s.tx.Now.Add(wait),
	}, err
}

func (s *step) enrolling() proof.Enrolling {
	return proof.Enrolling{
		By: s.by, User: s.user, Methods: s.methods, Lock: s.lock, Policy: s.policy, Holder: s.in.ID,
		Keep: session.Keep{SignIn: s.in.ID}, NewKeys: s.byPass(),
	}
}
