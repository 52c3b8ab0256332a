package admin

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	"latchkey/internal/fault"
	"latchkey/internal/guard"
	"latchkey/internal/pg"
	"latchkey/internal/policy"
	"latchkey/internal/session"
)

func is(err error, c fault.Code) bool {
	f, ok := fault.As(err)
	return ok && f.Code == c
}

// The list's filter is the guard's arithmetic written once more in SQL: both
// must say the same at every moment.
func TestFrozenMeansTheSameInSQLAndInGo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	id := h.user(account.Member)
	start := h.clock.Now()
	for _, n := range []int{0, 4, 5, 6, 9, 10, 12} {
		failures := pg.Times{}
		for i := range n {
			failures = append(failures, start.Add(time.Duration(i)*time.Second))
		}
		if _, err := h.DB.ExecContext(t.Context(), `UPDATE guards SET code_failures = $2 WHERE user_id = $1`, id, failures); err != nil {
			t.Fatal(err)
		}
		for _, after := range []time.Duration{15 * time.Second, 40 * time.Second, 2 * time.Minute, 7 * time.Minute, 9 * time.Minute, time.Hour - time.Second, time.Hour + 10*time.Second, 2 * time.Hour} {
			h.clock.Set(start.Add(after))
			list, _, err := h.Users(t.Context(), host, nowhere, Search{Filter: Frozen})
			if err != nil {
				t.Fatal(err)
			}
			want := guard.Meter{Failures: failures}.FrozenUntil(h.DB.Now()) != nil
			if got := len(list) == 1; got != want {
				t.Errorf("%d failures, after %s: listed %v, frozen %v", n, after, got, want)
			}
		}
	}
}

// Whoever was let in a moment ago is judged again under the lock.
func TestARoleTakenAwayIsGoneAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	boss, other, user := h.user(account.Admin), h.user(account.Admin), h.user(account.Member)
	in := h.session(boss)
	member := account.Member
	if _, err := h.Patch(t.Context(), audit.Actor{}, h.session(other), boss, Change{Role: &member}); err != nil {
		t.Fatal(err)
	}
	by := audit.Actor{Kind: audit.Admin, ID: boss}
	if err := h.Require(t.Context(), by, in, user, nil, ""); !is(err, fault.NotAllowed) {
		t.Errorf("%v", err)
	}
	// Nor does claiming to be someone else help: the session says who it is.
	by.ID = other
	if err := h.Require(t.Context(), by, in, user, nil, ""); !is(err, fault.NotAllowed) {
		t.Errorf("%v", err)
	}
	if err := h.Require(t.Context(), by, session.Session{}, user, nil, ""); !is(err, fault.NotSignedIn) {
		t.Errorf("no session: %v", err)
	}
	if n := h.count(`SELECT count(*) FROM users WHERE required_from IS NOT NULL`); n != 0 {
		t.Error("required all the same")
	}
}

func TestARevokedSessionRulesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	boss, user := h.user(account.Admin), h.user(account.Member)
	in := h.session(boss)
	if _, err := h.DB.ExecContext(t.Context(), `DELETE FROM sessions`); err != nil {
		t.Fatal(err)
	}
	if err := h.Delete(t.Context(), audit.Actor{}, in, user, ""); !is(err, fault.NotSignedIn) {
		t.Errorf("%v", err)
	}
}

func TestASaveThatAsksForItEndsEverySession(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	boss, user := h.user(account.Admin), h.user(account.Member)
	mine, theirs := h.session(boss), h.session(user)
	r := policy.Compatible.Rules()
	r.SignUpOpen, r.GraceDays = true, 3
	p, err := h.SavePolicy(t.Context(), audit.Actor{}, mine, Saving{Rules: r, Over: 1, EndSessions: true})
	if err != nil || p.Version != 2 || p.SavedBy != boss.String() {
		t.Fatalf("%+v %v", p, err)
	}
	if n := h.count(`SELECT count(*) FROM sessions WHERE id = $1`, theirs.ID); n != 0 {
		t.Error("theirs goes on")
	}
	if n := h.count(`SELECT count(*) FROM sessions WHERE id = $1`, mine.ID); n != 1 {
		t.Error("mine ended")
	}
}

// Somebody required may not be left without a method that would be taken.
func TestMethodsStayWhileSomebodyIsRequired(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.user(account.Admin)
	user := h.user(account.Member)
	if err := h.Require(t.Context(), host, nowhere, user, nil, ""); err != nil {
		t.Fatal(err)
	}
	r := policy.Compatible.Rules()
	r.SignUpOpen, r.AppMethod, r.EmailMethod = true, policy.Off, policy.Off
	if _, err := h.SavePolicy(t.Context(), host, nowhere, Saving{Rules: r, Over: 1}); !is(err, fault.InvalidRequest) {
		t.Errorf("%v", err)
	}
	if err := h.Unrequire(t.Context(), host, nowhere, user, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := h.SavePolicy(t.Context(), host, nowhere, Saving{Rules: r, Over: 1}); err != nil {
		t.Errorf("%v", err)
	}
	if err := h.Require(t.Context(), host, nowhere, user, nil, ""); !is(err, fault.StateConflict) {
		t.Errorf("required with nothing to turn on: %v", err)
	}
}

func TestCursorsAreReadBackAndNonsenseIsNot(t *testing.T) {
	t.Parallel()
	id := uuid.Must(uuid.NewV7())
	at := time.Date(2026, 3, 2, 12, 0, 0, 123456000, time.UTC)
	got, beside, ok := cursorFrom(cursorOf(at, id))
	if !ok || !got.Equal(at) || beside != id {
		t.Errorf("%v %v %v", got, beside, ok)
	}
	for _, s := range []string{"", "x", "AAAA", "LTEuMQ", cursorOf(at, id)[:20], cursorOf(at.AddDate(-300, 0, 0), id)} {
		if _, _, ok := cursorFrom(s); ok {
			t.Errorf("%q is taken", s)
		}
	}
}

// A client that hangs up ends an export.
func TestAnExportEndsWithItsReader(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	boss := h.user(account.Admin)
	_, err := h.DB.ExecContext(t.Context(), `
		INSERT INTO events (at, action, actor_kind) SELECT $1, 'swept', 'system' FROM generate_series(1, 3000)`, h.DB.Now())
	if err != nil {
		t.Fatal(err)
	}
	gone, batches := errors.New("gone"), 0
	err = h.ExportEvents(t.Context(), audit.Actor{}, h.session(boss), audit.Filter{}, "csv", func(lines []audit.Line) error {
		batches++
		if len(lines) > 1000 {
			t.Errorf("%d in one batch", len(lines))
		}
		if batches == 2 {
			return gone
		}
		return nil
	})
	if !errors.Is(err, gone) || batches != 2 {
		t.Errorf("%v after %d batches", err, batches)
	}
}
