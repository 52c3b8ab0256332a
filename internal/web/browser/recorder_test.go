package browser_test

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// recorder keeps every answer of the server, redirects and downloads too: what
// a browser shows is less than what it was sent.
type recorder struct {
	next http.Handler

	mu      sync.Mutex
	answers []answer
}

type answer struct {
	Method, Path string
	Status       int
	Header       http.Header
	Body         string
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	keep := &keeper{ResponseWriter: w, status: http.StatusOK}
	r.next.ServeHTTP(keep, req)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers = append(r.answers, answer{
		Method: req.Method, Path: req.URL.Path, Status: keep.status, Header: w.Header().Clone(), Body: keep.body.String(),
	})
}

type keeper struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (k *keeper) WriteHeader(status int) {
	k.status = status
	k.ResponseWriter.WriteHeader(status)
}

func (k *keeper) Write(p []byte) (int, error) {
	k.body.Write(p)
	return k.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (k *keeper) Unwrap() http.ResponseWriter { return k.ResponseWriter }

// all gives the answers so far, without those that are the same for everybody.
func (r *recorder) all() []answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []answer
	for _, a := range r.answers {
		if !strings.HasPrefix(a.Path, "/static/") {
			out = append(out, a)
		}
	}
	return out
}

// count tells how often a form was received.
func (r *recorder) count(method, path string) (n int) {
	for _, a := range r.all() {
		if a.Method == method && a.Path == path {
			n++
		}
	}
	return n
}

// wantHeaders holds every answer to what browsers are to be told.
func (r *recorder) wantHeaders(t testing.TB) {
	t.Helper()
	for _, a := range r.all() {
		for _, wrong := range headerFaults(a) {
			t.Errorf("%s %s (%d): %s", a.Method, a.Path, a.Status, wrong)
		}
	}
}

func headerFaults(a answer) (wrong []string) {
	csp := a.Header.Get("Content-Security-Policy")
	for _, part := range []string{
		"default-src 'none'", "script-src 'nonce-", "style-src 'self'", "form-action 'self'",
		"frame-ancestors 'none'", "base-uri 'none'",
	} {
		if !strings.Contains(csp, part) {
			wrong = append(wrong, "Content-Security-Policy lacks "+part)
		}
	}
	if strings.Contains(csp, "unsafe-") {
		wrong = append(wrong, "Content-Security-Policy is unsafe: "+csp)
	}
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
		"Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
	} {
		if got := a.Header.Get(name); got != want {
			wrong = append(wrong, name+" is "+got+", not "+want)
		}
	}
	if a.Header.Get("Access-Control-Allow-Origin") != "" {
		wrong = append(wrong, "it speaks to other origins")
	}
	if a.Status >= 500 {
		wrong = append(wrong, "the server failed")
	}
	return wrong
}
