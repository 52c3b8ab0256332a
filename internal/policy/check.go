package policy

import (
	"slices"
	"strings"
	"time"

	"latchkey/internal/fault"
)

// startsWithin bounds how far ahead a requirement may begin.
const startsWithin = 2 * 366 * 24 * time.Hour

// Check says all that is wrong with rules that would follow these, by field;
// nil: nothing. What depends on people and mails is the caller's to ask.
func (r Rules) Check(before Rules, now time.Time) *fault.Fault {
	all := &fault.Fault{Kind: fault.Invalid, Code: fault.InvalidRequest}
	note := func(name, message string, args map[string]any) {
		all.Fields = append(all.Fields, fault.Field{Name: name, Message: message, Args: args})
	}
	for _, f := range Fields() {
		switch v := f.Value(r).(type) {
		case string:
			if f.Choices != nil && !slices.Contains(f.Choices, v) {
				note(f.Name, "policy.choice", map[string]any{"Choices": strings.Join(f.Choices, ", ")})
			}
		case int:
			if v < f.Min || v > f.Max {
				note(f.Name, "policy.range", map[string]any{"Min": f.Min, "Max": f.Max})
			}
		}
	}
	if at := r.StartsAt; at != nil && !same(at, before.StartsAt) {
		// A date that was saved before may lie behind by now; a new one may
		// not: it would take away the grace that people were told of.
		if at.Before(now) {
			note("starts_at", "policy.starts_past", nil)
		} else if at.After(now.Add(startsWithin)) {
			note("starts_at", "policy.starts_far", nil)
		}
	}
	if r.SessionIdleMinutes > r.SessionLifetimeHours*60 {
		note("session_idle_minutes", "policy.idle_over_lifetime", nil)
	}
	if r.Require != Nobody && !r.Meetable() {
		note("require", "policy.not_meetable", nil)
	}
	if len(all.Fields) == 0 {
		return nil
	}
	return all
}

// Meetable reports whether whoever two-factor is required of could turn on a
// method that these rules take.
func (r Rules) Meetable() bool {
	p := Policy{Rules: r}
	member := len(p.Enrollable(Facts{})) > 0
	admin := len(p.Enrollable(Facts{Admin: true})) > 0
	return admin && (member || r.Require == Admins)
}

// EmailAlone reports whether codes by email are the only way to meet a
// requirement under these rules.
func (r Rules) EmailAlone() bool { return r.AppMethod == Off && r.EmailMethod != Off }

func same(a, b *time.Time) bool { return a != nil && b != nil && a.Equal(*b) }
