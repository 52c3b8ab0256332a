package metrics_test

import (
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"latchkey/internal/edge"
	"latchkey/internal/metrics"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// scrape gives what Prometheus would read.
func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func wants(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	if t.Failed() {
		t.Log(regexp.MustCompile(`(?m)^(#|go_|process_).*\n`).ReplaceAllString(text, ""))
	}
}

// worked is a process that has seen some of everything.
func worked(t *testing.T) (*metrics.Metrics, *pg.DB) {
	t.Helper()
	db := pgtest.New(t, pgtest.At("2026-01-02 03:04:05"))
	m := metrics.New("v1", db)
	m.Hashing(func() (int, int) { return 2, 5 })
	for _, o := range []edge.Observation{
		{Method: "POST", Route: "/api/v1/sign-ins", Status: 200, Code: "", Tried: "", Took: 30 * time.Millisecond},
		{Method: "POST", Route: "/api/v1/sign-ins", Status: 200, Code: "", Tried: "", Took: 30 * time.Millisecond},
		{Method: "POST", Route: "/sign-in", Status: 401, Code: "wrong_credentials", Tried: "", Took: 30 * time.Millisecond},
		{Method: "POST", Route: "/sign-in/code", Status: 422, Code: "wrong_code", Tried: "app", Took: 3 * time.Millisecond},
		{Method: "POST", Route: "/api/v1/sign-ins/current/verify", Status: 200, Code: "", Tried: "recovery_key", Took: 3 * time.Millisecond},
		{Method: "POST", Route: "/api/v1/sign-ins/current/verify", Status: 429, Code: "too_many_attempts", Tried: "email", Took: 3 * time.Millisecond},
		{Method: "GET", Route: "-", Status: 404, Code: "not_found", Tried: "", Took: time.Millisecond},
	} {
		m.Observe(o)
	}
	_, err := db.ExecContext(t.Context(), `
		INSERT INTO mails (id, kind, recipient, queue, sealed, state, due_at, created_at, expires_at, sent_at)
		VALUES (gen_random_uuid(), 'sign_in_code', 'ada@example.org', 'codes', '\x01', 'queued', $1, $1, $2, NULL),
		       (gen_random_uuid(), 'sign_in_code', 'eve@example.org', 'codes', NULL, 'sent', $1, $1, $2, $1),
		       (gen_random_uuid(), 'new_device', 'ada@example.org', 'notices', NULL, 'refused', $3, $3, $2, NULL)`,
		db.Now().Add(-90*time.Second), db.Now().Add(time.Minute), db.Now().Add(-2*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), `
		INSERT INTO events (at, action, actor_kind) VALUES ($1, 'frozen', 'anonymous')`, db.Now()); err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), `
		WITH one AS (
			INSERT INTO webhooks (id, url, kinds, secret, created_at)
			VALUES (gen_random_uuid(), 'https://hooks.example.com/', '{frozen}', '', $1) RETURNING id
		)
		INSERT INTO webhook_deliveries (webhook_id, event_id, event_at, kind, state, outcome, due_at, created_at, expires_at, ended_at)
		SELECT id, n, $1, 'frozen', v.state, v.outcome, v.due, $1, $1::timestamptz + interval '7 days', v.ended
		FROM one, (VALUES (1, 'queued', NULL, $1::timestamptz - interval '40 seconds', NULL),
			(2, 'queued', 'too_slow', $1::timestamptz + interval '2 hours', NULL),
			(3, 'failed', 'answered', $1, $1),
			(4, 'failed', 'answered', $1, $1::timestamptz - interval '2 hours')) AS v (n, state, outcome, due, ended)`, db.Now())
	if err != nil {
		t.Fatal(err)
	}
	return m, db
}

func TestRequestsAreCountedByOutcome(t *testing.T) {
	t.Parallel()
	m, _ := worked(t)
	wants(t, scrape(t, m),
		`latchkey_build_info{version="v1"} 1`,
		`latchkey_requests_total{method="POST",route="/api/v1/sign-ins",status="200"} 2`,
		`latchkey_requests_total{method="GET",route="-",status="404"} 1`,
		`latchkey_request_duration_seconds_count{method="POST",route="/api/v1/sign-ins"} 2`,
		`latchkey_sign_in_steps_total{outcome="ok",step="password"} 2`,
		`latchkey_sign_in_steps_total{outcome="wrong_credentials",step="password"} 1`,
		`latchkey_sign_in_steps_total{outcome="wrong_code",step="second_factor"} 1`,
		`latchkey_codes_total{method="app",outcome="wrong_code"} 1`,
		`latchkey_codes_total{method="recovery_key",outcome="ok"} 1`,
		`latchkey_refusals_total{code="too_many_attempts",route="/api/v1/sign-ins/current/verify"} 1`,
		`latchkey_password_hashes_running 2`, `latchkey_password_hashes_waiting 5`,
	)
}

func TestTheDatabaseIsReadAtEachScrape(t *testing.T) {
	t.Parallel()
	m, db := worked(t)
	text := scrape(t, m)
	wants(t, text,
		`latchkey_database_up 1`,
		`latchkey_mails_last_hour{kind="sign_in_code",state="queued"} 1`, `latchkey_mails_last_hour{kind="sign_in_code",state="sent"} 1`,
		`latchkey_mails_queued{queue="codes"} 1`, `latchkey_mails_queued{queue="notices"} 0`,
		`latchkey_mail_queue_age_seconds{queue="codes"} 90`, `latchkey_mail_queue_age_seconds{queue="notices"} 0`,
		`latchkey_webhook_deliveries_queued{outcome="none"} 1`, `latchkey_webhook_deliveries_queued{outcome="too_slow"} 1`,
		`latchkey_webhook_queue_age_seconds 40`, `latchkey_webhook_deliveries_last_hour{outcome="answered",state="failed"} 1`,
		`latchkey_events_last_hour{action="frozen"} 1`, `go_sql_max_open_connections{db_name="latchkey"} 20`)
	if strings.Contains(text, "@") || strings.Contains(text, "new_device") {
		t.Error("an address is shown, or a mail of long ago")
	}
	pgtest.ClockOf(db).Advance(time.Minute) // past its expiry the mail is of no use
	wants(t, scrape(t, m), `latchkey_mails_queued{queue="codes"} 0`, `latchkey_mail_queue_age_seconds{queue="codes"} 0`)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	text = scrape(t, m)
	wants(t, text, `latchkey_database_up 0`, `latchkey_sign_in_steps_total{outcome="ok",step="password"} 2`)
	if strings.Contains(text, "latchkey_mails_queued{") {
		t.Error("a queue is told of that could not be read")
	}
}

// TestCountingIsCheap: what was counted before is counted without allocating.
func TestCountingIsCheap(t *testing.T) {
	m, _ := worked(t)
	o := edge.Observation{Method: "POST", Route: "/sign-in/code", Status: 422, Code: "wrong_code", Tried: "app", Took: time.Millisecond}
	// One allocation is the key that sync.Map takes as an interface.
	if n := testing.AllocsPerRun(1000, func() { m.Observe(o) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	db, err := pg.Open("postgres://x@127.0.0.1:1/x", pg.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	m := metrics.New("v1", db)
	o := edge.Observation{Method: "POST", Route: "/sign-in/code", Status: 422, Code: "wrong_code", Tried: "app", Took: time.Millisecond}
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			m.Observe(o)
		}
	})
}
