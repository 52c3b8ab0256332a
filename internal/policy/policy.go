// Package policy is the security policy that admins set: its versions, its
// presets, and what it asks of a user now. The last is a pure function, used
// by sign-in, pages, API and rehearsal alike.
package policy

import "time"

// Require says of whom two-factor is required.
type Require string

const (
	Nobody   Require = "nobody"
	Admins   Require = "admins"
	Everyone Require = "everyone"
)

// Use says how far a method may be used.
type Use string

const (
	Allowed  Use = "allowed"
	Fallback Use = "fallback" // email only: while the user has no app, never for admins, never for a confirmation
	Off      Use = "off"
)

// Preset names a set of rules; Custom is anything else.
type Preset string

const (
	Compatible Preset = "compatible"
	Standard   Preset = "standard"
	Strict     Preset = "strict"
	Custom     Preset = "custom"
)

// Rules are what an admin sets. Units are in the names.
type Rules struct {
	Require                   Require
	StartsAt                  *time.Time // nil: the save
	GraceDays                 int
	EmailMethod               Use
	AppMethod                 Use // Allowed or Off
	ResetRequiresOtherChannel bool
	TrustedDeviceDays         int // 0: off
	RecoveryKeysViewable      bool
	RecoveryPassApproval      bool
	PasswordMinLength         int
	SessionIdleMinutes        int
	SessionLifetimeHours      int
	ConfirmationMinutes       int
	AppStepsAhead             int
	TokenMaxDays              int
	CodeInSubject             bool
	SignUpOpen                bool
}

// Preset gives the rules of a preset: those figures that a preset fixes, and
// the defaults for the rest.
func (p Preset) Rules() Rules {
	r := Rules{
		Require: Nobody, GraceDays: 14, EmailMethod: Allowed, AppMethod: Allowed,
		TrustedDeviceDays: 30, RecoveryKeysViewable: true, PasswordMinLength: 10,
		SessionIdleMinutes: 720, SessionLifetimeHours: 720, ConfirmationMinutes: 10,
		AppStepsAhead: 1, TokenMaxDays: 366,
	}
	switch p {
	case Standard:
		r.EmailMethod, r.ResetRequiresOtherChannel, r.TrustedDeviceDays = Fallback, true, 14
		r.SessionIdleMinutes, r.SessionLifetimeHours, r.PasswordMinLength = 60, 24, 12
	case Strict:
		r.EmailMethod, r.ResetRequiresOtherChannel, r.TrustedDeviceDays = Off, true, 0
		r.SessionIdleMinutes, r.SessionLifetimeHours, r.PasswordMinLength = 15, 12, 15
		r.RecoveryKeysViewable, r.AppStepsAhead = false, 0
	}
	return r
}

// Preset says which preset these rules are, by the figures that presets fix.
func (r Rules) Preset() Preset {
	for _, p := range []Preset{Compatible, Standard, Strict} {
		if fixed(p.Rules()) == fixed(r) {
			return p
		}
	}
	return Custom
}

// fixed keeps only what a preset decides.
func fixed(r Rules) Rules {
	return Rules{
		EmailMethod: r.EmailMethod, AppMethod: r.AppMethod, ResetRequiresOtherChannel: r.ResetRequiresOtherChannel,
		TrustedDeviceDays: r.TrustedDeviceDays, RecoveryKeysViewable: r.RecoveryKeysViewable,
		PasswordMinLength: r.PasswordMinLength, SessionIdleMinutes: r.SessionIdleMinutes,
		SessionLifetimeHours: r.SessionLifetimeHours, AppStepsAhead: r.AppStepsAhead,
	}
}

// Policy is one saved version of the rules.
type Policy struct {
	Rules
	Version int
	SavedAt time.Time
	SavedBy string // user id; empty: the host
}

// Grace is how long an enrolment may be put off. Days are of 24 hours, so that
// Postgres, which stores deadlines in batches, reckons as Go does.
func (r Rules) Grace() time.Duration { return time.Duration(r.GraceDays) * 24 * time.Hour }

// Idle is how long a session may rest.
func (r Rules) Idle() time.Duration { return time.Duration(r.SessionIdleMinutes) * time.Minute }

// Lifetime is how long a session may last.
func (r Rules) Lifetime() time.Duration { return time.Duration(r.SessionLifetimeHours) * time.Hour }

// Confirmation is how long a confirmation holds.
func (r Rules) Confirmation() time.Duration {
	return time.Duration(r.ConfirmationMinutes) * time.Minute
}
