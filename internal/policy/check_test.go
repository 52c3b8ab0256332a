package policy

import (
	"testing"
	"time"
)

func TestPresetsAreKnownAgain(t *testing.T) {
	t.Parallel()
	for _, p := range []Preset{Compatible, Standard, Strict} {
		r := p.Rules()
		if f := r.Check(Compatible.Rules(), now); f != nil || r.Preset() != p {
			t.Errorf("%s: %v, known as %s", p, f, r.Preset())
		}
	}
}

func TestImpossibleRulesAreRefusedByField(t *testing.T) {
	t.Parallel()
	before := Compatible.Rules()
	before.StartsAt = ptr(past)
	for want, change := range map[string]func(*Rules){
		"":                       func(r *Rules) { r.Require, r.StartsAt = Everyone, ptr(past) }, // as it was
		"require":                func(r *Rules) { r.Require = "some" },
		"email_method":           func(r *Rules) { r.EmailMethod = "sometimes" },
		"app_method":             func(r *Rules) { r.AppMethod = Fallback },
		"grace_days":             func(r *Rules) { r.GraceDays = -1 },
		"starts_at":              func(r *Rules) { r.StartsAt = ptr(past.Add(time.Second)) },
		"password_min_length":    func(r *Rules) { r.PasswordMinLength = 7 },
		"session_lifetime_hours": func(r *Rules) { r.SessionLifetimeHours = 2161 },
		"session_idle_minutes":   func(r *Rules) { r.SessionIdleMinutes, r.SessionLifetimeHours = 121, 2 },
		"confirmation_minutes":   func(r *Rules) { r.ConfirmationMinutes = 0 },
		"app_steps_ahead":        func(r *Rules) { r.AppStepsAhead = 2 },
		"token_max_days":         func(r *Rules) { r.TokenMaxDays = 367 },
		"trusted_device_days":    func(r *Rules) { r.TrustedDeviceDays = 1 << 40 },
	} {
		r := Compatible.Rules()
		change(&r)
		f := r.Check(before, now)
		if (f == nil) != (want == "") || (f != nil && (len(f.Fields) != 1 || f.Fields[0].Name != want)) {
			t.Errorf("%s: %+v", want, f)
		}
	}
	r := before
	r.Require, r.EmailMethod, r.AppMethod, r.GraceDays = Everyone, Off, Off, 400
	if f := r.Check(before, now); f == nil || len(f.Fields) != 2 || f.Fields[1].Name != "require" {
		t.Errorf("two faults: %+v", f)
	}
	r = Compatible.Rules()
	r.Require, r.EmailMethod, r.AppMethod = Everyone, Fallback, Off
	if r.Check(before, now) == nil {
		t.Error("admins could not meet this")
	}
}

func TestDifferencesAreInTheContractsWords(t *testing.T) {
	t.Parallel()
	a, b := Compatible.Rules(), Standard.Rules()
	b.SignUpOpen, b.StartsAt = true, ptr(now)
	got := map[string][2]any{}
	for _, c := range Diff(a, b) {
		got[c.Field] = [2]any{c.From, c.To}
	}
	if len(got) != 8 || got["sign_up"] != [2]any{"closed", "open"} || got["email_method"] != [2]any{"allowed", "fallback"} ||
		got["starts_at"] != [2]any{nil, "2026-03-02T12:00:00Z"} || got["session_idle_minutes"] != [2]any{720, 60} {
		t.Errorf("%v", got)
	}
	if d := Diff(a, a); d != nil {
		t.Errorf("%v", d)
	}
}

func TestFieldsAreSetFromText(t *testing.T) {
	t.Parallel()
	r := Compatible.Rules()
	for name, value := range map[string]string{
		"require": "everyone", "grace_days": "7", "recovery_pass_approval": "true", "sign_up": "open", "starts_at": "2026-04-01",
	} {
		if f := SetField(&r, name, value); f != nil {
			t.Errorf("%s: %v", name, f)
		}
	}
	if r.Require != Everyone || r.GraceDays != 7 || !r.RecoveryPassApproval || !r.SignUpOpen || r.StartsAt.Month() != time.April {
		t.Errorf("%+v", r)
	}
	for name, value := range map[string]string{"grace_days": "a week", "code_in_subject": "yes", "starts_at": "April", "Require": "nobody"} {
		if f := SetField(&r, name, value); f == nil || f.Fields[0].Name != name {
			t.Errorf("%s=%s: %+v", name, value, f)
		}
	}
}
