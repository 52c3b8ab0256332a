package policy

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func saved(change func(*Rules)) Policy {
	p := Policy{Rules: Compatible.Rules(), Version: 2, SavedAt: noon}
	if change != nil {
		change(&p.Rules)
	}
	return p
}

func before(d time.Duration) *time.Time { at := noon.Add(-d); return &at }

// The whole table: what a user has, against what the policy lets be used.
func TestWhatASignInTakes(t *testing.T) {
	t.Parallel()
	type row struct {
		email, app Use
		admin      bool
		has        string // "", "e", "a", "ea"
		verify     []Kind
		enrol      bool // while required and due
	}
	both, none := []Kind{App, Email}, []Kind(nil)
	for _, r := range []row{
		{Allowed, Allowed, false, "", none, true}, {Allowed, Allowed, false, "e", []Kind{Email}, false},
		{Allowed, Allowed, false, "a", []Kind{App}, false}, {Allowed, Allowed, false, "ea", both, false},
		{Allowed, Allowed, true, "e", []Kind{Email}, false}, {Allowed, Allowed, true, "ea", both, false},

		{Fallback, Allowed, false, "e", []Kind{Email}, false}, {Fallback, Allowed, false, "ea", []Kind{App}, false},
		{Fallback, Allowed, false, "", none, true},
		{Fallback, Allowed, true, "e", []Kind{Email}, true}, // proved once, then an app
		{Fallback, Allowed, true, "ea", []Kind{App}, false},

		{Off, Allowed, false, "e", []Kind{Email}, true}, {Off, Allowed, false, "ea", []Kind{App}, false},
		{Off, Allowed, true, "", none, true},

		{Allowed, Off, false, "a", []Kind{App}, true}, {Allowed, Off, false, "ea", []Kind{Email}, false},
		{Allowed, Off, false, "e", []Kind{Email}, false},
		// With apps off, an app is none that email could fall back from.
		{Fallback, Off, false, "a", []Kind{App}, true}, {Fallback, Off, false, "ea", []Kind{Email}, false},
		{Off, Off, false, "e", []Kind{Email}, false}, {Off, Off, false, "a", []Kind{App}, false},
	} {
		name := fmt.Sprintf("email %s, app %s, admin %t, has %q", r.email, r.app, r.admin, r.has)
		for _, required := range []Require{Nobody, Everyone} {
			p := saved(func(o *Rules) { o.EmailMethod, o.AppMethod, o.Require, o.GraceDays = r.email, r.app, required, 0 })
			f := Facts{Admin: r.admin, HasEmail: slices.Contains([]byte(r.has), 'e'), HasApp: slices.Contains([]byte(r.has), 'a'), CreatedAt: *before(time.Hour)}
			a := p.Ask(f, noon)
			enrol := r.enrol && (required == Everyone || r.has != "")
			if !slices.Equal(a.Verify, r.verify) || a.Enrol != enrol {
				t.Errorf("%s, required of %s: verify %v enrol %t, want %v %t", name, required, a.Verify, a.Enrol, r.verify, enrol)
			}
			if a.SkippableUntil != nil {
				t.Errorf("%s: skippable though it is due", name)
			}
		}
	}
}

func TestWhichRuleRequires(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		rules func(*Rules)
		facts Facts
		by    By
		from  *time.Time
	}{
		"nobody":                   {nil, Facts{CreatedAt: noon}, NoRule, nil},
		"admins, a user":           {func(r *Rules) { r.Require = Admins }, Facts{CreatedAt: noon}, NoRule, nil},
		"admins, an admin":         {func(r *Rules) { r.Require = Admins }, Facts{Admin: true, CreatedAt: *before(day)}, ByPolicy, before(-14 * day)},
		"from the creation":        {func(r *Rules) { r.Require = Everyone }, Facts{CreatedAt: *before(-3 * day)}, ByPolicy, before(-17 * day)},
		"from the start":           {func(r *Rules) { r.Require, r.StartsAt = Everyone, before(-7*day) }, Facts{CreatedAt: *before(day)}, ByPolicy, before(-21 * day)},
		"the earliest ever wins":   {func(r *Rules) { r.Require = Everyone }, Facts{CreatedAt: *before(day), EnrolBy: before(-2 * day)}, ByPolicy, before(-2 * day)},
		"a later one does not":     {func(r *Rules) { r.Require = Everyone }, Facts{CreatedAt: *before(day), EnrolBy: before(-60 * day)}, ByPolicy, before(-14 * day)},
		"no rule, old deadline":    {nil, Facts{CreatedAt: *before(day), EnrolBy: before(2 * day)}, NoRule, nil},
		"an admin, without grace":  {func(r *Rules) { r.Require = Everyone }, Facts{CreatedAt: *before(day), RequiredFrom: before(time.Minute)}, ByAdmin, before(time.Minute)},
		"a reset goes before all":  {func(r *Rules) { r.Require = Everyone }, Facts{RequiredFrom: before(day), ResetAt: before(time.Hour)}, ByReset, before(time.Hour)},
		"a reset without any rule": {nil, Facts{ResetAt: before(time.Hour)}, ByReset, before(time.Hour)},
	} {
		a := saved(c.rules).Ask(c.facts, noon)
		if a.By != c.by || (a.From == nil) != (c.from == nil) || a.From != nil && !a.From.Equal(*c.from) {
			t.Errorf("%s: %q from %v, want %q from %v", name, a.By, a.From, c.by, c.from)
		}
		if a.Due != (a.From != nil && !a.From.After(noon)) {
			t.Errorf("%s: due %t", name, a.Due)
		}
	}
}

func TestForADayAfterAResetByMailAnEmailCodeIsNotEnough(t *testing.T) {
	t.Parallel()
	for preset, want := range map[Preset][3]bool{ // completes lately, confirms lately, confirms later
		Compatible: {true, false, true}, Standard: {false, false, false}, Strict: {false, false, false},
	} {
		p := Policy{Rules: preset.Rules()}
		lately, later := Facts{ResetByMail: before(24*time.Hour - time.Second)}, Facts{ResetByMail: before(24 * time.Hour)}
		got := [3]bool{p.EmailCompletes(lately, noon), p.ConfirmsByEmail(lately, noon), p.ConfirmsByEmail(later, noon)}
		if got != want || !p.EmailCompletes(later, noon) {
			t.Errorf("%s: %v, want %v", preset, got, want)
		}
	}
}
