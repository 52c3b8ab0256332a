// Package guard counts wrong guesses: of codes on the account, of passwords
// on the address. Counters live in Postgres and belong to the account, so a
// new sign-in, another method, another IP address or a restart wins nothing.
//
// A browser in which the user signed in before has both meters to itself:
// whoever floods the shared ones does not lock the owner out.
package guard

import (
	"time"

	"latchkey/internal/pg"
)

// Figures of the second step: codes of every method together.
const (
	freeCodes      = 5  // wrong codes within an hour before any wait
	codesPerHour   = 10 // from here the tenth last must be an hour old
	codesPerDay    = 20 // then the meter is frozen for a day
	codesPerMonth  = 60 // then until the password changes
	freeze         = 24 * time.Hour
	month          = 30 * 24 * time.Hour
	firstCodeDelay = 30 * time.Second
)

// budget is one meter of wrong codes.
type budget struct {
	Failures pg.Times // oldest first, none older than a month
	Until    *time.Time
	Forever  bool // until the password changes
}

// wait says how long no code is judged, right or wrong; 0 means go on.
func (b budget) wait(now time.Time) time.Duration {
	if b.Forever {
		return freeze
	}
	if b.Until != nil && b.Until.After(now) {
		return b.Until.Sub(now)
	}
	recent := since(b.Failures, now.Add(-time.Hour))
	n := len(recent)
	switch {
	case n < freeCodes:
		return 0
	case n < codesPerHour:
		delay := firstCodeDelay << (n - freeCodes) // 30 s, 1, 2, 4, 8 min
		return max(recent[n-1].Add(delay).Sub(now), 0)
	default:
		hourOld := recent[n-codesPerHour].Add(time.Hour)
		// Nine are left then, and the last of them may ask for more.
		return hourOld.Sub(now) + b.wait(hourOld)
	}
}

// Alarm is what one more wrong code set off.
type Alarm int

const (
	Quiet         Alarm = iota
	Guessing            // the tenth within an hour: somebody has the password
	Frozen              // the twentieth within a day
	FrozenForGood       // the sixtieth within a month: until the password changes
)

// fail adds a wrong code and says what that sets off.
func (b *budget) fail(now time.Time) Alarm {
	b.Failures = append(since(b.Failures, now.Add(-month)), now)
	switch {
	case len(b.Failures) >= codesPerMonth:
		// A day as well: a reset lifts only the first.
		until := now.Add(freeze)
		b.Forever, b.Until = true, &until
		return FrozenForGood
	case len(since(b.Failures, now.Add(-freeze))) >= codesPerDay:
		until := now.Add(freeze)
		b.Until = &until
		return Frozen
	case b.tenthAt(len(b.Failures)-1) && !b.warnedLately(now):
		return Guessing
	}
	return Quiet
}

// tenthAt reports whether a failure made ten within an hour.
func (b *budget) tenthAt(i int) bool {
	return i+1 >= codesPerHour && b.Failures[i+1-codesPerHour].After(b.Failures[i].Add(-time.Hour))
}

// warnedLately reports whether an earlier failure of this day was a tenth: one
// mail says it, and guesses that go on at the pace of the waits add no more.
func (b *budget) warnedLately(now time.Time) bool {
	for i, at := range b.Failures[:len(b.Failures)-1] {
		if at.After(now.Add(-freeze)) && b.tenthAt(i) {
			return true
		}
	}
	return false
}

// Figures of the password step.
const (
	freePasswords    = 5
	passwordsPerDay  = 100
	maxPasswordDelay = time.Minute
	knownPasswords   = 10 // an hour, for a known browser
)

// passwordWait is how long a password for this address is not judged. It is
// never a hard lock: the wait is a minute at the most until a hundred in a day.
func passwordWait(failures pg.Times, now time.Time) time.Duration {
	recent := since(failures, now.Add(-24*time.Hour))
	n := len(recent)
	switch {
	case n < freePasswords:
		return 0
	case n >= passwordsPerDay:
		dayOld := recent[n-passwordsPerDay].Add(24 * time.Hour)
		return dayOld.Sub(now) + passwordWait(recent, dayOld)
	default:
		delay := min(2*time.Second<<min(n-freePasswords, 5), maxPasswordDelay)
		return max(recent[n-1].Add(delay).Sub(now), 0)
	}
}

// knownPasswordWait is the same for a browser in which the user signed in
// before: ten an hour.
func knownPasswordWait(failures pg.Times, now time.Time) time.Duration {
	if n := len(failures); n >= knownPasswords {
		return max(failures[n-knownPasswords].Add(time.Hour).Sub(now), 0)
	}
	return 0
}

// since keeps the instants after t.
func since(all pg.Times, t time.Time) pg.Times {
	for i, at := range all {
		if at.After(t) {
			return all[i:]
		}
	}
	return nil
}
