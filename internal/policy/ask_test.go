package policy

import (
	"fmt"
	"testing"
	"time"
)

var (
	now     = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	longAgo = now.AddDate(-1, 0, 0)
	past    = now.Add(-time.Hour)
	soon    = now.Add(24 * time.Hour)
)

func ptr(t time.Time) *time.Time { return &t }

// told is an answer in one line.
func told(a Asks) string {
	s := fmt.Sprintf("%v", a.Verify)
	if a.By != NoRule {
		s += " by " + string(a.By)
	}
	if a.Due {
		s += " due"
	}
	if a.Enrol {
		s += " enrol"
	}
	if a.SkippableUntil != nil {
		s += " skip " + a.SkippableUntil.Sub(now).String()
	}
	return s
}

func TestWhatIsAskedOfWhom(t *testing.T) {
	t.Parallel()
	policy := func(change func(*Rules)) Policy {
		p := Policy{Rules: Compatible.Rules(), Version: 1, SavedAt: past}
		if change != nil {
			change(&p.Rules)
		}
		return p
	}
	everyone := func(r *Rules) { r.Require = Everyone }
	standard := func(r *Rules) { *r = Standard.Rules() }
	strict := func(r *Rules) { *r = Strict.Rules() }
	noGrace := func(r *Rules) { r.Require, r.GraceDays = Everyone, 0 }
	appOff := func(r *Rules) { r.AppMethod = Off }
	allOff := func(r *Rules) { r.AppMethod, r.EmailMethod = Off, Off }
	grace := (14*24*time.Hour - time.Hour).String()
	for _, c := range []struct {
		name   string
		policy Policy
		facts  Facts
		want   string
	}{
		{"nothing on, nothing asked", policy(nil), Facts{}, "[]"},
		{"app", policy(nil), Facts{HasApp: true}, "[app]"},
		{"both", policy(nil), Facts{HasApp: true, HasEmail: true}, "[app email]"},
		{"everyone, in grace", policy(everyone), Facts{CreatedAt: longAgo}, "[] by policy enrol skip " + grace},
		{"everyone, no grace", policy(noGrace), Facts{CreatedAt: longAgo}, "[] by policy due enrol"},
		{"everyone, has one", policy(noGrace), Facts{CreatedAt: longAgo, HasEmail: true}, "[email] by policy due"},
		{"the earliest deadline wins", policy(everyone), Facts{CreatedAt: longAgo, EnrolBy: ptr(past)}, "[] by policy due enrol"},
		{"a later one does not", policy(everyone), Facts{CreatedAt: longAgo, EnrolBy: ptr(now.AddDate(1, 0, 0))}, "[] by policy enrol skip " + grace},
		{"a young account has its own grace", policy(everyone), Facts{CreatedAt: now}, "[] by policy enrol skip " + (14 * 24 * time.Hour).String()},
		{"from a start date", policy(func(r *Rules) { r.Require, r.StartsAt, r.GraceDays = Everyone, ptr(soon), 0 }), Facts{CreatedAt: longAgo}, "[] by policy enrol skip 24h0m0s"},
		{"admins only: not members", policy(func(r *Rules) { r.Require = Admins }), Facts{CreatedAt: longAgo}, "[]"},
		{"admins only: admins", policy(func(r *Rules) { r.Require, r.GraceDays = Admins, 0 }), Facts{Admin: true, CreatedAt: longAgo}, "[] by policy due enrol"},
		{"by an admin", policy(nil), Facts{RequiredFrom: ptr(past)}, "[] by admin due enrol"},
		{"by an admin, later", policy(nil), Facts{RequiredFrom: ptr(soon)}, "[] by admin enrol skip 24h0m0s"},
		{"an admin's later word takes nothing back", policy(noGrace), Facts{CreatedAt: longAgo, RequiredFrom: ptr(soon)}, "[] by policy due enrol"},
		{"an admin's earlier word wins", policy(everyone), Facts{CreatedAt: longAgo, RequiredFrom: ptr(past)}, "[] by admin due enrol"},
		{"reset", policy(nil), Facts{ResetAt: ptr(past)}, "[] by reset due enrol"},
		{"reset, another is left", policy(nil), Facts{ResetAt: ptr(past), HasEmail: true}, "[email] by reset due enrol"},
		{"standard: email while there is no app", policy(standard), Facts{HasEmail: true}, "[email]"},
		{"standard: the app alone once there is one", policy(standard), Facts{HasApp: true, HasEmail: true}, "[app]"},
		{"standard: an admin's email is proved once", policy(standard), Facts{Admin: true, HasEmail: true}, "[email] enrol"},
		{"strict: email is proved once", policy(strict), Facts{HasEmail: true}, "[email] enrol"},
		{"strict: and never skipped", policy(func(r *Rules) { strict(r); everyone(r) }), Facts{HasEmail: true, CreatedAt: now}, "[email] by policy enrol"},
		{"strict: app and email", policy(strict), Facts{HasApp: true, HasEmail: true}, "[app]"},
		{"no apps: an app is proved once", policy(appOff), Facts{HasApp: true}, "[app] enrol"},
		{"no apps: email is enough", policy(appOff), Facts{HasApp: true, HasEmail: true}, "[email]"},
		{"no apps, email as fallback: no app to fall back from", policy(func(r *Rules) { standard(r); appOff(r) }), Facts{HasApp: true, HasEmail: true}, "[email]"},
		{"nothing allowed strands nobody", policy(allOff), Facts{HasApp: true, HasEmail: true}, "[app]"},
		{"nothing allowed, reset", policy(allOff), Facts{ResetAt: ptr(past)}, "[] by reset due"},
	} {
		if got := told(c.policy.Ask(c.facts, now)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// each calls f with every combination of rules and facts that matter.
func each(f func(Policy, Facts)) {
	times := []*time.Time{nil, ptr(past), ptr(soon)}
	uses := []Use{Allowed, Fallback, Off}
	for _, require := range []Require{Nobody, Admins, Everyone} {
		for _, email := range uses {
			for _, app := range []Use{Allowed, Off} {
				for _, grace := range []int{14, 0} {
					p := Policy{SavedAt: past, Rules: Rules{Require: require, EmailMethod: email, AppMethod: app, GraceDays: grace}}
					for bits := range 8 {
						for _, enrolBy := range times {
							for _, from := range times {
								for _, reset := range times[:2] {
									f(p, Facts{
										Admin: bits&1 != 0, HasEmail: bits&2 != 0, HasApp: bits&4 != 0,
										CreatedAt: longAgo, EnrolBy: enrolBy, RequiredFrom: from, ResetAt: reset,
									})
								}
							}
						}
					}
				}
			}
		}
	}
}

func TestNobodyIsStranded(t *testing.T) {
	t.Parallel()
	each(func(p Policy, f Facts) {
		a := p.Ask(f, now)
		if (f.HasApp || f.HasEmail) != (len(a.Verify) > 0) {
			t.Fatalf("%+v %+v: has methods and is asked for %v", p.Rules, f, a.Verify)
		}
		if a.Enrol && !p.canAdd(f) {
			t.Fatalf("%+v %+v: led to an enrolment with nothing to enrol", p.Rules, f)
		}
		if a.SkippableUntil != nil && (!a.SkippableUntil.After(now) || a.Due || len(a.Verify) > 0) {
			t.Fatalf("%+v %+v: skippable %v", p.Rules, f, a)
		}
		if p.Meetable() && a.Due && !p.Satisfied(f) && !a.Enrol {
			t.Fatalf("%+v %+v: required, and let through", p.Rules, f)
		}
	})
}

// A stricter policy never asks less. Apps stay allowed: without them there is
// less to ask for.
func TestAStricterPolicyNeverAsksLess(t *testing.T) {
	t.Parallel()
	stricter := []func(*Rules){
		func(r *Rules) { r.Require = Everyone },
		func(r *Rules) { r.GraceDays = 0 },
		func(r *Rules) {
			if r.Require == Nobody {
				r.Require = Admins
			}
		},
		func(r *Rules) {
			if r.EmailMethod == Allowed {
				r.EmailMethod = Fallback
			}
		},
		func(r *Rules) { r.EmailMethod = Off },
	}
	rank := func(a Asks) int {
		switch {
		case a.Enrol && a.SkippableUntil == nil:
			return 3 // something must be turned on
		case len(a.Verify) > 0:
			return 2
		case a.Enrol:
			return 1
		}
		return 0
	}
	each(func(p Policy, f Facts) {
		if p.AppMethod == Off || (f.HasApp && f.ResetAt != nil) { // a reset ends every app
			return
		}
		before := p.Ask(f, now)
		for i, change := range stricter {
			q := p
			change(&q.Rules)
			after := q.Ask(f, now)
			if rank(after) < rank(before) || (before.Due && !after.Due) {
				t.Fatalf("change %d of %+v for %+v: %s became %s", i, p.Rules, f, told(before), told(after))
			}
			for _, k := range after.Verify {
				if !contains(before.Verify, k) {
					t.Fatalf("change %d of %+v for %+v: %s became %s", i, p.Rules, f, told(before), told(after))
				}
			}
		}
	})
}

func contains(all []Kind, k Kind) bool {
	for _, one := range all {
		if one == k {
			return true
		}
	}
	return false
}

func TestTrustedDevicesOfAdmins(t *testing.T) {
	t.Parallel()
	for preset, want := range map[Preset][2]bool{Compatible: {true, true}, Standard: {true, false}, Strict: {false, false}} {
		p := Policy{Rules: preset.Rules()}
		if got := [2]bool{p.TrustsDevices(Facts{}), p.TrustsDevices(Facts{Admin: true})}; got != want {
			t.Errorf("%s: member, admin %v, want %v", preset, got, want)
		}
	}
}
