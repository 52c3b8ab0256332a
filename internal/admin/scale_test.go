package admin

import (
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	"latchkey/internal/policy"
)

// With 100,000 users and a million events what admins look at answers within
// 100 ms at the median, and an export keeps memory flat. Seeding them takes a
// minute, so the ordinary run makes a twentieth; LATCHKEY_SCALE=1 makes all.
func TestAdminPagesAtScale(t *testing.T) {
	// A small run proves that the statements work; only a full one measures.
	scale, events, limit := strings.NewReplacer("1000000", "50000", "100000", "5000"), 50_000, 2*time.Second
	if os.Getenv("LATCHKEY_SCALE") != "" {
		scale, events, limit = strings.NewReplacer(), 1_000_000, 100*time.Millisecond
	}
	h := newHouse(t)
	ctx := t.Context()
	boss := h.session(h.user(account.Admin))
	for _, statement := range []string{
		`INSERT INTO users (id, email, email_verified_at, name, created_at)
		 SELECT ('01939c1e-8b2a-7c4e-9f31-' || lpad(to_hex(n), 12, '0'))::uuid, 'user' || n || '@example.org', $1::timestamptz, 'User ' || n, $1::timestamptz - n * interval '1 minute'
		 FROM generate_series(1, 100000) n`,
		`INSERT INTO guards (user_id, code_failures) SELECT id, CASE WHEN random() < 0.01 THEN array[$1::timestamptz - interval '2 days'] ELSE '{}' END FROM users WHERE name <> 'Ada'`,
		`INSERT INTO methods (id, user_id, kind, name, enabled_at) SELECT gen_random_uuid(), id, 'email', 'Email', $1::timestamptz FROM users WHERE random() < 0.6`,
		`INSERT INTO events (at, action, actor_kind, subject_id, device)
		 SELECT $1::timestamptz - n * interval '30 seconds', (array['signed_in', 'signed_in', 'confirmed', 'password_refused', 'method_on'])[1 + n % 5], 'user',
		        ('01939c1e-8b2a-7c4e-9f31-' || lpad(to_hex(1 + n % 100000), 12, '0'))::uuid, 'Firefox on Linux'
		 FROM generate_series(1000000, 1, -1) n`,
	} {
		tx, err := h.DB.Begin()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(`SET LOCAL statement_timeout = 0`); err != nil {
			t.Fatal(err)
		}
		_, err = tx.Exec(scale.Replace(statement), h.DB.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	// As autovacuum leaves it: without, the index on time covers nothing yet.
	if _, err := h.DB.ExecContext(ctx, `VACUUM ANALYZE`); err != nil {
		t.Fatal(err)
	}
	by := audit.Actor{}
	for name, f := range map[string]func() error{
		"list":       func() error { _, _, err := h.Users(ctx, by, boss, Search{}); return err },
		"search":     func() error { _, _, err := h.Users(ctx, by, boss, Search{Query: "user99999"}); return err },
		"no match":   func() error { _, _, err := h.Users(ctx, by, boss, Search{Query: "nobody at all"}); return err },
		"frozen":     func() error { _, _, err := h.Users(ctx, by, boss, Search{Filter: Frozen}); return err },
		"uncovered":  func() error { _, _, err := h.Users(ctx, by, boss, Search{Filter: NotCovered}); return err },
		"audit":      func() error { _, err := h.Events(ctx, by, boss, audit.Filter{}, 0, 50); return err },
		"by action":  func() error { _, err := h.Events(ctx, by, boss, audit.Filter{Action: "method_on"}, 0, 50); return err },
		"no action":  func() error { _, err := h.Events(ctx, by, boss, audit.Filter{Action: "flown"}, 0, 50); return err },
		"overview":   func() error { _, err := h.Coverage(ctx, by, boss); return err },
		"rehearsal*": func() error { _, err := h.Rehearse(ctx, by, boss, policy.Strict.Rules()); return err },
	} {
		var took []time.Duration
		for range 7 {
			start := time.Now()
			if err := f(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			took = append(took, time.Since(start))
		}
		slices.Sort(took)
		t.Logf("%-10s %6.1f ms at the median", name, float64(took[3].Microseconds())/1000)
		if took[3] > limit && name[len(name)-1] != '*' {
			t.Errorf("%s takes %s", name, took[3])
		}
	}
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	peak, n, start := uint64(0), 0, time.Now()
	err := h.ExportEvents(ctx, by, boss, audit.Filter{}, "jsonl", func(lines []audit.Line) error {
		if n += len(lines); n%10000 == 0 {
			runtime.ReadMemStats(&now)
			peak = max(peak, now.HeapAlloc)
		}
		_, err := io.Discard.Write(lines[0].Data)
		return err
	})
	if err != nil || n < events {
		t.Fatalf("%d, %v", n, err)
	}
	t.Logf("export of %d events in %s, heap %d MiB before, %d at most", n, time.Since(start), before.HeapAlloc>>20, peak>>20)
	if peak > before.HeapAlloc+64<<20 {
		t.Error("memory is not flat")
	}
}
