package webhook_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/audit"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
	"latchkey/internal/seal"
	"latchkey/internal/webhook"
)

// shelf is a store of endpoints and the ledger of what is sent to them.
type shelf struct {
	*webhook.Store
	keyset []byte
	keys   *seal.Keys
	ledger *webhook.Ledger
}

func store(t *testing.T) (*pg.DB, shelf) {
	t.Helper()
	raw, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.Load(raw)
	if err != nil {
		t.Fatal(err)
	}
	db := pgtest.New(t, pgtest.At("2026-01-02 03:04:05"))
	return db, shelf{webhook.NewStore(keys.Mail), raw, keys, webhook.NewLedger(db, keys.Mail)}
}

func in(t *testing.T, db *pg.DB, f func(*pg.Tx) error) {
	t.Helper()
	if err := db.InTx(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func (s shelf) add(t *testing.T, db *pg.DB, url string, kinds ...string) (id uuid.UUID, key string) {
	t.Helper()
	in(t, db, func(tx *pg.Tx) error {
		e, shown, err := s.AddTx(t.Context(), tx, uuid.Nil, url, kinds)
		id, key = e.ID, shown
		return err
	})
	return id, key
}

func (s shelf) rotate(t *testing.T, db *pg.DB, id uuid.UUID) (key string) {
	t.Helper()
	in(t, db, func(tx *pg.Tx) (err error) {
		_, key, err = s.RotateTx(t.Context(), tx, id)
		return err
	})
	return key
}

func (shelf) drop(t *testing.T, db *pg.DB, id uuid.UUID) {
	t.Helper()
	in(t, db, func(tx *pg.Tx) error {
		_, err := webhook.DropOldTx(t.Context(), tx, id)
		return err
	})
}

func record(t *testing.T, db *pg.DB, actions ...string) {
	t.Helper()
	in(t, db, func(tx *pg.Tx) error {
		for _, a := range actions {
			if err := audit.RecordTx(t.Context(), tx, audit.Actor{Kind: audit.System}, audit.Event{Action: a}); err != nil {
				return err
			}
		}
		return nil
	})
}

// take claims and opens the one delivery that is due.
func take(t *testing.T, db *pg.DB, s shelf) webhook.Parcel {
	t.Helper()
	due, err := s.ledger.Claim(t.Context(), 1, 5, time.Minute)
	if err != nil || len(due) != 1 {
		t.Fatalf("%d due, %v", len(due), err)
	}
	p, err := s.ledger.Open(t.Context(), due[0].ID, due[0].Lease)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `DELETE FROM webhook_deliveries WHERE id <> $1`, p.ID); err != nil {
		t.Fatal(err)
	}
	return p
}

func deliveries(t *testing.T, db *pg.DB, of uuid.UUID) (out []string) {
	t.Helper()
	list, err := webhook.Deliveries(t.Context(), db, webhook.Listing{Webhook: of, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		out = append(out, d.Kind)
	}
	slices.Sort(out)
	return out
}

func TestEndpointsHearOfWhatTheyAskedForAndNothingElse(t *testing.T) {
	t.Parallel()
	db, s := store(t)
	record(t, db, "frozen") // before there is anybody to hear of it
	one, _ := s.add(t, db, "https://one.example.com/", "frozen", "app_reset")
	two, _ := s.add(t, db, "https://two.example.com/", "frozen")
	off, _ := s.add(t, db, "https://off.example.com/", "frozen")
	in(t, db, func(tx *pg.Tx) error {
		_, err := webhook.TurnTx(t.Context(), tx, off, false)
		return err
	})
	record(t, db, "frozen", "app_reset", "method_on", "signed_in", "code_refused")
	errUndone := errors.New("undone")
	err := db.InTx(t.Context(), func(tx *pg.Tx) error {
		if err := audit.RecordTx(t.Context(), tx, audit.Actor{Kind: audit.System}, audit.Event{Action: "frozen"}); err != nil {
			return err
		}
		return errUndone
	})
	if !errors.Is(err, errUndone) {
		t.Fatal(err)
	}
	for id, want := range map[uuid.UUID][]string{one: {"app_reset", "frozen"}, two: {"frozen"}, off: nil} {
		if got := deliveries(t, db, id); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", id, got, want)
		}
	}
	// A test goes to one endpoint, whatever it asked for.
	in(t, db, func(tx *pg.Tx) error {
		return audit.RecordTx(t.Context(), tx, audit.Actor{Kind: audit.System}, audit.Event{Action: webhook.Tested, Webhook: two})
	})
	if got := deliveries(t, db, two); !slices.Equal(got, []string{"frozen", webhook.Tested}) {
		t.Errorf("after a test: %v", got)
	}
	if got := len(deliveries(t, db, one)); got != 2 {
		t.Errorf("the other has %d", got)
	}
	// With the endpoint goes what waits for it.
	in(t, db, func(tx *pg.Tx) error {
		_, err := webhook.DeleteTx(t.Context(), tx, one)
		return err
	})
	var left int
	if err := db.GetContext(t.Context(), &left, `SELECT count(*) FROM webhook_deliveries WHERE webhook_id <> $1`, two); err != nil || left != 0 {
		t.Errorf("%d deliveries of the deleted endpoint, %v", left, err)
	}
}

// An endpoint that is being deleted drops out of a change that is told of at
// that moment; it must not fail it.
func TestADeletedEndpointFailsNoChange(t *testing.T) {
	t.Parallel()
	db, s := store(t)
	id, _ := s.add(t, db, "https://one.example.com/", "frozen")
	recorded := make(chan error, 1)
	in(t, db, func(tx *pg.Tx) error {
		if _, err := webhook.DeleteTx(t.Context(), tx, id); err != nil {
			return err
		}
		go func() {
			recorded <- db.InTx(t.Context(), func(tx *pg.Tx) error {
				return audit.RecordTx(t.Context(), tx, audit.Actor{Kind: audit.System}, audit.Event{Action: "frozen"})
			})
		}()
		for waits := 0; waits == 0; { // until it waits for this transaction
			err := db.GetContext(t.Context(), &waits, `
				SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err := <-recorded; err != nil {
		t.Errorf("the change failed: %v", err)
	}
	var events, told int
	err := db.QueryRowContext(t.Context(), `SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM webhook_deliveries)`).Scan(&events, &told)
	if err != nil || events != 1 || told != 0 {
		t.Errorf("%d events, %d deliveries, %v", events, told, err)
	}
}

func TestGapsGrowOverADayThenItIsGivenUp(t *testing.T) {
	t.Parallel()
	db, s := store(t)
	id, _ := s.add(t, db, "https://one.example.com/", "frozen")
	record(t, db, "frozen")
	clock, began := pgtest.ClockOf(db), db.Now()
	var gaps []time.Duration
	item := func() webhook.Item {
		t.Helper()
		list, err := webhook.Deliveries(t.Context(), db, webhook.Listing{Webhook: id, Limit: 10})
		if err != nil || len(list) != 1 {
			t.Fatalf("%d deliveries, %v", len(list), err)
		}
		return list[0]
	}
	for item().State == webhook.Queued {
		clock.Advance(item().DueAt.Sub(db.Now()))
		p := take(t, db, s)
		if _, err := s.ledger.Finish(t.Context(), p, webhook.Result{Outcome: webhook.Answered, Status: 500, Answer: "no\x1b[2J\u202e room\n"}); err != nil {
			t.Fatal(err)
		}
		if i := item(); i.State == webhook.Queued {
			gaps = append(gaps, i.DueAt.Sub(db.Now()))
			if len(gaps) > 1 && gaps[len(gaps)-1] <= gaps[len(gaps)-2] {
				t.Errorf("gaps %v", gaps)
			}
			if due, err := s.ledger.Claim(t.Context(), 1, 1, time.Minute); err != nil || len(due) != 0 {
				t.Fatalf("%d are due at once, %v", len(due), err)
			}
		}
	}
	i := item()
	if took := db.Now().Sub(began); i.State != webhook.Failed || took < 20*time.Hour || took > 30*time.Hour || i.Attempts != webhook.Attempts {
		t.Errorf("%s after %s and %d attempts", i.State, took, i.Attempts)
	}
	if i.Outcome != webhook.Answered || i.Status != 500 || i.Answer != `no\x1b[2J\u202e room` || i.EndedAt == nil {
		t.Errorf("%+v", i)
	}
	in(t, db, func(tx *pg.Tx) error {
		_, err := webhook.AgainTx(t.Context(), tx, id, i.ID)
		return err
	})
	if p := take(t, db, s); p.ID != i.ID || p.Attempts != 0 {
		t.Errorf("again: %+v", p)
	}
}

func TestLeasesKeepWorkersApart(t *testing.T) {
	t.Parallel()
	db, s := store(t)
	id, _ := s.add(t, db, "https://one.example.com/", "frozen")
	s.add(t, db, "https://two.example.com/", "app_reset")
	for range 9 {
		record(t, db, "frozen")
	}
	record(t, db, "app_reset")
	due, err := s.ledger.Claim(t.Context(), 100, 5, time.Minute)
	if err != nil || len(due) != 6 {
		t.Fatalf("%d are out, want five of one and one of the other (%v)", len(due), err)
	}
	if more, err := s.ledger.Claim(t.Context(), 100, 5, time.Minute); err != nil || len(more) != 0 {
		t.Errorf("%d more, %v", len(more), err)
	}
	// Turned off meanwhile, it gets nothing more; on again, it does.
	on := func(id uuid.UUID, on bool) {
		t.Helper()
		in(t, db, func(tx *pg.Tx) error {
			_, err := webhook.TurnTx(t.Context(), tx, id, on)
			return err
		})
	}
	on(id, false)
	for _, o := range due {
		p, err := s.ledger.Open(t.Context(), o.ID, o.Lease)
		if ours := p.URL == "https://two.example.com/"; ours != (err == nil) || (err != nil && !errors.Is(err, webhook.ErrNotOurs)) {
			t.Errorf("%q opened: %v", p.URL, err)
		}
	}
	pgtest.ClockOf(db).Advance(time.Minute)
	if more, err := s.ledger.Claim(t.Context(), 100, 5, time.Minute); err != nil || len(more) != 1 {
		t.Errorf("%d due while one is off, want that of the other (%v)", len(more), err)
	}
	on(id, true)
	more, err := s.ledger.Claim(t.Context(), 2, 5, time.Minute)
	if err != nil || len(more) != 2 {
		t.Errorf("%d due, %v", len(more), err)
	}
	// A lease that is over writes no failure; that it was sent counts.
	stale := webhook.Parcel{ID: more[0].ID, Lease: due[0].Lease}
	if _, err := s.ledger.Finish(t.Context(), stale, webhook.Result{Outcome: webhook.Broken}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ledger.Open(t.Context(), more[0].ID, more[0].Lease); err != nil {
		t.Errorf("a lost lease took this one away: %v", err)
	}
	if _, err := s.ledger.Finish(t.Context(), stale, webhook.Result{Outcome: webhook.Accepted, Status: 200}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ledger.Open(t.Context(), more[0].ID, more[0].Lease); !errors.Is(err, webhook.ErrNotOurs) {
		t.Errorf("it was sent, and would be again: %v", err)
	}
	if err := s.ledger.GiveBack(t.Context(), []uuid.UUID{more[1].Lease}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.ledger.Open(t.Context(), more[1].ID, more[1].Lease); !errors.Is(err, webhook.ErrNotOurs) {
		t.Errorf("given back, and open: %v", err)
	}
	pgtest.ClockOf(db).Advance(webhook.Lifetime)
	if n, err := s.ledger.Expire(t.Context()); err != nil || n != 9 {
		t.Errorf("%d expired, %v", n, err)
	}
}

func TestKeysAreRotatedOneAfterTheOther(t *testing.T) {
	t.Parallel()
	db, s := store(t)
	id, first := s.add(t, db, "https://one.example.com/", "frozen")
	if second := s.rotate(t, db, id); second == first {
		t.Error("the new key is the old one")
	}
	err := db.InTx(t.Context(), func(tx *pg.Tx) error {
		_, _, err := s.RotateTx(t.Context(), tx, id)
		return err
	})
	if !errors.Is(err, webhook.ErrNotNow) {
		t.Errorf("a third key: %v", err)
	}
	s.drop(t, db, id)
	err = db.InTx(t.Context(), func(tx *pg.Tx) error {
		_, err := webhook.DropOldTx(t.Context(), tx, id)
		return err
	})
	if !errors.Is(err, webhook.ErrNotNow) {
		t.Errorf("no old key to drop: %v", err)
	}
	var inClear int
	if err := db.GetContext(t.Context(), &inClear, `SELECT count(*) FROM webhooks WHERE position('whsec' IN encode(secret, 'escape')) > 0 OR length(secret) < 60`); err != nil || inClear != 0 {
		t.Errorf("%d keys lie open, %v", inClear, err)
	}
}

// TestBothKeysAreSealedAgain: after it the keyset's old key opens nothing that
// anybody needs.
func TestBothKeysAreSealedAgain(t *testing.T) {
	t.Parallel()
	db, s := store(t)
	id, _ := s.add(t, db, "https://one.example.com/", "frozen")
	s.rotate(t, db, id)
	record(t, db, "frozen")
	before := take(t, db, s).Keys
	set, err := seal.ReadSet(s.keyset)
	if err != nil {
		t.Fatal(err)
	}
	old := set.Of("mail")[0].ID
	fresh, err := set.Add("mail")
	if err != nil {
		t.Fatal(err)
	}
	if err := set.Promote("mail", fresh); err != nil {
		t.Fatal(err)
	}
	load := func() *seal.Keys {
		t.Helper()
		raw, err := set.JSON()
		if err != nil {
			t.Fatal(err)
		}
		keys, err := seal.Load(raw)
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	keys := load()
	for _, c := range webhook.Columns(keys) {
		if done, err := c.Reseal(t.Context(), db, func(int64) {}); err != nil || done.Sealed != 1 || len(done.Closed) != 0 {
			t.Errorf("%s: %+v, %v", c, done, err)
		}
	}
	rows, err := webhook.KeyRows(t.Context(), db)
	if err != nil || len(rows) != 1 || rows[0].Rows != 2 || !bytes.Equal(rows[0].Prefix, keys.Mail.Current()) {
		t.Errorf("%+v, %v", rows, err)
	}
	if err := set.Disable("mail", old); err != nil {
		t.Fatal(err)
	}
	s.ledger = webhook.NewLedger(db, load().Mail)
	record(t, db, "frozen")
	if after := take(t, db, s).Keys; len(after) != 2 || !bytes.Equal(after[0], before[0]) || !bytes.Equal(after[1], before[1]) {
		t.Error("they are not what they were")
	}
}

// A key that was moved to another endpoint does not open there.
func TestAMovedKeySignsNothing(t *testing.T) {
	t.Parallel()
	db, s := store(t)
	one, _ := s.add(t, db, "https://one.example.com/", "frozen")
	two, _ := s.add(t, db, "https://two.example.com/", "app_reset")
	if _, err := db.ExecContext(t.Context(), `UPDATE webhooks SET secret = (SELECT secret FROM webhooks WHERE id = $1) WHERE id = $2`, one, two); err != nil {
		t.Fatal(err)
	}
	record(t, db, "app_reset")
	due, err := s.ledger.Claim(t.Context(), 1, 1, time.Minute)
	if err != nil || len(due) != 1 {
		t.Fatal(len(due), err)
	}
	if _, err := s.ledger.Open(t.Context(), due[0].ID, due[0].Lease); !errors.Is(err, webhook.ErrSealed) {
		t.Errorf("it opened: %v", err)
	}
}

func TestThereMayBeTwentyEndpoints(t *testing.T) {
	t.Parallel()
	db, s := store(t)
	for range 20 {
		s.add(t, db, "https://one.example.com/", "frozen")
	}
	err := db.InTx(t.Context(), func(tx *pg.Tx) error {
		_, _, err := s.AddTx(t.Context(), tx, uuid.Nil, "https://one.example.com/", []string{"frozen"})
		return err
	})
	if !errors.Is(err, webhook.ErrTooMany) {
		t.Errorf("one more: %v", err)
	}
}
