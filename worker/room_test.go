package worker

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/factor"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
	"latchkey/internal/policy"
	"latchkey/internal/seal"
	"latchkey/migrations"
)

// kept is one table: how a row of it is made at $1, $2 with a user, and for
// how long it stays.
type kept struct {
	table, insert string
	stays         time.Duration // after its one instant, $1
}

var keeps = []kept{
	{"sign_ins", `INSERT INTO sign_ins (id, user_id, token_digest, first_step, status, device, address, created_at, expires_at)
		VALUES (gen_random_uuid(), $2, gen_random_uuid()::text::bytea, 'password', 'second_factor', '', '', $1, $1)`, 0},
	{"sessions", `INSERT INTO sessions (id, user_id, token_digest, front, assurance, idle_minutes, device, address, created_at, last_seen_at, expires_at)
		VALUES (gen_random_uuid(), $2, gen_random_uuid()::text::bytea, 'bearer', 'password', 10, '', '', $1, $1, $1)`, 0},
	{"trusted_devices", `INSERT INTO trusted_devices (id, user_id, token_digest, device, address, created_at, last_used_at, expires_at)
		VALUES (gen_random_uuid(), $2, gen_random_uuid()::text::bytea, '', '', $1, $1, $1)`, 0},
	{"access_tokens", `INSERT INTO access_tokens (id, user_id, token_digest, name, scopes, created_at, expires_at)
		VALUES (gen_random_uuid(), $2, gen_random_uuid()::text::bytea, 'ci', '{read}', $1, $1)`, 30 * 24 * time.Hour},
	{"enrolments", `INSERT INTO enrolments (id, user_id, holder, kind, name, created_at, expires_at)
		VALUES (gen_random_uuid(), $2, gen_random_uuid(), 'app', '', $1, $1)`, 0},
	{"codes", `INSERT INTO codes (id, user_id, purpose, holder, address, digest, reference, mailed, mail_id, resend_at, created_at, deadline)
		VALUES (gen_random_uuid(), $2, 'sign_in', gen_random_uuid(), '', '', '', ARRAY[$1::timestamptz], gen_random_uuid(), $1, $1, $1)`, 48 * time.Hour},
	{"links", `INSERT INTO links (id, user_id, kind, token_digest, created_at, expires_at)
		VALUES (gen_random_uuid(), $2, 'not_me', gen_random_uuid()::text::bytea, $1, $1)`, 30 * 24 * time.Hour},
	{"known_browsers", `INSERT INTO known_browsers (browser, user_id, device, address, created_at, last_seen_at)
		VALUES (gen_random_uuid(), $2, '', '', $1, $1)`, 365 * 24 * time.Hour},
	{"password_meters", `INSERT INTO password_meters (address_digest, failures, updated_at)
		SELECT gen_random_uuid()::text::bytea, '{}', $1 WHERE $2::uuid IS NOT NULL`, 24 * time.Hour},
	{"address_meters", `INSERT INTO address_meters (address_digest, mailed, updated_at)
		SELECT gen_random_uuid()::text::bytea, '{}', $1 WHERE $2::uuid IS NOT NULL`, 48 * time.Hour},
	{"ip_meters", `INSERT INTO ip_meters (kind, network, spent, updated_at)
		SELECT 'password', set_masklen('10.0.0.0'::inet + (random() * 1000000)::int, 32)::cidr, '{}', $1 WHERE $2::uuid IS NOT NULL`, 24 * time.Hour},
	{"webhook_deliveries", `WITH one AS (
			INSERT INTO webhooks (id, url, kinds, secret, created_at) VALUES ($2, 'https://a.example/', '{frozen}', '', $1)
			ON CONFLICT (id) DO UPDATE SET url = webhooks.url RETURNING id)
		INSERT INTO webhook_deliveries (webhook_id, event_id, event_at, kind, state, due_at, created_at, expires_at, ended_at)
		SELECT id, 1, $1, 'frozen', 'sent', $1, $1, $1, $1 FROM one`, 30 * 24 * time.Hour},
	{"idempotency_keys", `INSERT INTO idempotency_keys (digest, request, state, expires_at)
		SELECT gen_random_uuid()::text::bytea, '', 'running', $1 WHERE $2::uuid IS NOT NULL`, 0},
}

func TestChoresTakeWhatIsOverAndNothingElse(t *testing.T) {
	t.Parallel()
	clock := pgtest.NewClock("2026-03-02 12:00:05")
	db := pgtest.New(t, pgtest.WithClock(clock))
	user := someone(t, db)
	if err := policy.Ensure(t.Context(), db, true); err != nil {
		t.Fatal(err)
	}
	for _, k := range keeps {
		must(t, db, k.insert, clock.Now().Add(-k.stays), user)
		must(t, db, k.insert, clock.Now().Add(-k.stays).Add(time.Minute), user)
	}
	sweepAll(t, db)
	for _, k := range keeps {
		if n := count(t, db, `SELECT count(*) FROM `+k.table); n != 1 {
			t.Errorf("%s: %d rows left, want the one that still counts", k.table, n)
		}
	}
}

// TestChoresPassOverHeldRows: a sweep never waits for somebody's transaction.
func TestChoresPassOverHeldRows(t *testing.T) {
	t.Parallel()
	clock := pgtest.NewClock("2026-03-02 12:00:05")
	db := pgtest.New(t, pgtest.WithClock(clock))
	user := someone(t, db)
	if err := policy.Ensure(t.Context(), db, true); err != nil {
		t.Fatal(err)
	}
	for _, k := range keeps {
		must(t, db, k.insert, clock.Now().Add(-k.stays), user)
	}
	err := db.InTx(t.Context(), func(tx *pg.Tx) error {
		for _, k := range keeps {
			if k.table == "idempotency_keys" { // written and read by one statement each, never held
				continue
			}
			if _, err := tx.ExecContext(t.Context(), `SELECT FROM `+k.table+` FOR UPDATE`); err != nil {
				return err
			}
		}
		sweepAll(t, db)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keeps {
		if n := count(t, db, `SELECT count(*) FROM `+k.table); n != 1 && k.table != "idempotency_keys" {
			t.Errorf("%s: a held row was taken", k.table)
		}
	}
}

func TestSealedRecoveryKeysGoWherePolicyWantsThemGone(t *testing.T) {
	t.Parallel()
	clock := pgtest.NewClock("2026-03-02 12:00:05")
	db := pgtest.New(t, pgtest.WithClock(clock))
	raw, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.Load(raw)
	if err != nil {
		t.Fatal(err)
	}
	if err := policy.Ensure(t.Context(), db, true); err != nil {
		t.Fatal(err)
	}
	store, user := factor.NewStore(keys, nil), someone(t, db)
	err = db.InTx(t.Context(), func(tx *pg.Tx) error {
		_, err := store.NewSetTx(t.Context(), tx, user)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	sealed := func(when string, want int) {
		t.Helper()
		sweepAll(t, db)
		if n := count(t, db, `SELECT count(*) FROM recovery_keys WHERE sealed IS NOT NULL`); n != want {
			t.Errorf("%s: %d sealed copies, want %d", when, n, want)
		}
	}
	clock.Advance(time.Hour)
	sealed("viewable", 10)
	err = db.InTx(t.Context(), func(tx *pg.Tx) error {
		return policy.AppendTx(t.Context(), tx, 2, policy.Strict.Rules(), uuid.Nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	clock.Set(clock.Now().Add(-31 * time.Minute))
	sealed("not viewable, within half an hour", 10)
	clock.Advance(2 * time.Minute)
	sealed("not viewable, later", 0)
	if n := count(t, db, `SELECT count(*) FROM recovery_keys`); n != 10 {
		t.Errorf("%d keys: they stay good", n)
	}
}

func someone(t *testing.T, db *pg.DB) uuid.UUID {
	t.Helper()
	id := uuid.New()
	must(t, db, `INSERT INTO users (id, email, name, created_at) VALUES ($1::uuid, $1::uuid::text || '@example.com', 'Ada', $2)`, id, db.Now())
	return id
}

func sweepAll(t *testing.T, db *pg.DB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, c := range chores(nil) {
		if err := c.run(ctx, db); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
	}
}

func must(t *testing.T, db *pg.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%v\n%s", err, statement)
	}
}

func count(t *testing.T, db *pg.DB, query string) int {
	t.Helper()
	var n int
	if err := db.GetContext(t.Context(), &n, query); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestOwnersAreToldOfEndingTokens once, a week before.
func TestOwnersAreToldOfEndingTokens(t *testing.T) {
	t.Parallel()
	h := build(t)
	clock := pgtest.NewClock("2026-03-02 12:00:05")
	h.db.Clock = clock.Now
	user := someone(t, h.db)
	must(t, h.db, `UPDATE users SET email_verified_at = created_at WHERE id = $1`, user)
	insert := `INSERT INTO access_tokens (id, user_id, token_digest, name, scopes, created_at, expires_at)
		VALUES (gen_random_uuid(), $1, gen_random_uuid()::text::bytea, 'ci', '{read}', $2, $3)`
	must(t, h.db, insert, user, clock.Now(), clock.Now().Add(8*24*time.Hour))
	// Whoever never proved an address may have typed a stranger's.
	must(t, h.db, insert, someone(t, h.db), clock.Now(), clock.Now().Add(8*24*time.Hour))
	must(t, h.db, insert, user, clock.Now(), clock.Now().Add(time.Hour)) // made for an hour: no news
	tell, told := tellOfTokens(h.out), `SELECT count(*) FROM mails WHERE kind = 'token_expiring'`
	for day, want := range []int{0, 1, 1, 1} {
		if _, err := tell(t.Context(), h.db); err != nil {
			t.Fatal(err)
		}
		if n := count(t, h.db, told); n != want {
			t.Errorf("day %d: %d mails, want %d", day, n, want)
		}
		clock.Advance(24 * time.Hour)
	}
}

// TestPartitionsWaitForNobody: while an export reads events, making a month
// would hold up every sign-in behind it.
func TestPartitionsWaitForNobody(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	later := time.Date(2041, 5, 17, 0, 0, 0, 0, time.UTC)
	made := `SELECT count(*) FROM pg_class WHERE relname IN ('events_2041_05', 'events_2041_06', 'events_2041_07', 'events_2041_08')`
	err := db.InTx(t.Context(), func(tx *pg.Tx) error {
		if _, err := tx.ExecContext(t.Context(), `LOCK TABLE events IN ACCESS SHARE MODE`); err != nil {
			return err
		}
		return migrations.Partitions(t.Context(), db.DB.DB, later)
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := count(t, db, made); n != 0 {
		t.Errorf("%d months were made beside a reader", n)
	}
	for range 2 { // again is harmless
		if err := migrations.Partitions(t.Context(), db.DB.DB, later); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(t, db, made); n != 4 {
		t.Errorf("%d months, want 4", n)
	}
}
