package policy

import (
	"strconv"
	"time"

	"latchkey/internal/fault"
)

// Field is one rule by the name that the contract gives it: what history
// compares, what a save is checked by, and what the command line sets.
type Field struct {
	Name    string
	Choices []string // of a word; nil: another kind
	Min     int      // of a number
	Max     int

	get func(Rules) any
	set func(*Rules, string) bool // from text; false: not of this kind
}

// Value is the rule as the contract writes it.
func (f Field) Value(r Rules) any { return f.get(r) }

// Fields are all rules in the order of the contract.
func Fields() []Field {
	return []Field{
		word("require", func(r *Rules) *Require { return &r.Require }, Nobody, Admins, Everyone),
		startsAt(),
		number("grace_days", 0, 365, func(r *Rules) *int { return &r.GraceDays }),
		word("email_method", func(r *Rules) *Use { return &r.EmailMethod }, Allowed, Fallback, Off),
		word("app_method", func(r *Rules) *Use { return &r.AppMethod }, Allowed, Off),
		flag("reset_requires_other_channel", func(r *Rules) *bool { return &r.ResetRequiresOtherChannel }),
		number("trusted_device_days", 0, 365, func(r *Rules) *int { return &r.TrustedDeviceDays }),
		flag("recovery_keys_viewable", func(r *Rules) *bool { return &r.RecoveryKeysViewable }),
		flag("recovery_pass_approval", func(r *Rules) *bool { return &r.RecoveryPassApproval }),
		number("password_min_length", 8, 64, func(r *Rules) *int { return &r.PasswordMinLength }),
		number("session_idle_minutes", 1, 43200, func(r *Rules) *int { return &r.SessionIdleMinutes }),
		number("session_lifetime_hours", 1, 2160, func(r *Rules) *int { return &r.SessionLifetimeHours }),
		number("confirmation_minutes", 1, 60, func(r *Rules) *int { return &r.ConfirmationMinutes }),
		number("app_steps_ahead", 0, 1, func(r *Rules) *int { return &r.AppStepsAhead }),
		number("token_max_days", 1, 366, func(r *Rules) *int { return &r.TokenMaxDays }),
		flag("code_in_subject", func(r *Rules) *bool { return &r.CodeInSubject }),
		signUp(),
	}
}

// SetField sets a rule by its name from text, as a command line gives it.
func SetField(r *Rules, name, value string) *fault.Fault {
	for _, f := range Fields() {
		if f.Name != name {
			continue
		}
		if !f.set(r, value) {
			return fault.InField(name, "field.unreadable", nil)
		}
		return nil
	}
	return fault.InField(name, "field.unknown", nil)
}

func word[T ~string](name string, at func(*Rules) *T, choices ...T) Field {
	f := Field{Name: name, get: func(r Rules) any { return string(*at(&r)) }}
	for _, c := range choices {
		f.Choices = append(f.Choices, string(c))
	}
	f.set = func(r *Rules, v string) bool { *at(r) = T(v); return true }
	return f
}

func number(name string, lo, hi int, at func(*Rules) *int) Field {
	return Field{
		Name: name, Min: lo, Max: hi,
		get: func(r Rules) any { return *at(&r) },
		set: func(r *Rules, v string) bool {
			n, err := strconv.Atoi(v)
			*at(r) = n
			return err == nil
		},
	}
}

func flag(name string, at func(*Rules) *bool) Field {
	return Field{
		Name: name,
		get:  func(r Rules) any { return *at(&r) },
		set: func(r *Rules, v string) bool {
			*at(r) = v == "true"
			return v == "true" || v == "false"
		},
	}
}

func startsAt() Field {
	return Field{
		Name: "starts_at",
		get: func(r Rules) any {
			if r.StartsAt == nil {
				return nil
			}
			return r.StartsAt.UTC().Format(time.RFC3339Nano)
		},
		set: func(r *Rules, v string) bool {
			r.StartsAt = nil
			if v == "" || v == "null" {
				return true
			}
			at, err := time.Parse(time.RFC3339, v)
			if err != nil {
				at, err = time.Parse(time.DateOnly, v)
			}
			at = at.UTC()
			r.StartsAt = &at
			return err == nil
		},
	}
}

func signUp() Field {
	return Field{
		Name: "sign_up", Choices: []string{"open", "closed"},
		get: func(r Rules) any { return r.SignUp() },
		set: func(r *Rules, v string) bool {
			r.SignUpOpen = v == "open"
			return v == "open" || v == "closed"
		},
	}
}

// SignUp is the rule of sign-up in the contract's words.
func (r Rules) SignUp() string {
	if r.SignUpOpen {
		return "open"
	}
	return "closed"
}
