package browser_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
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
	came    map[string]int // requests, answered or not, by method and path
	slow    *slow
}

// slow keeps the answer to a form that was done until the form comes again, as
// a slow network does: the browser gives the first one up.
type slow struct {
	form  string // method and path
	done  chan struct{}
	again chan struct{}
}

// slowly has the next answer to a form be late. done closes once the form was
// handled.
func (r *recorder) slowly(method, path string) (done <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.slow = &slow{method + " " + path, make(chan struct{}), make(chan struct{})}
	return r.slow.done
}

// turn tells whether a request is the one to be late, or the one after it.
func (r *recorder) turn(form string) (first, second *slow) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.came == nil {
		r.came = map[string]int{}
	}
	r.came[form]++
	if r.slow == nil || r.slow.form != form {
		return nil, nil
	}
	select {
	case <-r.slow.done:
		second, r.slow = r.slow, nil
		return nil, second
	default:
		return r.slow, nil
	}
}

type answer struct {
	Method, Path string
	Status       int
	Header       http.Header
	Body         string
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	keep := &keeper{ResponseWriter: w, status: http.StatusOK}
	first, second := r.turn(req.Method + " " + req.URL.Path)
	if second != nil {
		close(second.again)
	}
	if first == nil {
		r.next.ServeHTTP(keep, req)
	} else {
		// What is written to a recorder goes nowhere: the answer is lost.
		keep.ResponseWriter = httptest.NewRecorder()
		r.next.ServeHTTP(keep, req)
		close(first.done)
		select {
		case <-first.again:
		case <-req.Context().Done(): // the browser gave it up
		}
	}
	if first == nil && keep.status >= http.StatusInternalServerError && req.Context().Err() != nil {
		return // the browser left the page that asked, and was answered nothing
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers = append(r.answers, answer{
		Method: req.Method, Path: req.URL.Path, Status: keep.status, Header: keep.Header().Clone(), Body: keep.body.String(),
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
func (r *recorder) count(method, path string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.came[method+" "+path]
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
