package webhook_test

import (
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"latchkey/internal/fault"
	"latchkey/internal/pg/pgtest"
	"latchkey/internal/webhook"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

var loopback = netip.MustParsePrefix("127.0.0.1/32")

// post sends one message to a receiver, and waits as long as a busy machine may
// take.
func post(t *testing.T, p *webhook.Poster, to string) webhook.Result {
	t.Helper()
	return postWithin(t, time.Minute, p, to)
}

func postWithin(t *testing.T, d time.Duration, p *webhook.Poster, to string) webhook.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	return p.Post(ctx, to, [][]byte{[]byte("key")}, "evt_1", time.Now(), []byte(`{}`))
}

func receiver(t *testing.T, f http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL
}

// stall answers nothing until the sender hangs up, which a server learns of once
// it has read the body.
func stall(r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func TestHowAReceiverCanAnswer(t *testing.T) {
	t.Parallel()
	p := webhook.NewPoster(webhook.NewReach([]netip.Prefix{loopback}), nil)
	var followed atomic.Int32
	elsewhere := receiver(t, func(http.ResponseWriter, *http.Request) { followed.Add(1) })
	for _, c := range []struct {
		name    string
		f       http.HandlerFunc
		outcome webhook.Outcome
		status  int
		answer  string
	}{
		{"takes it", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, webhook.Accepted, 204, ""},
		{"fails", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no room", 500) }, webhook.Answered, 500, "no room\n"},
		{"is gone", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(410) }, webhook.Answered, 410, ""},
		{"redirects", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
		}, webhook.Redirected, 307, elsewhere},
		{"redirects for good", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere, http.StatusMovedPermanently)
		}, webhook.Redirected, 301, elsewhere},
		{"stalls", func(_ http.ResponseWriter, r *http.Request) { stall(r) }, webhook.TooSlow, 0, "context deadline exceeded"},
		{"hangs up", func(w http.ResponseWriter, _ *http.Request) {
			c, _, _ := w.(http.Hijacker).Hijack()
			_ = c.Close()
		}, webhook.Broken, 0, "EOF"},
		{"talks slowly", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(500)
			_, _ = io.WriteString(w, "first")
			_ = http.NewResponseController(w).Flush()
			stall(r)
		}, webhook.Answered, 500, "first"},
		{"takes it, then talks slowly", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(200)
			_ = http.NewResponseController(w).Flush()
			stall(r)
		}, webhook.Accepted, 200, ""},
		{"talks too much", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(503)
			for range 10 << 10 {
				if _, err := w.Write(bytes.Repeat([]byte("x"), 1<<10)); err != nil {
					return
				}
			}
		}, webhook.Answered, 503, strings.Repeat("x", 4<<10)},
		{"has huge headers", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Much", strings.Repeat("x", 64<<10))
		}, webhook.Broken, 0, "net/http: HTTP/1.x transport connection broken: net/http: server response headers exceeded 16384 bytes; aborted"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			limit := time.Minute
			if c.name == "stalls" || strings.HasSuffix(c.name, "slowly") {
				limit = 3 * time.Second
			}
			r := postWithin(t, limit, p, receiver(t, c.f))
			if r.Outcome != c.outcome || r.Status != c.status || r.Answer != c.answer {
				t.Errorf("%s %d %.80q, want %s %d %.80q", r.Outcome, r.Status, r.Answer, c.outcome, c.status, c.answer)
			}
		})
	}
	t.Cleanup(func() {
		if followed.Load() != 0 {
			t.Errorf("%d redirects were followed", followed.Load())
		}
	})
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	to := "http://" + l.Addr().String()
	_ = l.Close()
	if r := post(t, webhook.NewPoster(webhook.NewReach([]netip.Prefix{loopback}), nil), to); r.Outcome != webhook.Broken || r.Answer == "" {
		t.Errorf("%+v", r)
	}
}

func TestACertificateIsChecked(t *testing.T) {
	t.Parallel()
	var came atomic.Bool
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { came.Store(true) }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	r := post(t, webhook.NewPoster(webhook.NewReach([]netip.Prefix{loopback}), nil), s.URL)
	if r.Outcome != webhook.BadTLS || came.Load() {
		t.Errorf("%+v, came %t", r, came.Load())
	}
	plain := receiver(t, func(http.ResponseWriter, *http.Request) {})
	r = post(t, webhook.NewPoster(webhook.NewReach([]netip.Prefix{loopback}), nil), strings.Replace(plain, "http:", "https:", 1))
	if r.Outcome != webhook.BadTLS {
		t.Errorf("no TLS at all: %+v", r)
	}
}

// Proxies of the environment would be asked for addresses that are not ours to
// judge.
func TestNoProxyIsAsked(t *testing.T) {
	var asked atomic.Bool
	proxy := receiver(t, func(http.ResponseWriter, *http.Request) { asked.Store(true) })
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(name, proxy)
	}
	p := webhook.NewPoster(webhook.NewReach([]netip.Prefix{loopback}), names(t, func(string) string { return "127.0.0.1" }))
	if r := post(t, p, "http://receiver.example:9/"); r.Outcome != webhook.Broken || asked.Load() {
		t.Errorf("%+v, asked %t", r, asked.Load())
	}
}

var private = []string{
	"127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1",
	"100.100.100.200", "168.63.129.16", "192.0.0.192", "198.18.0.1", "224.0.0.1", "239.255.255.255", "255.255.255.255", "240.0.0.1",
	"[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[::127.0.0.1]",
	"[64:ff9b::7f00:1]", "[64:ff9b:1::a00:1]", "[2002:7f00:1::]", "[2001::1]", "[2001:db8::1]", "[fec0::1]", "[100::1]",
	"localhost",
}

func TestPrivateAddressesAreRefused(t *testing.T) {
	t.Parallel()
	p := webhook.NewPoster(webhook.NewReach(nil), nil)
	for _, a := range private {
		if r := post(t, p, "https://"+a+":9/"); r.Outcome != webhook.NotAllowed {
			t.Errorf("%s: %+v", a, r)
		}
		if r := post(t, p, "http://"+a+":9/"); r.Outcome != webhook.NotTLS {
			t.Errorf("%s without TLS: %+v", a, r)
		}
	}
	// Naming one network opens no other, and no way around it.
	p = webhook.NewPoster(webhook.NewReach([]netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd12::/16")}), nil)
	for _, a := range append(private, "10.2.0.1", "[fd13::1]", "[64:ff9b::a01:1]") {
		if r := post(t, p, "https://"+a+":9/"); r.Outcome != webhook.NotAllowed {
			t.Errorf("%s: %+v", a, r)
		}
	}
}

// names is a resolver that asks a server of names for real; each look-up is
// answered by what at gives.
func names(t *testing.T, at func(name string) string) *net.Resolver {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() }) //nolint:errcheck // the test is over
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			q := m.Questions[0]
			out := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, Authoritative: true}, Questions: m.Questions}
			if q.Type == dnsmessage.TypeA {
				for a := range strings.FieldsSeq(at(q.Name.String())) {
					out.Answers = append(out.Answers, dnsmessage.Resource{
						Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
						Body:   &dnsmessage.AResource{A: netip.MustParseAddr(a).As4()},
					})
				}
			}
			if b, err := out.Pack(); err == nil {
				_, _ = c.WriteTo(b, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", c.LocalAddr().String())
	}}
}

// A name is judged by what it points to at the moment of the connection: the
// first look-up gives an address that may be reached, the next one another.
func TestNamesAreJudgedByTheirAddressAtEachConnection(t *testing.T) {
	t.Parallel()
	var came atomic.Int32
	to, err := url.Parse(receiver(t, func(http.ResponseWriter, *http.Request) { came.Add(1) }))
	if err != nil {
		t.Fatal(err)
	}
	address := atomic.Pointer[string]{}
	point := func(a string) { address.Store(&a) }
	p := webhook.NewPoster(webhook.NewReach([]netip.Prefix{loopback}), names(t, func(string) string { return *address.Load() }))
	hook := "http://receiver.example:" + to.Port() + "/"
	point("127.0.0.1")
	if r := post(t, p, hook); r.Outcome != webhook.Accepted {
		t.Errorf("allowed: %+v", r)
	}
	for _, a := range []string{"127.0.0.2", "10.0.0.1", "169.254.169.254"} {
		point(a)
		if r := post(t, p, hook); r.Outcome != webhook.NotTLS {
			t.Errorf("rebound to %s: %+v", a, r)
		}
		if r := post(t, p, strings.Replace(hook, "http:", "https:", 1)); r.Outcome != webhook.NotAllowed {
			t.Errorf("rebound to %s: %+v", a, r)
		}
	}
	point("") // resolves to nothing
	if r := post(t, p, hook); r.Outcome != webhook.NoName {
		t.Errorf("no such name: %+v", r)
	}
	if came.Load() != 1 {
		t.Errorf("%d requests came", came.Load())
	}
}

func TestURLsOfEndpoints(t *testing.T) {
	t.Parallel()
	without := webhook.NewReach(nil)
	with := webhook.NewReach([]netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")})
	for _, c := range []struct {
		reach       *webhook.Reach
		typed, want string // want: what is kept, or the reason
	}{
		{without, " https://hooks.example.com/a?b=c#d ", "https://hooks.example.com/a?b=c"},
		{without, "https://8.8.8.8:8443/", "https://8.8.8.8:8443/"},
		{without, "", "webhook.url_missing"},
		{without, "https://" + strings.Repeat("a", 500), "webhook.url_long"},
		{without, "https:///a", "webhook.url_unreadable"},
		{without, "https:hooks.example.com", "webhook.url_unreadable"},
		{without, "https://hooks example.com", "webhook.url_unreadable"},
		{without, "https://a\\@b.example/", "webhook.url_unreadable"},
		{without, "https://me:secret@hooks.example.com", "webhook.url_userinfo"},
		{without, "http://hooks.example.com", "webhook.url_not_https"},
		{without, "ftp://hooks.example.com", "webhook.url_not_https"},
		{without, "https://10.1.0.1/", "webhook.url_private"},
		{without, "https://[::1]/", "webhook.url_private"},
		{without, "https://[::ffff:10.1.0.1]/", "webhook.url_private"},
		{with, "https://10.1.0.1/", "https://10.1.0.1/"},
		{with, "http://10.1.0.1/", "http://10.1.0.1/"},
		{with, "http://hooks.internal/", "http://hooks.internal/"}, // judged when it is dialled
		{with, "http://8.8.8.8/", "webhook.url_not_https"},
		{with, "https://10.2.0.1/", "webhook.url_private"},
		{with, "file://10.1.0.1/", "webhook.url_not_https"},
	} {
		got, bad := c.reach.Judge(c.typed)
		if bad != nil {
			got = bad.Fields[0].Message
			if bad.Code != fault.InvalidRequest || bad.Fields[0].Name != "url" {
				t.Errorf("%q: %+v", c.typed, bad)
			}
		}
		if got != c.want {
			t.Errorf("%q: %s, want %s", c.typed, got, c.want)
		}
	}
}

// recipe is the block of shell in the documentation that checks a signature.
func recipe(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "docs", "integrations.md"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```sh\n([^`]*openssl dgst[^`]*)```").FindSubmatch(raw)
	if m == nil {
		t.Fatal("docs/integrations.md shows no way to check a signature")
	}
	return string(m[1])
}

// TestOpensslVerifiesByTheRecipeOfTheDocumentation: none of our code is in it.
func TestOpensslVerifiesByTheRecipeOfTheDocumentation(t *testing.T) {
	t.Parallel()
	script := recipe(t)
	db, s := store(t)
	first, key := s.add(t, db, "https://hooks.example.com/", "frozen")
	body := []byte("{\"a\":\"b $HOME `x` %s \\\\\"}\n")
	verify := func(secret, id, stamp, signatures string, body []byte) string {
		t.Helper()
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "body.json"), body, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("sh", "-c", script)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "secret="+secret, "id="+id, "timestamp="+stamp, "signatures="+signatures)
		out, err := cmd.CombinedOutput()
		if err != nil {
			return "refused"
		}
		return strings.TrimSpace(string(out))
	}
	now := time.Now()
	stamp := strconv.FormatInt(now.Unix(), 10)
	claim := func() webhook.Parcel {
		t.Helper()
		record(t, db, "frozen")
		return take(t, db, s)
	}
	old := webhook.Sign(claim().Keys, "evt_7", now, body)
	if got := verify(key, "evt_7", stamp, old, body); got != "genuine" {
		t.Errorf("one key: %s", got)
	}
	fresh := s.rotate(t, db, first)
	both := webhook.Sign(claim().Keys, "evt_7", now, body)
	for name, k := range map[string]string{"old": key, "new": fresh} {
		if got := verify(k, "evt_7", stamp, both, body); got != "genuine" {
			t.Errorf("%s key while both sign: %s", name, got)
		}
	}
	s.drop(t, db, first)
	keys := claim().Keys
	last := webhook.Sign(keys, "evt_7", now, body)
	if got := verify(fresh, "evt_7", stamp, last, body); got != "genuine" {
		t.Errorf("the new key alone: %s", got)
	}
	at := func(d time.Duration) string {
		then := now.Add(d)
		return verify(fresh, "evt_7", strconv.FormatInt(then.Unix(), 10), webhook.Sign(keys, "evt_7", then, body), body)
	}
	if got := at(-200 * time.Second); got != "genuine" {
		t.Errorf("some minutes on its way: %s", got)
	}
	for name, got := range map[string]string{
		"old key that is off": verify(key, "evt_7", stamp, last, body),
		"new key too early":   verify(fresh, "evt_7", stamp, old, body),
		"other id":            verify(fresh, "evt_8", stamp, last, body),
		"other time":          verify(fresh, "evt_7", strconv.FormatInt(now.Unix()-1, 10), last, body),
		"other body":          verify(fresh, "evt_7", stamp, last, append(body, ' ')),
		"no signature":        verify(fresh, "evt_7", stamp, "", body),
		"part of one":         verify(fresh, "evt_7", stamp, last[:20], body),
		"too old":             at(-400 * time.Second),
		"from the future":     at(400 * time.Second),
	} {
		if got != "refused" {
			t.Errorf("%s: %s", name, got)
		}
	}
}
