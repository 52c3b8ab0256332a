package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// startServer serves h until the returned function is called, which then
// gives what serveUntil returned.
func startServer(t *testing.T, h http.Handler, notice time.Duration) (addr string, end context.CancelFunc, ended <-chan error) {
	t.Helper()
	ln, err := listen("LISTEN", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	done := make(chan error, 1)
	go func() { done <- serveUntil(ctx, ln, h, slog.New(slog.DiscardHandler), notice) }()
	return ln.Addr().String(), cancel, done
}

func TestDrainingFinishesWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	began, release := make(chan struct{}), make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		close(began)
		<-release
		_, _ = io.WriteString(w, "done")
	})
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "ready") })
	// As long as a test of a busy machine may be without its turn in between.
	addr, end, ended := startServer(t, mux, 3*time.Second)

	slow := make(chan string, 1)
	go func() { _, body := get(t, "http://"+addr+"/slow"); slow <- body }()
	<-began
	if code, _ := get(t, "http://"+addr+"/readyz"); code != 200 {
		t.Fatalf("ready answers %d before draining", code)
	}
	end()
	waitFor(t, func() bool { code, _ := get(t, "http://"+addr+"/readyz"); return code == 503 })
	close(release)
	if body := <-slow; body != "done" {
		t.Errorf("the request under way got %q", body)
	}
	if err := <-ended; err != nil {
		t.Errorf("serveUntil = %v", err)
	}
	if c, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
		c.Close()
		t.Error("the address is still open")
	}
}

func TestHugeHeadersAreRefused(t *testing.T) {
	t.Parallel()
	addr, _, _ := startServer(t, http.NotFoundHandler(), 0)
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go func() {
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nCookie: "+strings.Repeat("a", 100_000)+"\r\n\r\n")
	}()
	answer := make([]byte, 12)
	if _, err := io.ReadFull(c, answer); err != nil || string(answer) != "HTTP/1.1 431" {
		t.Errorf("answer %q, err %v", answer, err)
	}
}

func TestTakenPortSaysWhatToDo(t *testing.T) {
	t.Parallel()
	ln, err := listen("LISTEN", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if _, err := listen("LISTEN", ln.Addr().String()); err == nil || !strings.Contains(err.Error(), "set LISTEN") {
		t.Errorf("err = %v", err)
	}
}

func TestHealthcheckAsksTheServer(t *testing.T) {
	noSettings(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "no database", http.StatusServiceUnavailable)
	})
	addr, _, _ := startServer(t, mux, 0)
	_, port, _ := net.SplitHostPort(addr)
	if code, _, errs := call(t, "healthcheck", "--listen", ":"+port); code != 0 {
		t.Errorf("code %d, %q", code, errs)
	}
	if code, _, errs := call(t, "healthcheck", "--ready", "--listen", "0.0.0.0:"+port); code != exitFailed || !strings.Contains(errs, "no database") {
		t.Errorf("code %d, %q", code, errs)
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	var b bytes.Buffer
	_, _ = b.ReadFrom(res.Body)
	return res.StatusCode, b.String()
}

func waitFor(t *testing.T, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatal("it never came to be")
}
