package guard

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"latchkey/internal/pg"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// failing charges a wrong code at each of these moments after noon.
func failing(after ...time.Duration) *budget {
	b := &budget{}
	for _, d := range after {
		b.fail(noon.Add(d))
	}
	return b
}

func repeat(n int, every time.Duration) []time.Duration {
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = time.Duration(i) * every
	}
	return all
}

func TestWaitAfterWrongCodes(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]time.Duration{
		0: 0, 1: 0, 4: 0, 5: 30 * time.Second, 6: time.Minute, 7: 2 * time.Minute, 8: 4 * time.Minute, 9: 8 * time.Minute,
		10: time.Hour, 15: time.Hour, 19: time.Hour, 20: 24 * time.Hour,
	} {
		b := failing(repeat(n, 0)...)
		if got := b.wait(noon); got != want {
			t.Errorf("%d at once: wait %s, want %s", n, got, want)
		}
		if got := b.wait(noon.Add(want)); got != 0 {
			t.Errorf("%d at once: %s later still %s", n, want, got)
		}
		if want > 0 && b.wait(noon.Add(want-time.Microsecond)) <= 0 {
			t.Errorf("%d at once: judged a moment too early", n)
		}
	}
}

func TestTheTenthLastMustBeAnHourOld(t *testing.T) {
	t.Parallel()
	b := failing(repeat(12, time.Minute)...) // the tenth last was at 12:02
	if got := b.wait(noon.Add(20 * time.Minute)); got != 42*time.Minute {
		t.Errorf("wait %s, want until 13:02", got)
	}
}

func TestTwentyADayFreezeAndTheNextDayIsFree(t *testing.T) {
	t.Parallel()
	b := failing(repeat(20, 70*time.Minute)...) // never ten an hour
	last := noon.Add(19 * 70 * time.Minute)
	if got := b.wait(last); got != 24*time.Hour {
		t.Errorf("wait %s, want a day", got)
	}
	if got := b.wait(last.Add(24 * time.Hour)); got != 0 {
		t.Errorf("a day later %s", got)
	}
	if spread := failing(repeat(40, 77*time.Minute)...); spread.wait(noon.Add(39*77*time.Minute)) != 0 || spread.Until != nil {
		t.Error("nineteen a day froze it")
	}
}

func TestSixtyAMonthFreezeForGood(t *testing.T) {
	t.Parallel()
	b := failing(repeat(59, 12*time.Hour)...)
	if b.wait(noon.AddDate(0, 0, 30)) != 0 {
		t.Error("frozen by 59")
	}
	if got := b.fail(noon.Add(59 * 12 * time.Hour)); got != FrozenForGood || !b.Forever {
		t.Errorf("the sixtieth set off %v", got)
	}
	if got := b.wait(noon.AddDate(10, 0, 0)); got != 24*time.Hour {
		t.Errorf("ten years later the wait is %s, want another day", got)
	}
	if want := noon.Add(59*12*time.Hour + 24*time.Hour); b.Until == nil || !b.Until.Equal(want) {
		t.Errorf("frozen until %v, want %s as well: a reset lifts only the rest", b.Until, want)
	}
	if slow := failing(repeat(200, 12*time.Hour+15*time.Minute)...); slow.Forever {
		t.Error("fifty-nine a month froze it")
	}
}

func TestOneMailWarnsOfGuessing(t *testing.T) {
	t.Parallel()
	for name, every := range map[string]time.Duration{"at once": 0, "each six minutes": 6*time.Minute + 30*time.Second} {
		alarms, b := map[Alarm]int{}, &budget{}
		for _, d := range repeat(19, every) {
			alarms[b.fail(noon.Add(d))]++
		}
		if alarms[Guessing] != 1 || alarms[Quiet] != 18 {
			t.Errorf("%s: %v, want one warning", name, alarms)
		}
		if b.fail(noon.Add(20*every)) != Frozen {
			t.Errorf("%s: the twentieth did not freeze", name)
		}
	}
	b := failing(repeat(10, time.Minute)...)
	var again Alarm
	for _, d := range repeat(10, time.Minute) {
		again = b.fail(noon.Add(48*time.Hour + d))
	}
	if again != Guessing {
		t.Error("two days later nobody is warned")
	}
}

// The warning comes with the tenth within an hour, not before, and not when the
// ten took an hour; a day later it comes again.
func TestTheTenthWithinAnHourWarns(t *testing.T) {
	t.Parallel()
	b := &budget{}
	for _, day := range []time.Duration{0, 24 * time.Hour} {
		for i, d := range repeat(10, 399*time.Second) {
			if got := b.fail(noon.Add(day + d)); (got == Guessing) != (i == 9) {
				t.Errorf("wrong code %d, %s later, set off %v", i+1, day, got)
			}
		}
	}
	slow := &budget{}
	for i, d := range repeat(10, 400*time.Second) {
		if got := slow.fail(noon.Add(d)); got != Quiet {
			t.Errorf("ten took an hour, and the %dth set off %v", i+1, got)
		}
	}
}

// When an hour's or a day's wait is over, the last guess may still ask for its
// own.
func TestTheLastGuessIsWaitedForToo(t *testing.T) {
	t.Parallel()
	b := failing(append(repeat(9, time.Second), 59*time.Minute)...)
	if got := b.wait(noon.Add(59 * time.Minute)); got != 8*time.Minute { // nine are left at 13:00
		t.Errorf("wait %s, want until 13:07", got)
	}
	passwords := pg.Times{noon}
	for range 98 {
		passwords = append(passwords, noon.Add(time.Second))
	}
	passwords = append(passwords, noon.Add(24*time.Hour-30*time.Second))
	if got := passwordWait(passwords, passwords[99]); got != time.Minute {
		t.Errorf("wait %s, want a minute", got)
	}
}

// A freeze that is over lets guesses be counted as ever.
func TestAfterAFreezeGuessesAreDelayedAgain(t *testing.T) {
	t.Parallel()
	b, later := failing(repeat(20, 0)...), noon.Add(24*time.Hour)
	for range 5 {
		b.fail(later)
	}
	if got := b.wait(later); got != 30*time.Second {
		t.Errorf("wait %s after five", got)
	}
}

// Whoever reads many meters sees each as its user meets it.
func TestAMeterSaysUntilWhenItIsFrozen(t *testing.T) {
	t.Parallel()
	m := Meter{Failures: failing(repeat(5, 0)...).Failures}
	if until := m.FrozenUntil(noon); until == nil || !until.Equal(noon.Add(30*time.Second)) {
		t.Errorf("frozen until %v", until)
	}
	if until := m.FrozenUntil(noon.Add(30 * time.Second)); until != nil {
		t.Errorf("half a minute later until %v", until)
	}
}

// Whoever waits as told and guesses on gets at most 20 a day and 60 in all,
// and a failure never shortens a wait.
func TestABudgetIsNeverExceeded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b, now, judged := &budget{}, noon, []time.Time{}
		for range rapid.IntRange(1, 90).Draw(t, "guesses") {
			now = now.Add(b.wait(now) + time.Duration(rapid.IntRange(0, 3_000_000).Draw(t, "patience"))*time.Millisecond)
			if b.wait(now) > 0 {
				if !b.Forever {
					t.Fatal("the wait is over and not over")
				}
				break
			}
			before := b.wait(now.Add(time.Second))
			b.fail(now)
			judged = append(judged, now)
			if b.wait(now.Add(time.Second)) < before {
				t.Fatal("a failure shortened the wait")
			}
			day, hour := since(judged, now.Add(-24*time.Hour)), since(judged, now.Add(-time.Hour))
			if len(day) > codesPerDay || len(hour) > codesPerHour+freeCodes || len(judged) > codesPerMonth && now.Sub(judged[0]) < month {
				t.Fatalf("%d judged in an hour, %d in a day, %d in all", len(hour), len(day), len(judged))
			}
		}
	})
}

func TestWaitAfterWrongPasswords(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]time.Duration{
		4: 0, 5: 2 * time.Second, 6: 4 * time.Second, 7: 8 * time.Second, 8: 16 * time.Second, 9: 32 * time.Second,
		10: time.Minute, 50: time.Minute, 99: time.Minute, 100: 24 * time.Hour, 120: 24 * time.Hour,
	} {
		failures := make(pg.Times, n)
		for i := range failures {
			failures[i] = noon
		}
		if got := passwordWait(failures, noon); got != want {
			t.Errorf("%d: wait %s, want %s", n, got, want)
		}
		if got := passwordWait(failures, noon.Add(want)); got != 0 {
			t.Errorf("%d: %s later still %s", n, want, got)
		}
		if got := passwordWait(failures, noon.Add(24*time.Hour)); got != 0 {
			t.Errorf("%d: a day later %s", n, got)
		}
	}
	if got := knownPasswordWait(make(pg.Times, 0), noon); got != 0 {
		t.Errorf("a known browser waits %s for nothing", got)
	}
	var ten pg.Times
	for i := range 10 {
		ten = append(ten, noon.Add(time.Duration(i)*time.Minute))
	}
	if got := knownPasswordWait(ten[:9], noon.Add(10*time.Minute)); got != 0 {
		t.Errorf("a known browser waits %s after nine", got)
	}
	if got := knownPasswordWait(ten, noon.Add(time.Hour)); got != 0 {
		t.Errorf("a known browser waits %s when the first of ten is an hour old", got)
	}
	if got := knownPasswordWait(ten, noon.Add(10*time.Minute)); got != 50*time.Minute {
		t.Errorf("a known browser waits %s after ten, want until the first is an hour old", got)
	}
}

func TestSince(t *testing.T) {
	t.Parallel()
	all := pg.Times{noon, noon.Add(time.Second), noon.Add(2 * time.Second)}
	for after, want := range map[time.Duration]int{-time.Second: 3, 0: 2, time.Second: 1, 2 * time.Second: 0} {
		if got := since(all, noon.Add(after)); len(got) != want {
			t.Errorf("%s: %d, want %d", after, len(got), want)
		}
	}
}
