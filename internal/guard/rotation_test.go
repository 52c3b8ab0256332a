package guard_test

import (
	"testing"

	"latchkey/internal/guard"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
)

// A promoted key of the digests gives an address another row, and no fresh
// budget: what stood on the old one goes on counting, for right and wrong.
func TestPromotingAKeyForgetsNoGuess(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, pgtest.At("2026-03-02 12:00:00"))
	judge := func(m guard.PasswordMeter, right bool) error {
		return db.InTx(t.Context(), func(tx *pg.Tx) error { return m.JudgeTx(t.Context(), tx, right) })
	}
	old := guard.PasswordMeter{Digest: []byte("ada, old key")}
	for range 4 {
		if err := judge(old, false); err != nil {
			t.Fatal(err)
		}
	}
	now := guard.PasswordMeter{Digest: []byte("ada, new key"), Older: [][]byte{[]byte("ada, old key")}}
	if err := judge(now, false); err != nil {
		t.Fatal(err) // the fifth
	}
	for _, right := range []bool{false, true} {
		if judge(now, right) == nil {
			t.Errorf("a sixth guess was judged (right: %v)", right)
		}
	}
	var kept int
	if err := db.Get(&kept, `SELECT cardinality(failures) FROM password_meters WHERE address_digest = $1`, now.Digest); err != nil || kept != 5 {
		t.Errorf("%d are on the new meter (%v)", kept, err)
	}

	// Before anything wrong came under the new key the old meter is looked at.
	eve := guard.PasswordMeter{Digest: []byte("eve, old key")}
	for range 5 {
		if err := judge(eve, false); err != nil {
			t.Fatal(err)
		}
	}
	promoted := guard.PasswordMeter{Digest: []byte("eve, new key"), Older: [][]byte{eve.Digest}}
	if judge(promoted, true) == nil || promoted.Look(t.Context(), db, db.Now()) == nil {
		t.Error("a key was promoted, and the wait was gone")
	}
	err := db.InTx(t.Context(), func(tx *pg.Tx) error {
		return guard.ForgetPasswordsTx(t.Context(), tx, promoted.Digest, eve.Digest)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := judge(promoted, true); err != nil {
		t.Errorf("unlocked, and still: %v", err)
	}
}
