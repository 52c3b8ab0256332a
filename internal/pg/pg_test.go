package pg_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func TestHooksRunOnceTheCommitIsKnown(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	if _, err := db.Exec(`CREATE TABLE things (id int CONSTRAINT things_id_pk PRIMARY KEY)`); err != nil {
		t.Fatal(err)
	}
	var ran []string
	err := db.InTx(t.Context(), func(tx *pg.Tx) error {
		tx.AfterCommit(func() {
			var n int
			if err := db.Get(&n, `SELECT count(*) FROM things`); err != nil || n != 1 {
				t.Errorf("at the hook others see %d things (%v)", n, err)
			}
			ran = append(ran, "first")
		})
		tx.AfterCommit(func() { ran = append(ran, "second") })
		_, err := tx.Exec(`INSERT INTO things VALUES (1)`)
		return err
	})
	if err != nil || len(ran) != 2 || ran[0] != "first" {
		t.Errorf("ran %q, %v", ran, err)
	}
}

func TestAFailureUndoesAndRunsNoHook(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	if _, err := db.Exec(`CREATE TABLE things (id int CONSTRAINT things_id_pk PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)`); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	try := func(ctx context.Context, f func(*pg.Tx) error) error {
		return db.InTx(ctx, func(tx *pg.Tx) error {
			tx.AfterCommit(func() { t.Error("a hook ran") })
			if _, err := tx.Exec(`INSERT INTO things VALUES (1)`); err != nil {
				return err
			}
			return f(tx)
		})
	}
	if err := try(t.Context(), func(*pg.Tx) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("err %v", err)
	}
	// One that only the commit finds.
	err := try(t.Context(), func(tx *pg.Tx) error {
		_, err := tx.Exec(`INSERT INTO things VALUES (1)`)
		return err
	})
	if !pg.Violates(err, "things_id_pk") {
		t.Errorf("err %v, want a breach of things_id_pk", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := try(ctx, func(*pg.Tx) error { cancel(); return nil }); err == nil {
		t.Error("committed after its caller was gone")
	}
	func() {
		defer func() { _ = recover() }()
		_ = try(t.Context(), func(*pg.Tx) error { panic("boom") })
	}()
	var n int
	if err := db.Get(&n, `SELECT count(*) FROM things`); err != nil || n != 0 {
		t.Errorf("%d things stayed (%v)", n, err)
	}
	if s := db.Stats(); s.InUse != 0 {
		t.Errorf("%d connections are not given back", s.InUse)
	}
}

func TestAConstraintIsKnownByItsName(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	_, err := db.Exec(`INSERT INTO password_meters (address_digest, failures, updated_at) VALUES ('x', '{}', now()), ('x', '{}', now())`)
	if !pg.Violates(err, "password_meters_pk") || pg.Violates(err, "users_email_key") || pg.Violates(nil, "password_meters_pk") || pg.Down(err) {
		t.Errorf("err %v", err)
	}
}

func TestWhatIsDownAndWhatIsRefused(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, pgtest.StatementTimeout(20*time.Millisecond))
	_, slow := db.Exec(`SELECT pg_sleep(5)`)
	_, wrong := db.Exec(`SELECT nothing FROM nowhere`)
	nobody, err := pg.Open("postgres://x@127.0.0.1:1/x?sslmode=disable", pg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer nobody.Close()
	for name, c := range map[string]struct {
		err  error
		down bool
	}{
		"nothing": {nil, false}, "no rows": {pg.ErrNoRows, false}, "a statement that took too long": {slow, true},
		"a wrong statement": {wrong, false}, "nobody there": {nobody.Ping(), true}, "a deadline": {context.DeadlineExceeded, true},
	} {
		if got := pg.Down(c.err); got != c.down {
			t.Errorf("%s (%v): down %t", name, c.err, got)
		}
	}
}

// Many commits in a moment wake the listener, and not once each.
func TestNotificationsAreFolded(t *testing.T) {
	t.Parallel()
	url := pgtest.URL(t)
	db := pgtest.Open(t, url)
	woken := make(chan struct{}, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- pg.Listen(ctx, url, "mail", func() { woken <- struct{}{} }) }()
	<-woken // once at the beginning: something may have come before
	const commits = 300
	for range commits {
		if err := db.InTx(t.Context(), func(tx *pg.Tx) error { tx.Notify("mail"); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-woken:
	case <-time.After(5 * time.Second):
		t.Fatal("nobody was woken")
	}
	// The last commit is never without a wake after it.
	last := time.After(300 * time.Millisecond)
	n := 1
	for more := true; more; {
		select {
		case <-woken:
			n++
		case <-last:
			more = false
		}
	}
	if n >= commits {
		t.Errorf("%d wakes for %d commits", n, commits)
	}
	if err := db.InTx(t.Context(), func(tx *pg.Tx) error { tx.Notify("mail"); return errors.New("no") }); err == nil {
		t.Fatal("no error")
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("listening ended with %v", err)
	}
}

func TestInstantsComeBackInUTC(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	want := pg.Times{time.Date(2026, 1, 2, 3, 4, 5, 678901000, time.FixedZone("", 7200)), time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC)}
	var got, none pg.Times
	if err := db.Get(&got, `SELECT $1::timestamptz[]`, want); err != nil {
		t.Fatal(err)
	}
	if err := db.Get(&none, `SELECT '{}'::timestamptz[]`); err != nil || len(none) != 0 {
		t.Errorf("none: %v %v", none, err)
	}
	for i := range want {
		if !got[i].Equal(want[i]) || got[i].Location() != time.UTC {
			t.Errorf("%s came back as %s", want[i], got[i])
		}
	}
}

func TestASnapshotWritesNothing(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	err := db.Snapshot(t.Context(), func(tx *pg.Tx) error {
		_, err := tx.Exec(`DELETE FROM users`)
		return err
	})
	if err == nil {
		t.Error("it writes")
	}
}
