package audit_test

import (
	"os"
	"strings"
	"testing"

	"latchkey/internal/audit"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// TestEventsAreNeitherChangedNorTakenAway by whoever has the service's own
// access to the database, in whatever month they lie.
func TestEventsAreNeitherChangedNorTakenAway(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	err := db.InTx(t.Context(), func(tx *pg.Tx) error {
		return audit.RecordTx(t.Context(), tx, audit.Actor{Kind: audit.Host}, audit.Event{Action: "disabled"})
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		`UPDATE events SET action = 'renamed'`, `DELETE FROM events`, `UPDATE events SET at = at - interval '1 year'`,
	} {
		err := db.InTx(t.Context(), func(tx *pg.Tx) error {
			_, err := tx.ExecContext(t.Context(), statement)
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "append only") {
			t.Errorf("%s: %v", statement, err)
		}
	}
	var n int
	if err := db.Get(&n, `SELECT count(*) FROM events WHERE action = 'disabled'`); err != nil || n != 1 {
		t.Errorf("%d events, %v", n, err)
	}
}
