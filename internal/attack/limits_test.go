package attack_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// foreign posts an empty form with headers of somebody else's choice, and this
// browser's cookies.
func (b *browser) foreign(path string, headers M) page {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), "POST", site+path, strings.NewReader("password="+url.QueryEscape(newPassword)))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("X-Forwarded-For", b.from)
	for name, value := range headers {
		req.Header.Set(name, value.(string))
	}
	res, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // it has been read
	_, _ = io.Copy(io.Discard, res.Body)
	return page{Status: res.StatusCode, Header: res.Header}
}

// bigPassword: a body ends at 64 KiB, whatever is in it.
func bigPassword(t *scene) {
	ada := t.person()
	for _, size := range []int{64 << 10, 10 << 20} {
		huge := strings.Repeat("x", size)
		for path, body := range map[string]M{
			"/sign-ins": {"email": ada.email, "password": huge}, "/sign-ups": {"email": "big@example.net", "name": "X", "password": huge},
			"/password-resets/confirm": {"token": "x", "password": huge}, "/sign-ups ": {"email": "big@example.net", "name": huge, "password": newPassword},
		} {
			res, err := t.api().Bad().Try("POST", strings.TrimSpace(path), body)
			if err != nil && size > 1<<20 {
				continue // the server may hang up before all is sent
			} else if err != nil {
				t.Fatal(err)
			}
			res.WantProblem(400, "invalid_request")
			if field := res.Text("errors.0.field"); field != "body" {
				t.Errorf("%s, %d bytes: read up to %s", path, size, field)
			}
		}
		form := strings.NewReader(url.Values{"email": {ada.email}, "password": {huge}}.Encode())
		req, err := http.NewRequestWithContext(t.Context(), "POST", site+"/sign-in", form)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", site)
		res, err := t.browser().http.Do(req)
		if err == nil && res.StatusCode != http.StatusBadRequest || err != nil && size <= 1<<20 {
			t.Errorf("form of %d bytes: %+v, %v", size, res, err)
		}
		if err == nil {
			_ = res.Body.Close()
		}
	}
	// What fits a body and no password is no password either, at no price of one.
	t.signIn(t.api().Bad(), ada.email, strings.Repeat("x", 60_000)).WantProblem(401, "wrong_credentials")
	ada.start()
}

// manyCookies: headers end at 32 KiB; what is below costs nothing much.
func manyCookies(t *scene) {
	send := func(n int) (int, error) {
		req, err := http.NewRequestWithContext(t.Context(), "GET", t.base+"/sign-in", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = strings.TrimPrefix(site, "https://")
		req.Header.Set("Cookie", strings.Repeat("a=1; ", n))
		res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil {
			return 0, err
		}
		return res.StatusCode, res.Body.Close()
	}
	if status, err := send(5_000); status != http.StatusOK {
		t.Errorf("5,000 cookies: %d %v", status, err)
	}
	// The server may hang up before all is sent.
	if status, err := send(100_000); err == nil && status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("100,000 cookies: %d", status)
	}
	if status, err := send(1); status != http.StatusOK {
		t.Errorf("afterwards: %d %v", status, err)
	}
}

// slowClients opens a hundred connections that send a byte now and then, in
// their headers or their bodies. Others are served meanwhile, and the server
// ends them.
func slowClients(t *scene) {
	host := strings.TrimPrefix(t.base, "http://")
	head := "GET /sign-in HTTP/1.1\r\nHost: id.example.org\r\nX-Slow: "
	body := "POST /api/v1/sign-ins HTTP/1.1\r\nHost: id.example.org\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{"
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			conn, err := net.Dial("tcp", host)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close() //nolint:errcheck // it is over
			begins := []string{head, body}[i%2]
			_, _ = conn.Write([]byte(begins))
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_, _ = io.Copy(io.Discard, conn)
			}()
			limit := time.After(90 * time.Second)
			for {
				select {
				case <-ended:
					return
				case <-limit:
					t.Errorf("%q… is still heard after 90 seconds", begins[:20])
					return
				case <-time.After(500 * time.Millisecond):
					_, _ = conn.Write([]byte(" "))
				}
			}
		})
	}
	for range 5 {
		if p := t.browser().get("/sign-in"); p.Status != http.StatusOK {
			t.Errorf("meanwhile others get %d", p.Status)
		}
	}
	all.Wait()
}

// logInjection sends line breaks, escapes and a forged line wherever something
// reaches the log, and reads what two servers wrote: every line is one of
// theirs, of plain characters, and none holds the mark.
func logInjection(t *scene) {
	const mark = "FAKE"
	evil := []string{
		"\r\ntime=2026 level=INFO msg=" + mark, "\n{\"msg\":\"" + mark + "\"}", "\x1b[31m" + mark, "\x1b]0;" + mark + "\x07",
		"\u009b31m" + mark, "\u2028" + mark, "\" msg=" + mark + " x=\"",
	}
	for _, format := range []string{"json", "text"} {
		base, said := t.serveAloud(t.T, "LOG_LEVEL=debug", "LOG_FORMAT="+format)
		api := t.apiAt(base).Bad()
		for _, e := range evil {
			api.Post("/sign-ups", M{"email": e + "@example.net", "name": e, "password": e})
			api.Post("/sign-ins", M{"email": e, "password": e, "trusted_device": e})
			api.Post("/password-resets", M{"email": "a@b\r\n" + e})
			api.Post("/sign-ins", "{"+e)
			raw := url.PathEscape(e)
			for _, request := range []string{
				"GET /" + raw + "?" + raw + " HTTP/1.1\r\nHost: id.example.org\r\n",
				"GET /password-resets/" + raw + " HTTP/1.1\r\nHost: id.example.org\r\n",
				"GET /api/v1/me HTTP/1.1\r\nHost: " + clean(e) + "\r\n",
				"GET /sign-in HTTP/1.1\r\nHost: id.example.org\r\nX-Request-Id: " + clean(e) + "\r\n",
				"GET /sign-in HTTP/1.1\r\nHost: id.example.org\r\nUser-Agent: " + clean(e) + "\r\nX-Forwarded-For: " + clean(e) + "\r\n",
				clean(e) + " /sign-in HTTP/1.1\r\nHost: id.example.org\r\n",
				"GET /api/v1/me HTTP/1.1\r\nHost: id.example.org\r\nAuthorization: Bearer " + clean(e) + "\r\n",
			} {
				t.raw(base, request+"Connection: close\r\n\r\n")
			}
		}
		lines := strings.Split(strings.TrimSuffix(said.String(), "\n"), "\n")
		if len(lines) < len(evil) {
			t.Fatalf("only %d lines", len(lines))
		}
		for _, l := range lines {
			var one struct{ Msg string }
			ours := strings.HasPrefix(l, "time=") && strings.Contains(l, " msg=")
			if format == "json" {
				ours = json.Unmarshal([]byte(l), &one) == nil && one.Msg != ""
			}
			if !ours || strings.Contains(l, mark) || strings.ContainsFunc(l, func(r rune) bool { return r < ' ' || r >= 0x7f }) {
				t.Errorf("%s: a line that is not ours alone: %q", format, l)
			}
		}
	}
}

// clean takes out what would end a header, which only a whole one may do.
func clean(s string) string { return strings.NewReplacer("\r", "", "\n", "").Replace(s) }

// raw sends a request as it is, and waits for the end of the answer.
func (t *scene) raw(base, request string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // it is over
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := conn.Write([]byte(request)); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, bufio.NewReader(conn))
}
