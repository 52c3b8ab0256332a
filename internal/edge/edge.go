// Package edge is what every request passes, whichever front it is for: the
// request id and its one log line, limits, the host and origin checks,
// security headers, the client's address, and the one place where an error
// becomes an answer.
//
// A front registers its routes on Engine and serves Handler:
//
//	e, err := edge.New(edge.Options{…})
//	v1 := e.Engine.Group("/api/v1")
//	v1.POST("/sign-ins", edge.JSON(http.StatusOK, a.signIn))
//	edge.Server(e.Handler()).Serve(listener)
package edge

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"latchkey/internal/audit"
	"latchkey/internal/text"
	"latchkey/internal/trace"
)

// Limits of every request; headers are counted by the server itself.
const (
	MaxBody     = 64 << 10
	maxHeaders  = 32 << 10
	requestTime = 10 * time.Second // a backstop: statements have a limit of their own
)

// Options say where the service is reached and how it speaks.
type Options struct {
	BaseURL        *url.URL
	Dev            bool // localhost and 127.0.0.1 are both this service
	TrustedProxies []netip.Prefix
	Words          *text.Catalogue
	Log            *slog.Logger // default slog.Default()
	Timeout        time.Duration

	// Observe is told of every request when it is over; nil: nobody counts. It
	// runs on the request's path and must not wait for anything.
	Observe func(Observation)

	// Trace makes a span of each request; nil: nobody traces.
	Trace *trace.Tracer

	// Page draws a failure as a page; nil leaves it to a bare one. Failures
	// under /api are problem documents always.
	Page func(*gin.Context, Answer)
}

// Edge is the engine with everything in front of its routes.
type Edge struct {
	Engine *gin.Engine

	o      Options
	hosts  map[string]bool
	origin *http.CrossOriginProtection
}

// state is what one request carries from here to its answer.
type state struct {
	edge   *Edge
	id     string
	method string // as it came: a HEAD is routed as a GET
	nonce  string
	addr   netip.Addr
	actor  audit.Actor
	code   string // of the problem that was answered, for the log line
	secret bool   // the answer must not be kept
	tried  string // method of the code that was judged, for who counts
}

type stateKey struct{}

func stateOf(c *gin.Context) *state { return c.MustGet(stateKey{}).(*state) }

// gin's mode is a global of the library; it only silences its printing.
var quiet = sync.OnceFunc(func() { gin.SetMode(gin.ReleaseMode) })

// New makes an engine that has no routes yet.
func New(o Options) (*Edge, error) {
	if o.BaseURL == nil || o.BaseURL.Host == "" {
		return nil, errors.New("edge: BASE_URL has no host")
	}
	if o.Words == nil {
		return nil, errors.New("edge: no words")
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Timeout == 0 {
		o.Timeout = requestTime
	}
	quiet()
	e := &Edge{Engine: gin.New(), o: o}
	e.hosts = acceptedHosts(o.BaseURL, o.Dev)
	var err error
	if e.origin, err = originCheck(o.BaseURL, o.Dev); err != nil {
		return nil, err
	}
	// Every path has one spelling. A redirect to another one, or a second
	// spelling that matches, is how second-step checks have been walked around.
	e.Engine.RedirectTrailingSlash = false
	e.Engine.RedirectFixedPath = false
	e.Engine.RemoveExtraSlash = false
	e.Engine.UseRawPath = false
	e.Engine.HandleMethodNotAllowed = false
	// The client's address is read by this package: gin would trust everyone.
	e.Engine.ForwardedByClientIP = false
	if err := e.Engine.SetTrustedProxies(nil); err != nil {
		return nil, err
	}
	e.Engine.Use(e.begin, e.recover, e.limit, headers, canonical, e.checkHost, e.checkOrigin)
	e.Engine.NoRoute(func(c *gin.Context) { Fail(c, errAbsent) })
	return e, nil
}

// Handler is the engine as the server calls it. HEAD is routed as GET, so it
// has the same checks and headers; net/http leaves the body out.
func (e *Edge) Handler() http.Handler {
	plain := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := context.WithValue(r.Context(), methodKey{}, r.Method)
		r = r.WithContext(ctx)
		if r.Method == http.MethodHead {
			r.Method = http.MethodGet
		}
		e.Engine.ServeHTTP(w, r)
	})
	return e.o.Trace.Handler(plain, e.fromTrusted)
}

// methodKey keeps the method as it came, for the log.
type methodKey struct{}

// limit bounds the body and the time of a request, and lets what is done for
// it know its id.
func (e *Edge) limit(c *gin.Context) {
	ctx, cancel := context.WithTimeout(trace.WithRequest(c.Request.Context(), stateOf(c).id), e.o.Timeout)
	defer cancel()
	c.Request = c.Request.WithContext(ctx)
	if c.Request.Body != nil {
		c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, MaxBody)
	}
	c.Next()
}

// Server has the time limits that keep slow clients from holding connections.
func Server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      15 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    maxHeaders,
	}
}

// Routes lists what is registered, as "METHOD /path/:id".
func (e *Edge) Routes() []string {
	var out []string
	for _, r := range e.Engine.Routes() {
		out = append(out, r.Method+" "+r.Path)
	}
	return out
}
