package api_test

import (
	"fmt"
	"testing"
	"time"

	"latchkey/internal/api/apitest"
	"latchkey/internal/pg/pgtest"
)

// What anybody can have mailed to an address that is not theirs.

const strangers = 20 // mails a day

func (h *house) mailsTo(address string) int {
	h.t.Helper()
	h.answered()
	return h.count(`SELECT count(*) FROM mails WHERE recipient = $1`, address)
}

// signUp makes an account for whatever address.
func (h *house) signUp(email string) *person {
	h.t.Helper()
	got := h.api.Post("/sign-ups", apitest.M{"email": email, "name": "Ada", "password": password}).Want(201)
	return &person{h: h, email: email, id: mustID(h, got.Text("id"))}
}

func TestNoticesToAnUnprovedAddressHaveABudget(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.signUp("victim@example.org")
	signIn := func(agent string) {
		h.api.Header("User-Agent", agent).Post("/sign-ins", apitest.M{"email": p.email, "password": password}).Want(200)
	}
	for i := range strangers + 5 {
		signIn(fmt.Sprintf("agent-%d/1", i))
	}
	if n := h.mailsTo(p.email); n != strangers {
		t.Errorf("%d mails to an address that was never proved, want %d", n, strangers)
	}
	if n := h.count(`SELECT count(*) FROM events WHERE subject_id = $1 AND action = 'signed_in'`, p.id); n != strangers+5 {
		t.Errorf("%d sign-ins written down", n)
	}
	// A mail that says no more than that somebody else has the address, too.
	h.signUp(p.email)
	if n := h.mails("address_taken", p.email); n != 0 {
		t.Errorf("%d mails beyond the budget", n)
	}
	h.clock.Advance(24 * time.Hour)
	signIn("tomorrow/1")
	if n := h.mailsTo(p.email); n != strangers+1 {
		t.Errorf("%d mails a day later, want one more", n)
	}
	// An address that was proved hears of everything.
	h.exec(`UPDATE users SET email_verified_at = $2 WHERE id = $1`, p.id, h.clock.Now())
	for i := range strangers + 5 {
		signIn(fmt.Sprintf("proved-%d/1", i))
	}
	if n := h.mailsTo(p.email); n != 2*strangers+6 {
		t.Errorf("%d mails to an address that is proved by now, want %d", n, 2*strangers+6)
	}
}

func TestDeletingTheAccountGivesNoMailBack(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const victim = "victim@example.org"
	sum := 0
	for range strangers/2 + 3 {
		p := h.signUp(victim)
		h.signUp(victim) // the one that is told of
		sum += h.mailsTo(victim)
		h.api.As(h.session(p, true)).Delete("/me").Want(204)
		if n := h.mailsTo(victim); n != 0 {
			t.Fatalf("%d mails say goodbye to an address that was never proved", n)
		}
	}
	if sum != strangers {
		t.Errorf("%d mails, want %d", sum, strangers)
	}
}

// TestTheBudgetOfAStrangerIsOne over all accounts that ask at once.
func TestTheBudgetOfAStrangerIsOne(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.MaxConns(crowd))
	var asks []ask
	for range crowd {
		asks = append(asks, h.post(h.session(h.person(), true), "/me/email-change", apitest.M{"email": "victim@example.org"}))
	}
	got := tally(h.together(asks...))
	if got["202"] != strangers || got["429 too_many_emails"] != crowd-strangers {
		t.Errorf("%v", got)
	}
	if n := h.mailsTo("victim@example.org"); n != strangers {
		t.Errorf("%d mails", n)
	}
}

// TestNobodyWaitsForEachOther: who signs up with an address and who moves to it
// take the same locks on it, in one order.
func TestNobodyWaitsForEachOther(t *testing.T) {
	t.Parallel()
	h := newHouse(t, pgtest.MaxConns(crowd))
	const victim = "victim@example.org"
	h.signUp(victim)
	for range 3 {
		var asks []ask
		for i := range crowd {
			if i%2 == 0 {
				asks = append(asks, h.post(h.session(h.person(), true), "/me/email-change", apitest.M{"email": victim}))
			} else {
				asks = append(asks, h.post("", "/sign-ups", apitest.M{"email": victim, "name": "Eve", "password": password}))
			}
		}
		got := tally(h.together(asks...))
		if got["201"] != crowd/2 || got["202"]+got["429 too_many_emails"] != crowd/2 {
			t.Errorf("%v", got)
		}
	}
	if n := h.mails("address_taken", victim); n != 3 {
		t.Errorf("%d mails", n)
	}
}
