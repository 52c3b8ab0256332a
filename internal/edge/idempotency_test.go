package edge_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/internal/edge"
	"latchkey/internal/fault"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
	"latchkey/internal/seal"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

type order struct {
	Do string `json:"do"`
}

// counted runs what the body says and counts how often it did.
func counted(t *testing.T) (*house, *pg.DB, *atomic.Int64, chan struct{}) {
	raw, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.Load(raw)
	if err != nil {
		t.Fatal(err)
	}
	db := pgtest.New(t, pgtest.At("2026-01-02 03:04:05"))
	h, runs, hold := newHouse(t, nil), &atomic.Int64{}, make(chan struct{})
	v1 := h.Engine.Group("/api/v1", edge.Idempotent(edge.Keys{DB: db}, keys.Tokens))
	v1.POST("/things/:id", edge.JSON(201, func(_ context.Context, c *edge.Call, o order) (map[string]any, error) {
		n := runs.Add(1)
		switch o.Do {
		case "wait":
			<-hold
		case "panic":
			panic("boom")
		case "wrong":
			return nil, fault.New(fault.Refused, fault.WrongCode).Left(2)
		case "confirm":
			return nil, fault.New(fault.Forbidden, fault.ConfirmationRequired)
		case "down":
			return nil, context.DeadlineExceeded
		case "mark":
			c.Secret()
		case "forget":
			return map[string]any{"deep": map[string]any{"session_token": "lks_s3cret"}}, nil
		}
		return map[string]any{"run": n}, nil
	}))
	v1.DELETE("/things/:id", edge.End(func(context.Context, *edge.Call) error { runs.Add(1); return nil }))
	return h, db, runs, hold
}

const bearer = "Bearer lks_abcdefghijklmnopqrstuvwxyz0123456789"

func (h *house) send(body, key, auth string) *httptest.ResponseRecorder {
	return h.ask("POST", "/api/v1/things/1", body, "Idempotency-Key", key, "Authorization", auth)
}

func TestARepeatGetsTheFirstAnswer(t *testing.T) {
	t.Parallel()
	h, db, runs, _ := counted(t)
	first := h.send(`{"do":"it"}`, "k1", bearer)
	again := h.send(`{"do":"it"}`, "k1", bearer)
	if first.Code != 201 || again.Code != 201 || !bytes.Equal(first.Body.Bytes(), again.Body.Bytes()) || again.Header().Get("Content-Type") != "application/json" || runs.Load() != 1 {
		t.Fatalf("%d %s, %d %s, %d runs", first.Code, first.Body, again.Code, again.Body, runs.Load())
	}
	other := h.send(`{"do":"else"}`, "k1", bearer)
	if p := problemOf(t, other); other.Code != 409 || p.Code != "conflict" || !strings.Contains(p.Detail, "different request") {
		t.Errorf("another body: %s", other.Body)
	}
	if w := h.ask("POST", "/api/v1/things/2", `{"do":"it"}`, "Idempotency-Key", "k1", "Authorization", bearer); w.Code != 409 {
		t.Errorf("another thing: %d", w.Code)
	}
	// Another key, another bearer, no bearer, no key: other requests.
	h.send(`{"do":"it"}`, "k2", bearer)
	h.send(`{"do":"it"}`, "k1", bearer+"x")
	h.send(`{"do":"it"}`, "k1", "")
	h.send(`{"do":"it"}`, "", bearer)
	if runs.Load() != 5 {
		t.Errorf("%d runs, want 5", runs.Load())
	}
	// A refused repeat must not have changed what is kept.
	if w := h.send(`{"do":"it"}`, "k1", bearer); w.Code != 201 {
		t.Errorf("%d", w.Code)
	}
	pgtest.ClockOf(db).Advance(24*time.Hour + time.Second)
	h.send(`{"do":"it"}`, "k1", bearer)
	if runs.Load() != 6 {
		t.Errorf("%d runs: a key lives 24 h", runs.Load())
	}
	pgtest.ClockOf(db).Advance(23 * time.Hour)
	if n, err := (edge.Keys{DB: db}).Sweep(t.Context()); err != nil || n != 2 {
		t.Errorf("swept %d, %v", n, err)
	}
}

func TestOnlyJudgedAnswersAreKept(t *testing.T) {
	t.Parallel()
	h, _, runs, _ := counted(t)
	for _, tc := range []struct {
		do            string
		first, second int
		runs          int64
	}{
		{"wrong", 422, 422, 1},   // charged once
		{"confirm", 403, 403, 2}, // to be repeated after the confirmation
		{"down", 503, 409, 1},    // nobody knows
		{"panic", 500, 409, 1},
		{"mark", 201, 409, 1},
		{"forget", 201, 409, 1},
	} {
		runs.Store(0)
		body := `{"do":"` + tc.do + `"}`
		a, b := h.send(body, tc.do, bearer), h.send(body, tc.do, bearer)
		if a.Code != tc.first || b.Code != tc.second || runs.Load() != tc.runs {
			t.Errorf("%s: %d, %d %s, %d runs", tc.do, a.Code, b.Code, b.Body, runs.Load())
		}
	}
	if w := h.send(`{"x":1}`, "bad", bearer); w.Code != 400 {
		t.Errorf("%d", w.Code)
	}
	if w := h.send(`{"do":"it"}`, "bad", bearer); w.Code != 201 {
		t.Errorf("a request that was not understood used up its key: %d %s", w.Code, w.Body)
	}
}

func TestAnEmptyAnswerIsRepeatedEmpty(t *testing.T) {
	t.Parallel()
	h, _, runs, _ := counted(t)
	for range 2 {
		w := h.ask("DELETE", "/api/v1/things/1", "", "Idempotency-Key", "d", "Authorization", bearer)
		if w.Code != 204 || w.Body.Len() != 0 {
			t.Errorf("%d %q", w.Code, w.Body)
		}
	}
	if runs.Load() != 1 {
		t.Errorf("%d runs", runs.Load())
	}
}

func TestOfManyRepeatsAtOnceOneRuns(t *testing.T) {
	t.Parallel()
	h, _, runs, hold := counted(t)
	var ran, conflicts atomic.Int64
	release := sync.OnceFunc(func() { close(hold) })
	late := time.AfterFunc(20*time.Second, release) // broken: fail, don't hang
	defer late.Stop()
	var wg sync.WaitGroup
	for range 24 {
		wg.Go(func() {
			switch w := h.send(`{"do":"wait"}`, "race", bearer); w.Code {
			case http.StatusCreated:
				ran.Add(1)
			case http.StatusConflict:
				if conflicts.Add(1) == 23 {
					release() // all others have been told off while it ran
				}
			}
		})
	}
	wg.Wait()
	if runs.Load() != 1 || ran.Load() != 1 || conflicts.Load() != 23 {
		t.Errorf("%d runs, %d won, %d conflicts", runs.Load(), ran.Load(), conflicts.Load())
	}
}

func TestIdempotencyKeysHoldNoSecrets(t *testing.T) {
	t.Parallel()
	h, db, _, _ := counted(t)
	h.send(`{"do":"forget"}`, "s3cret-key", bearer)
	h.send(`{"do":"mark"}`, "k", bearer)
	var dump string
	if err := db.QueryRow(`SELECT string_agg(k::text || encode(digest, 'escape') || encode(request, 'escape') || coalesce(encode(answer, 'escape'), ''), ' ') FROM idempotency_keys k`).Scan(&dump); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"s3cret", "abcdefghijklmnop", "forget"} {
		if strings.Contains(dump, secret) {
			t.Errorf("%q lies in the table: %s", secret, dump)
		}
	}
}

func TestAKeyIsAShortVisibleWord(t *testing.T) {
	t.Parallel()
	h, _, runs, _ := counted(t)
	for _, key := range []string{"a b", strings.Repeat("k", 256), "schlüssel", "a\tb"} {
		if w := h.send(`{"do":"it"}`, key, bearer); w.Code != 400 || problemOf(t, w).Errors[0].Field != "Idempotency-Key" {
			t.Errorf("%q: %d %s", key, w.Code, w.Body)
		}
	}
	if runs.Load() != 0 {
		t.Errorf("%d runs", runs.Load())
	}
}
