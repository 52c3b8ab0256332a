package edge

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"latchkey/internal/trace"
)

// begin names the request and, when it is over, writes its one log line: the
// route's pattern and never the path, the query, a header or a body, since
// any of them may hold a code or a token.
func (e *Edge) begin(c *gin.Context) {
	began := time.Now()
	s := &state{edge: e, id: requestID(c.Request), method: c.Request.Method, addr: e.clientAddr(c.Request)}
	if m, ok := c.Request.Context().Value(methodKey{}).(string); ok {
		s.method = m
	}
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce) // never fails
	s.nonce = base64.RawURLEncoding.EncodeToString(nonce)
	c.Set(stateKey{}, s)
	c.Header("X-Request-Id", s.id)
	c.Next()
	route := c.FullPath()
	if route == "" {
		route = "-" // a path that matches nothing may hold anything
	}
	took := time.Since(began)
	if e.o.Observe != nil {
		e.o.Observe(Observation{methodName(s.method), route, c.Writer.Status(), s.code, s.tried, took})
	}
	attrs := []slog.Attr{
		slog.String("method", methodName(s.method)), slog.String("route", route),
		slog.Int("status", c.Writer.Status()), slog.Int64("ms", took.Milliseconds()),
		slog.String("request_id", s.id),
	}
	if s.code != "" {
		attrs = append(attrs, slog.String("code", s.code))
	}
	if e.o.Trace != nil {
		trace.Answered(c.Request.Context(), methodName(s.method), route, s.id, s.code)
		attrs = append(attrs, slog.String("trace_id", trace.ID(c.Request.Context())))
	}
	e.o.Log.LogAttrs(c.Request.Context(), slog.LevelInfo, "request", attrs...)
}

// RequestID is the id of this request, as it stands in the log.
func RequestID(c *gin.Context) string { return stateOf(c).id }

// requestID takes over the id of a proxy in front when it is a short plain
// word, so that a log can't be written into; and never one that looks like a
// bearer token, since ids are logged.
func requestID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	if len(id) < 1 || len(id) > 64 || strings.HasPrefix(id, "lk") {
		return rand.Text()
	}
	for _, b := range []byte(id) {
		if !wordByte(b) && b != '.' {
			return rand.Text()
		}
	}
	return id
}

func wordByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-' || b == '_'
}

// methodName keeps invented methods out of the log.
func methodName(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

// recover answers 500 for a panic and logs its stack. gin's own would print
// the request's headers, and with them its cookies and keys.
func (e *Edge) recover(c *gin.Context) {
	defer func() {
		what := recover()
		if what == nil {
			return
		}
		if err, ok := what.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(what) // the server's own way to drop a connection
		}
		e.o.Log.LogAttrs(c.Request.Context(), slog.LevelError, "panic",
			slog.String("request_id", stateOf(c).id), slog.String("route", c.FullPath()),
			slog.Any("panic", what), slog.String("stack", string(debug.Stack())))
		c.Abort()
		if !c.Writer.Written() {
			draw(c, internal(c))
		}
	}()
	c.Next()
}
