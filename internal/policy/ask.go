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
	a.Verify = p.accepted(f)
	satisfied := len(a.Verify) > 0
	if !satisfied {
		// A policy that turned the only method off never strands anyone: the
		// old one is proved once more, and then another is enrolled.
		a.Verify = f.strongest()
	}
	// Nothing is enrolled where nothing can be: a sign-in never leads into a
	// screen without a way on.
	if f.HasApp || f.HasEmail {
		a.Enrol = (!satisfied || a.By == ByReset) && p.canAdd(f)
		return a
	}
	a.Enrol = a.By != NoRule && p.canAdd(f)
	if a.Enrol && !a.Due {
		a.SkippableUntil = a.From
	}
	return a
}

// accepted lists what the user has and the policy takes, strongest first.
func (p Policy) accepted(f Facts) []Kind {
	var out []Kind
	if f.HasApp && p.AppMethod != Off {
		out = append(out, App)
	}
	if f.HasEmail && p.emailAccepted(f) {
		out = append(out, Email)
	}
	return out
}

// strongest is the best method that the user has on, whatever the policy.
func (f Facts) strongest() []Kind {
	switch {
	case f.HasApp:
		return []Kind{App}
	case f.HasEmail:
		return []Kind{Email}
	}
	return nil
}

// Satisfied reports whether one of the user's methods is one that the policy takes.
func (p Policy) Satisfied(f Facts) bool { return len(p.accepted(f)) > 0 }

// emailAccepted: fallback means only while the user has no app, never for
// admins. An app that the policy takes no more is none to fall back from.
func (p Policy) emailAccepted(f Facts) bool {
	switch p.EmailMethod {
	case Allowed:
		return true
	case Fallback:
		return !(f.HasApp && p.AppMethod != Off) && !f.Admin
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

// MailboxApart reports whether password and mailbox are two channels: not for
// a day after the password was reset by mail.
func (p Policy) MailboxApart(f Facts, now time.Time) bool { return !f.resetLately(now) }

// EmailAddsApp reports whether an email code may be the code of a confirmation
// that is good for adding an app and nothing else: under fallback, for who has
// no stronger method yet.
func (p Policy) EmailAddsApp(f Facts, now time.Time) bool {
	return p.EmailMethod == Fallback && p.emailAccepted(f) && !f.resetLately(now)
}

// EmailCompletes reports whether an email code may finish a sign-in now.
func (p Policy) EmailCompletes(f Facts, now time.Time) bool {
	return !p.ResetRequiresOtherChannel || !f.resetLately(now)
}

// TrustsDevices reports whether this user's trusted devices count: under
// `fallback`, and stricter, an admin's don't.
func (p Policy) TrustsDevices(f Facts) bool {
	return p.TrustedDeviceDays > 0 && !(f.Admin && p.EmailMethod != Allowed)
}

func (f Facts) resetLately(now time.Time) bool {
	return f.ResetByMail != nil && now.Before(f.ResetByMail.Add(otherChannelFor))
}

// rule finds what requires two-factor of the user: a reset, which has no
// grace, else whichever of the admin's word and the policy comes first.
func (p Policy) rule(f Facts) (By, *time.Time) {
	if f.ResetAt != nil {
		return ByReset, f.ResetAt
	}
	d := p.Deadline(f)
	switch {
	case f.RequiredFrom != nil && (d == nil || !d.Before(*f.RequiredFrom)):
		return ByAdmin, f.RequiredFrom
	case d != nil:
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
	d := start.Add(p.Grace())
	if f.EnrolBy != nil && f.EnrolBy.Before(d) {
		d = *f.EnrolBy
	}
	return &d
}
