package rotation_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/google/uuid"

	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
	"latchkey/internal/rotation"
	"latchkey/internal/seal"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// table is one of 450 rows, which is three batches, and its column.
func table(t *testing.T, again func(id uuid.UUID, old []byte) ([]byte, error)) (*pg.DB, rotation.Column) {
	t.Helper()
	db := pgtest.New(t)
	_, err := db.ExecContext(t.Context(), `
		CREATE TABLE kept AS SELECT gen_random_uuid() AS id, 'old  secret'::bytea AS secret, '-infinity'::timestamptz AS made_at FROM generate_series(1, 450)`)
	if err != nil {
		t.Fatal(err)
	}
	return db, rotation.Column{
		Purpose: "x", Current: []byte("fresh"), Table: "kept", Column: "secret", Live: "made_at <= $3", Parts: "ARRAY[id::text]",
		Again: func(id uuid.UUID, old []byte, parts []string) ([]byte, error) {
			if len(parts) != 1 || parts[0] != id.String() {
				t.Errorf("parts %v of %s", parts, id)
			}
			return again(id, old)
		},
	}
}

func freshly(_ uuid.UUID, old []byte) ([]byte, error) {
	return slices.Concat([]byte("fresh"), old[5:]), nil
}

func left(t *testing.T, db *pg.DB, secret string) (n int) {
	t.Helper()
	if err := db.GetContext(t.Context(), &n, `SELECT count(*) FROM kept WHERE secret = $1`, []byte(secret)); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestEveryRowIsMadeAnewOnce(t *testing.T) {
	t.Parallel()
	db, c := table(t, freshly)
	var told []int64
	done, err := c.Reseal(t.Context(), db, func(n int64) { told = append(told, n) })
	if err != nil || done.Sealed != 450 || done.Skipped != 0 || done.Closed != nil || !slices.Equal(told, []int64{200, 400, 450}) {
		t.Errorf("%+v, told %v, %v", done, told, err)
	}
	if done, err = c.Reseal(t.Context(), db, func(int64) {}); err != nil || done.Sealed != 0 {
		t.Errorf("again: %+v, %v", done, err)
	}
	if n := left(t, db, "freshsecret"); n != 450 {
		t.Errorf("%d are fresh", n)
	}
}

// A row that somebody changes between reading and writing keeps the change.
func TestAChangeInBetweenIsKept(t *testing.T) {
	t.Parallel()
	var db *pg.DB
	changed := false
	db, c := table(t, func(id uuid.UUID, old []byte) ([]byte, error) {
		if !changed {
			changed = true
			if _, err := db.ExecContext(t.Context(), `UPDATE kept SET secret = 'other change' WHERE id = $1`, id); err != nil {
				t.Error(err)
			}
		}
		return freshly(id, old)
	})
	done, err := c.Reseal(t.Context(), db, func(int64) {})
	if err != nil || done.Sealed != 450 { // in the second pass
		t.Errorf("%+v, %v", done, err)
	}
	if n := left(t, db, "fresh change"); n != 1 {
		t.Errorf("the change of somebody else is on %d rows", n)
	}
	if n := left(t, db, "freshsecret"); n != 449 {
		t.Errorf("%d rows hold the secret that was read", n)
	}
}

func TestHeldRowsAreNeverWaitedFor(t *testing.T) {
	t.Parallel()
	db, c := table(t, freshly)
	errEnough := errors.New("enough")
	err := db.InTx(t.Context(), func(tx *pg.Tx) error {
		if _, err := tx.ExecContext(t.Context(), `SELECT FROM kept ORDER BY id LIMIT 3 FOR UPDATE`); err != nil {
			return err
		}
		done, err := c.Reseal(t.Context(), db, func(int64) {})
		if err != nil || done.Sealed != 447 || done.Skipped != 3 {
			t.Errorf("%+v, %v", done, err)
		}
		return errEnough
	})
	if !errors.Is(err, errEnough) {
		t.Fatal(err)
	}
	if done, err := c.Reseal(t.Context(), db, func(int64) {}); err != nil || done.Sealed != 3 || done.Skipped != 0 {
		t.Errorf("once they are free: %+v, %v", done, err)
	}
}

func TestDamagedRowsAreNamedAndLeft(t *testing.T) {
	t.Parallel()
	var damaged uuid.UUID
	db, c := table(t, func(id uuid.UUID, old []byte) ([]byte, error) {
		if damaged == uuid.Nil || id == damaged {
			damaged = id
			return nil, errors.New("does not open")
		}
		return freshly(id, old)
	})
	done, err := c.Reseal(t.Context(), db, func(int64) {})
	if err != nil || done.Sealed != 449 || !slices.Equal(done.Closed, []uuid.UUID{damaged}) {
		t.Errorf("%+v, %v", done, err)
	}
	if n := left(t, db, "old  secret"); n != 1 {
		t.Errorf("%d are left as they were", n)
	}
}

func TestAnEndedRunIsRunAgain(t *testing.T) {
	t.Parallel()
	db, c := table(t, freshly)
	ctx, cancel := context.WithCancel(t.Context())
	first, err := c.Reseal(ctx, db, func(int64) { cancel() })
	if err == nil || first.Sealed != 200 {
		t.Errorf("%+v, %v", first, err)
	}
	if rest, err := c.Reseal(t.Context(), db, func(int64) {}); err != nil || rest.Sealed != 250 {
		t.Errorf("%+v, %v", rest, err)
	}
}

func TestRunningProcessesNameTheirKeys(t *testing.T) {
	t.Parallel()
	raw, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.Load(raw)
	if err != nil {
		t.Fatal(err)
	}
	url := pgtest.URL(t)
	watch := pgtest.Open(t, url)
	for _, name := range []string{rotation.Name("latchkey serve", keys), "latchkey worker", "psql"} {
		db, err := pg.Open(url, pg.Options{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() }) //nolint:errcheck // the test is over
		if err := db.PingContext(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	all, err := rotation.Running(t.Context(), watch)
	if err != nil || len(all) != 2 || all[0].Name != "latchkey serve" || all[0].Fingerprint != keys.Fingerprint() || all[1].Fingerprint != "" {
		t.Fatalf("%+v, %v", all, err)
	}
	if behind := rotation.Behind(all, keys.Fingerprint()); len(behind) != 1 || behind[0].Name != "latchkey worker" {
		t.Errorf("behind: %+v", behind)
	}
}
