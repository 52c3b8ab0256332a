package trace

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// Keys of what we note ourselves.
const (
	RequestKey = "latchkey.request_id"
	MailKey    = "latchkey.mail"
	KindKey    = "latchkey.mail.kind"
	WebhookKey = "latchkey.webhook"
	OutcomeKey = "latchkey.outcome"
)

// toldKeys are all attributes that leave the process. The libraries also note paths,
// addresses and browsers of callers, and whole messages of errors.
var toldKeys = []attribute.Key{
	"http.request.method", "http.response.status_code", "http.route", "url.scheme", "db.system.name", "error.type",
	RequestKey, MailKey, KindKey, WebhookKey, OutcomeKey, "latchkey.problem",
}

// told hands spans on with what is in the list, and nothing else: no events,
// which quote errors, and no words beside a status.
type told struct{ sdk.SpanExporter }

// ExportSpans runs beside the requests, in the batch's own goroutine.
func (t told) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	plain := make([]sdk.ReadOnlySpan, len(spans))
	for i, s := range spans {
		plain[i] = plainSpan{s}
	}
	return t.SpanExporter.ExportSpans(ctx, plain)
}

type plainSpan struct{ sdk.ReadOnlySpan }

// Attributes are those in the list.
func (s plainSpan) Attributes() []attribute.KeyValue {
	return slices.DeleteFunc(slices.Clone(s.ReadOnlySpan.Attributes()), func(kv attribute.KeyValue) bool {
		return !slices.Contains(toldKeys, kv.Key)
	})
}

// Events are left out: they quote errors.
func (s plainSpan) Events() []sdk.Event { return nil }

// Status says failed or not.
func (s plainSpan) Status() sdk.Status { return sdk.Status{Code: s.ReadOnlySpan.Status().Code} }

// complaints logs what the library complains of, once a minute at most: a
// collector that is gone stays gone for a while.
type complaints struct {
	log  *slog.Logger
	mu   sync.Mutex
	last time.Time
}

// Handle is called by the library, beside the requests.
func (c *complaints) Handle(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.last) < time.Minute {
		return
	}
	c.last = time.Now()
	c.log.Warn("traces are lost", "reason", err.Error())
}
