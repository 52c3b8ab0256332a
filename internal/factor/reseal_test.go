package factor_test

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"latchkey/internal/factor"
	"latchkey/internal/pg"
)

// Of each key that made rows those are counted that are needed still.
func TestKeysAreCountedForWhatLives(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	counts := func(want map[string]int64) {
		t.Helper()
		all, err := factor.KeyRows(t.Context(), b.db)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range all {
			if what := r.Purpose + " " + r.Table; len(r.Prefix) != 5 || want[what] != r.Rows {
				t.Errorf("%s: %d rows under %x, want %d", what, r.Rows, r.Prefix, want[what])
			}
		}
		if len(all) != len(want) {
			t.Errorf("%+v, want %v", all, want)
		}
	}
	counts(nil)
	// None of this is under a key any more, or ever was.
	b.must(func(ctx context.Context, tx *pg.Tx) error {
		if _, err := b.store.BeginTx(ctx, tx, b.user, uuid.New(), factor.Email, "Email", uuid.Nil); err != nil {
			return err
		}
		return factor.AskPassTx(ctx, tx, b.user, uuid.Nil)
	})
	stranger := b.person("eve@example.org")
	b.must(func(ctx context.Context, tx *pg.Tx) error {
		if err := b.store.TurnOnEmailTx(ctx, tx, stranger, factor.Enrolment{ID: uuid.New(), Kind: factor.Email, Name: "Email"}); err != nil {
			return err
		}
		pass, _, err := b.store.MakePassTx(ctx, tx, stranger, uuid.Nil)
		if err != nil {
			return err
		}
		_, err = b.store.SpendPassTx(ctx, tx, stranger, pass)
		return err
	})
	l := b.lock()
	b.try(l, b.mailTo(l))
	b.newSet(b.user)
	b.must(func(ctx context.Context, tx *pg.Tx) error { return factor.EndKeysTx(ctx, tx, b.user) })
	counts(nil)
	b.spendKey(b.user, b.newSet(b.user).Shown()[0])
	counts(map[string]int64{"recovery_keys recovery_keys": 9, "recovery_seal recovery_keys": 10})
}

// A recovery key whose digest and sealed copy do not belong together is left as
// it is: a new digest of the copy would let in whoever put it there.
func TestADigestIsMadeAnewFromItsOwnCopyAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.newSet(b.user)
	b.newSet(b.person("eve@example.org"))
	for _, damage := range []string{
		// Two keys change digests; two others change copies.
		`UPDATE recovery_keys k SET digest = other.digest FROM recovery_keys other
		 WHERE k.user_id = $1 AND other.user_id <> $1 AND k.position = 1 AND other.position = 1`,
		`UPDATE recovery_keys k SET sealed = other.sealed FROM recovery_keys other
		 WHERE k.user_id = $1 AND other.user_id = $1 AND k.position = 2 AND other.position = 3`,
	} {
		if _, err := b.db.Exec(damage, b.user); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range factor.Columns(b.keys) {
		if c.Purpose == "recovery_keys" {
			c.Current = []byte("other") // every row is stale
			done, err := c.Reseal(t.Context(), b.db, func(int64) {})
			if err != nil || len(done.Closed) != 2 {
				t.Errorf("%d rows are left alone, want 2: %v", len(done.Closed), err)
			}
			return
		}
	}
	t.Error("no column of digests")
}
