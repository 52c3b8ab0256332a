package policy

import "time"

// Kind is a method as the policy sees it.
type Kind string

const (
	Email Kind = "email"
	App   Kind = "app"
)

// By names the rule that requires two-factor of a user.
type By string

const (
	NoRule   By = ""
	ByPolicy By = "policy"
	ByAdmin  By = "admin"
	ByReset  By = "reset"
)

// Facts are what the policy needs to know of a user.
type Facts struct {
	Admin        bool // role admin
	HasEmail     bool // the method is on
	HasApp       bool
	CreatedAt    time.Time
	EnrolBy      *time.Time // earliest deadline that any policy ever set
	RequiredFrom *time.Time // an admin requires it
	ResetAt      *time.Time // a method was reset and none proved since
	ResetByMail  *time.Time // last password reset by a mailed link
}

// Asks is what the policy asks of a user now.
type Asks struct {
	By   By         // which rule requires two-factor; NoRule: none
	From *time.Time // since or from when it is required
	Due  bool       // From has come

	Verify []Kind // methods that complete or carry on a sign-in, strongest first
	// Enrol: no method of this user satisfies the policy, and a rule asks for
	// one: after Verify (if any) a method must be turned on.
	Enrol bool
	// SkippableUntil: the enrolment may be put off until then; nil: it may not.
	SkippableUntil *time.Time
}

// otherChannelFor is how long after a password reset by mail an email code is
// not enough (security: the mailbox alone must not be the whole account).
const otherChannelFor = 24 * time.Hour

// Ask is pure: the same rules, facts and instant give the same answer.
func (p Policy) Ask(f Facts, now time.Time) Asks {
	a := Asks{}
	a.By, a.From = p.rule(f)
	a.Due = a.By != NoRule && !a.From.After(now)
	satisfied := false
	if f.HasApp {
		a.Verify = append(a.Verify, App)
		satisfied = satisfied || p.AppMethod != Off
	}
	if f.HasEmail && p.emailAccepted(f) {
		a.Verify = append(a.Verify, Email)
		satisfied = true
	}
	if len(a.Verify) == 0 && f.HasEmail {
		// A policy that turned the only method off never strands anyone: the
		// old one is proved once more, and then another is enrolled.
		a.Verify = []Kind{Email}
	}
	if f.HasApp || f.HasEmail {
		a.Enrol = (!satisfied || a.By == ByReset) && p.canAdd(f)
		return a
	}
	a.Enrol = a.By != NoRule
	if a.Enrol && !a.Due {
		a.SkippableUntil = a.From
	}
	return a
}

// emailAccepted: fallback means only while the user has no app, never for admins.
func (p Policy) emailAccepted(f Facts) bool {
	switch p.EmailMethod {
	case Allowed:
		return true
	case Fallback:
		return !f.HasApp && !f.Admin
	default:
		return false
	}
}

// Enrollable lists the kinds that this user may turn on.
func (p Policy) Enrollable(f Facts) []Kind {
	var out []Kind
	if p.AppMethod != Off {
		out = append(out, App)
	}
	if p.emailAccepted(Facts{Admin: f.Admin, HasApp: f.HasApp}) {
		out = append(out, Email)
	}
	return out
}

// canAdd reports whether there is a kind that the user may turn on and has not.
func (p Policy) canAdd(f Facts) bool {
	for _, k := range p.Enrollable(f) {
		if (k == App && !f.HasApp) || (k == Email && !f.HasEmail) {
			return true
		}
	}
	return false
}

// ConfirmsByEmail reports whether an email code may be the code of a
// confirmation: not under fallback or off, and not for a day after the
// password was reset by mail, since mailbox and password are then one.
func (p Policy) ConfirmsByEmail(f Facts, now time.Time) bool {
	return p.EmailMethod == Allowed && !f.resetLately(now)
}

// EmailCompletes reports whether an email code may finish a sign-in now.
func (p Policy) EmailCompletes(f Facts, now time.Time) bool {
	return !p.ResetRequiresOtherChannel || !f.resetLately(now)
}

func (f Facts) resetLately(now time.Time) bool {
	return f.ResetByMail != nil && now.Before(f.ResetByMail.Add(otherChannelFor))
}

// rule finds what requires two-factor of the user: a reset and an admin's word
// have no grace; the policy's deadline is the earliest ever computed.
func (p Policy) rule(f Facts) (By, *time.Time) {
	if f.ResetAt != nil {
		return ByReset, f.ResetAt
	}
	if f.RequiredFrom != nil {
		return ByAdmin, f.RequiredFrom
	}
	if d := p.Deadline(f); d != nil {
		return ByPolicy, d
	}
	return NoRule, nil
}

// Deadline is when this policy's requirement begins for the user; nil: never.
// It is the later of start and the account's creation, plus the grace, and
// never later than one that was computed before.
func (p Policy) Deadline(f Facts) *time.Time {
	if p.Require == Nobody || (p.Require == Admins && !f.Admin) {
		return nil
	}
	start := p.SavedAt
	if p.StartsAt != nil {
		start = *p.StartsAt
	}
	if f.CreatedAt.After(start) {
		start = f.CreatedAt
	}
	d := start.AddDate(0, 0, p.GraceDays)
	if f.EnrolBy != nil && f.EnrolBy.Before(d) {
		d = *f.EnrolBy
	}
	return &d
}
