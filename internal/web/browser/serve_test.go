package browser_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// serve answers / with a page of the test's own making.
func serve(t testing.TB, page, csp string) (base string) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
		case "/favicon.ico": // asked for by the browser itself, at a time of its own
			w.WriteHeader(http.StatusNoContent)
			return
		default:
			http.NotFound(w, r)
			return
		}
		if csp != "" {
			w.Header().Set("Content-Security-Policy", csp)
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, page) //nolint:errcheck // the reader went away
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}
