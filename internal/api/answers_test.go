package api_test

import (
	"testing"
	"time"

	"latchkey/internal/api/apitest"
	"latchkey/internal/pg/pgtest"
)

// Whoever answers requests by mail says what failed and tries again, is not
// held up by a request whose account is gone by then, and rests when none is
// left.
func TestAnswersByMailComeToAnEnd(t *testing.T) {
	t.Parallel()
	f := pgtest.NewFailing()
	f.Held = asksHeld
	h := newHouse(t, pgtest.Before(f.Before))
	beside := &house{t: t, db: pgtest.Open(t, h.url)}
	gone, stays := h.person(withApp), h.person(withApp)
	h.quiet()
	f.From(0)
	for _, p := range []*person{gone, stays} {
		h.api.Post("/sign-ups", apitest.M{"email": p.email, "password": "lamp orbit cabbage quartz", "name": "Eve"}).Want(201)
	}
	beside.exec(`DELETE FROM users WHERE id = $1`, gone.id)
	f.Release(1)
	for end := time.Now().Add(20 * time.Second); beside.count(`SELECT count(*) FROM address_requests`) > 0; time.Sleep(5 * time.Millisecond) {
		h.app.SignIn.Wake()
		if time.Now().After(end) {
			t.Fatal("a request is never answered")
		}
	}
	f.Stop()
	if !contains(h.log.String(), "answer requests by mail") {
		t.Error("what failed is not in the log")
	}
	if h.mails("address_taken", gone.email) != 0 || h.mails("address_taken", stays.email) != 1 {
		t.Error("others are told than should be")
	}
	began := time.Now()
	f.Release(0)
	time.Sleep(200 * time.Millisecond)
	seen := f.Stop() // it looks once a second
	if most := 3 + int(time.Since(began)/time.Second); len(seen) > most {
		t.Errorf("%d statements though nothing is left", len(seen))
	}
}

// A request is answered when it is made, not at the next look of a second
// later: five, one after the other, would take four of those, every time. A
// machine that is busy has some tries.
func TestAnswersByMailComeAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	for name, ask := range map[string]func(){
		"reset": func() { h.api.Post("/password-resets", apitest.M{"email": p.email}).Want(202) },
		"sign-up": func() {
			h.api.Post("/sign-ups", apitest.M{"email": p.email, "password": "lamp orbit cabbage quartz", "name": "Eve"}).Want(201)
		},
	} {
		took := time.Hour
		for try := 0; try < 5 && took > 3500*time.Millisecond; try++ {
			began := time.Now()
			for range 5 {
				ask()
				h.answered()
			}
			took = min(took, time.Since(began))
		}
		if took > 3500*time.Millisecond {
			t.Errorf("%s: five answers took %v", name, took)
		}
	}
}

// What strangers can have mailed to somebody: five reset links an hour, three
// notices a day that the address is taken.
func TestWhatStrangersCanHaveMailed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.person(withApp)
	for name, c := range map[string]struct {
		ask  func()
		most int
		in   time.Duration
	}{
		"password_reset": {func() { h.api.Post("/password-resets", apitest.M{"email": p.email}).Want(202) }, 5, time.Hour},
		"address_taken": {func() {
			h.api.Post("/sign-ups", apitest.M{"email": p.email, "password": "lamp orbit cabbage quartz", "name": "Eve"}).Want(201)
		}, 3, 24 * time.Hour},
	} {
		for n := range c.most + 1 {
			c.ask()
			if got, want := h.mails(name, p.email), min(n+1, c.most); got != want {
				t.Errorf("%s: %d mails after %d, want %d", name, got, n+1, want)
			}
		}
		h.clock.Advance(c.in - time.Second)
		c.ask()
		if got := h.mails(name, p.email); got != c.most {
			t.Errorf("%s: %d mails before the time is over", name, got)
		}
		h.clock.Advance(time.Minute)
		c.ask()
		if got := h.mails(name, p.email); got != c.most+1 {
			t.Errorf("%s: %d mails after it is over", name, got)
		}
	}
}
