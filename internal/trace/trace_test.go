package trace

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/XSAM/otelsql"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func TestWithoutACollectorThereIsNothing(t *testing.T) {
	t.Parallel()
	off, err := New(t.Context(), Options{})
	if off != nil || err != nil {
		t.Fatalf("%v, %v", off, err)
	}
	next := http.NewServeMux()
	if off.Handler(next, nil) != http.Handler(next) {
		t.Error("something stands before the handler")
	}
	inside := Continue(t.Context(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	if ctx, span := off.Start(inside, "x", Client); ctx != inside || span != (Span{}) {
		t.Error("a span was begun")
	} else {
		span.Note(MailKey, "x")
		span.End(true)
	}
	off.Close()
}

func TestATraceIsHandedOnAsItCame(t *testing.T) {
	t.Parallel()
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	if got := Parent(Continue(t.Context(), parent)); got != parent {
		t.Errorf("%s became %s", parent, got)
	}
	for _, bad := range []string{"", "x", "00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01", parent[:40]} {
		if got := Parent(Continue(t.Context(), bad)) + ID(Continue(t.Context(), bad)); got != "" {
			t.Errorf("%q became %q", bad, got)
		}
	}
}

// TestOnlyWhatIsListedLeaves: libraries note far more than anybody may see.
func TestOnlyWhatIsListedLeaves(t *testing.T) {
	t.Parallel()
	kept := tracetest.NewInMemoryExporter()
	provider := sdk.NewTracerProvider(sdk.WithSyncer(told{kept}))
	_, span := provider.Tracer("x").Start(t.Context(), "GET /reset")
	span.SetAttributes(attribute.String("url.path", "/reset/s3cret"), attribute.String("client.address", "s3cret"), attribute.String("http.route", "/reset/:token"))
	span.RecordError(errors.New("s3cret"))
	span.SetStatus(codes.Error, "s3cret")
	span.End()
	got := kept.GetSpans()[0]
	if len(got.Attributes) != 1 || got.Attributes[0].Key != "http.route" || len(got.Events) != 0 || got.Status.Code != codes.Error || got.Status.Description != "" {
		t.Errorf("told: %+v", got)
	}
}

func TestStatementsAreNamedByWhatTheyDo(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"\n\t\tUPDATE methods\n\t\tSET last_step = $2":                       "UPDATE methods",
		"INSERT INTO mails (id) VALUES ($1)":                                 "INSERT mails",
		"SELECT extract(epoch FROM $1) FROM guards WHERE id = $2 FOR UPDATE": "SELECT guards",
		"SELECT 1": "SELECT",
		"WITH due AS (SELECT id FROM mails FOR UPDATE SKIP LOCKED) UPDATE mails SET lease = $1 WHERE TRUE": "WITH mails",
		"INSERT INTO m VALUES (1) ON CONFLICT DO UPDATE SET a = 'x'":                                       "INSERT m",
	} {
		if got := statement(otelsql.MethodConnQuery, query); got != want {
			t.Errorf("%q is named %q, want %q", query, got, want)
		}
	}
	if got := statement(otelsql.MethodTxCommit, ""); got != "COMMIT" {
		t.Errorf("commit is named %q", got)
	}
}

// on is a tracer that exports to address, after which nobody looks.
func on(t testing.TB, address string) *Tracer {
	t.Helper()
	var log bytes.Buffer
	on, err := New(context.Background(), Options{Endpoint: address, Service: "test", Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(on.Close)
	return on
}

// answers is how long so many requests take.
func answers(h http.Handler, n int) time.Duration {
	began := time.Now()
	for range n {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "/sign-ins?x=y", strings.NewReader("{}")))
		_, _ = io.Copy(io.Discard, w.Body)
	}
	return time.Since(began)
}

// TestABadCollectorHoldsNobodyUp: one that takes connections and never answers
// is the worst there is. Far more spans are made than the queue holds.
func TestABadCollectorHoldsNobodyUp(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	good := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer good.Close()
	const n = 10_000
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {})
	nobody := func(*http.Request) bool { return false }
	stalled := on(t, "http://"+ln.Addr().String())
	healthy, ill := answers(on(t, good.URL).Handler(next, nobody), n), answers(stalled.Handler(next, nobody), n)
	t.Logf("%d requests: %v with a good collector, %v with a stalled one", n, healthy, ill)
	if ill > 5*healthy+time.Second {
		t.Error("requests wait for the collector")
	}
	began := time.Now()
	stalled.Close()
	if took := time.Since(began); took > 10*closing {
		t.Errorf("closing took %v", took)
	}
}

func BenchmarkRequest(b *testing.B) {
	next := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	var off *Tracer
	good := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer good.Close()
	for name, h := range map[string]http.Handler{
		"bare": next, "off": off.Handler(next, nil), "on": on(b, good.URL).Handler(next, func(*http.Request) bool { return false }),
	} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest("GET", "/x", nil)
			b.ReportAllocs()
			for b.Loop() {
				h.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
	}
}
