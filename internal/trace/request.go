package trace

import (
	"context"
	"net/http"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	api "go.opentelemetry.io/otel/trace"
)

type requestKey struct{}

// WithRequest keeps the id of the request that all of ctx is done for.
func WithRequest(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

// Request is that id; empty: nobody asked.
func Request(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// Handler makes a span of each request but probes. A trace that the caller
// began is continued where the caller is trusted; anybody else's header is not
// looked at, so that nobody can join or fill a trace from outside.
func (t *Tracer) Handler(next http.Handler, trusted func(*http.Request) bool) http.Handler {
	if t == nil {
		return next
	}
	traced := otelhttp.NewHandler(next, "request",
		otelhttp.WithTracerProvider(t.provider), otelhttp.WithPropagators(propagation.NewCompositeTextMapPropagator()))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
			next.ServeHTTP(w, r)
			return
		}
		if trusted(r) {
			r = r.WithContext(w3c.Extract(r.Context(), propagation.HeaderCarrier(r.Header)))
		}
		traced.ServeHTTP(w, r)
	})
}

// Answered names the span of a request that is over: by its route's pattern,
// never by its path. code is of the problem that was answered, if any.
func Answered(ctx context.Context, method, route, id, code string) {
	span := api.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	span.SetName(method + " " + route)
	span.SetAttributes(attribute.String("http.route", route), attribute.String(RequestKey, id))
	if code != "" {
		span.SetAttributes(attribute.String("latchkey.problem", code))
	}
}
