// Package trace follows one request through the processes it passes: by its
// id, always, and by the spans of OpenTelemetry where a collector is
// configured.
//
// A span says which of our routes, statements and mails took how long. What
// may leave the process is one short list (see told): no address, path, query
// or message of an error is in it. The nil Tracer traces nothing and costs
// nothing. It is the only package that imports OpenTelemetry.
package trace

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"
)

// closing bounds how long an ending process waits for its collector.
const closing = 2 * time.Second

// Options are those of one process. What else OTEL_* variables say (sampler,
// headers, limits of the queue) the library reads by itself.
type Options struct {
	Endpoint string // URL that takes traces by OTLP over HTTP; empty: no traces
	Service  string // name of the process, unless OTEL_SERVICE_NAME says another
	Version  string
	Log      *slog.Logger
}

// Tracer makes the spans of one process. The nil Tracer makes none.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   api.Tracer
}

// New makes a tracer, or none where no endpoint is given. Spans go out in
// batches beside the requests, from a queue of 2048: a collector that is slow
// or gone costs spans and nothing else.
func New(ctx context.Context, o Options) (*Tracer, error) {
	if o.Endpoint == "" {
		return nil, nil
	}
	// The library's own logger quotes headers that it can't read, keys included.
	otel.SetLogger(logr.Discard())
	otel.SetErrorHandler(&complaints{log: o.Log})
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(o.Endpoint))
	if err != nil {
		return nil, fmt.Errorf("make trace exporter: %w", err)
	}
	about, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", o.Service), attribute.String("service.version", o.Version)),
		resource.WithFromEnv()) // last, so that it wins
	if err != nil {
		return nil, fmt.Errorf("read OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	provider := sdk.NewTracerProvider(sdk.WithBatcher(told{exporter}), sdk.WithResource(about))
	return &Tracer{provider, provider.Tracer("latchkey", api.WithInstrumentationVersion(o.Version))}, nil
}

// Close sends what is left, for two seconds at most.
func (t *Tracer) Close() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // spans may be lost
}

// w3c is the one format in which a trace is handed on.
var w3c propagation.TraceContext

const header = "traceparent" // W3C Trace Context §3.2

// Parent is the trace that ctx belongs to, to be kept in a row or a task:
// 00-<trace>-<span>-<flags>, 55 characters. Empty: none.
func Parent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	w3c.Inject(ctx, carrier)
	return carrier[header]
}

// Continue makes ctx a part of the trace that Parent gave.
func Continue(ctx context.Context, parent string) context.Context {
	if parent == "" {
		return ctx
	}
	return w3c.Extract(ctx, propagation.MapCarrier{header: parent})
}

// ID is the trace's id, for log lines; empty: none.
func ID(ctx context.Context) string {
	if id := api.SpanContextFromContext(ctx).TraceID(); id.IsValid() {
		return id.String()
	}
	return ""
}

// Kind is the part that a span plays between two processes.
type Kind = api.SpanKind

const (
	Producer = api.SpanKindProducer // queues work
	Consumer = api.SpanKindConsumer // does queued work
	Client   = api.SpanKindClient   // waits for another server
)

// Span is one piece of work. The zero Span notes nothing.
type Span struct{ span api.Span }

// Start begins a span inside the trace of ctx; outside of one there is none,
// so that what runs by itself every second fills no collector.
func (t *Tracer) Start(ctx context.Context, name string, kind Kind) (context.Context, Span) {
	if t == nil || !api.SpanContextFromContext(ctx).IsValid() {
		return ctx, Span{}
	}
	ctx, span := t.tracer.Start(ctx, name, api.WithSpanKind(kind))
	return ctx, Span{span}
}

// Note adds something known of the work, under a key that told lets out.
func (s Span) Note(key, value string) {
	if s.span != nil {
		s.span.SetAttributes(attribute.String(key, value))
	}
}

// End ends the span; failed marks it.
func (s Span) End(failed bool) {
	if s.span == nil {
		return
	}
	if failed {
		s.span.SetStatus(codes.Error, "")
	}
	s.span.End()
}
