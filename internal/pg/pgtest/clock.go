package pgtest

import (
	"sync"
	"time"

	"latchkey/internal/pg"
)

// Clock stands still until it is moved. It may be used by many goroutines.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// clocks finds the clock that a pool was opened with.
var clocks sync.Map // *pg.DB → *Clock

// NewClock stands at a UTC time like "2026-01-02 03:04:05".
func NewClock(when string) *Clock {
	now, err := time.Parse(time.DateTime, when)
	if err != nil {
		panic("pgtest: " + err.Error()) // a typing error in a test
	}
	return &Clock{now: now}
}

// ClockOf gives the clock of a database that was opened with At or WithClock,
// and panics for any other: that test would wait for time that doesn't move.
func ClockOf(db *pg.DB) *Clock {
	c, ok := clocks.Load(db)
	if !ok {
		panic("pgtest: this database runs on the wall clock; open it with pgtest.At")
	}
	return c.(*Clock)
}

// Now reads the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock and gives the new time.
func (c *Clock) Advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}

// Set moves the clock to a time, back too.
func (c *Clock) Set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now.UTC()
}
