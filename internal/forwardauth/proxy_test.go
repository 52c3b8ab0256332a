package forwardauth_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"latchkey/internal/config"
	"latchkey/internal/edge"
	"latchkey/internal/session"
)

// documented is the first block under a heading of docs/integrations.md.
func documented(t testing.TB, heading string) string {
	t.Helper()
	doc, err := os.ReadFile("../../docs/integrations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(doc), "# "+heading+"\n")
	_, rest, opened := strings.Cut(rest, "```")
	_, rest, named := strings.Cut(rest, "\n")
	block, _, ended := strings.Cut(rest, "```")
	if !ok || !opened || !named || !ended {
		t.Fatalf("docs/integrations.md has no block under %s", heading)
	}
	return block
}

// program finds a proxy. Where everything is installed it may not be missing.
func program(t testing.TB, name string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/usr/local/sbin") {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed", name)
	}
	t.Skipf("%s is not installed", name)
	return ""
}

// front is Latchkey and an app on ports of their own, with the documented
// rules, and where a proxy is to listen.
type front struct {
	*house
	latchkey, app, proxy string // host:port
}

func newFront(t testing.TB) *front {
	t.Helper()
	path := filepath.Join(t.TempDir(), "apps.yaml")
	if err := os.WriteFile(path, []byte(documented(t, "Forward-auth")), 0o600); err != nil {
		t.Fatal(err)
	}
	var in config.Input
	in.BaseURL, in.CookieDomain, in.TrustedProxies, in.ForwardAuth = "https://id.example.com", "example.com", "127.0.0.0/8", path
	cfg, err := config.Load(in, config.Web)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{house: newHouse(t, func(c *config.Config) {
		c.AppRules, c.TrustedProxies = cfg.AppRules, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})}
	latchkey := httptest.NewUnstartedServer(nil)
	latchkey.Config = edge.Server(f.h)
	latchkey.Start()
	t.Cleanup(latchkey.Close)
	// The app tells what reached it.
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s user=%q id=%q name=%q groups=%q cookie=%q body=%q all=%q", r.Method, r.RequestURI,
			r.Header.Get("Remote-User"), r.Header.Get("Remote-Id"), r.Header.Get("Remote-Name"), r.Header.Get("Remote-Groups"),
			r.Header.Get("Cookie"), body, r.Header)
	}))
	t.Cleanup(app.Close)
	f.latchkey, f.app, f.proxy = latchkey.Listener.Addr().String(), app.Listener.Addr().String(), freePort(t)
	return f
}

// freePort is where a proxy is to listen: at a loopback address of its own where
// there are more than one, so that nobody else takes the port meanwhile.
func freePort(t testing.TB) string {
	t.Helper()
	host := "127.0.0.1"
	if runtime.GOOS == "linux" {
		host = fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
	}
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // taken over by the proxy
	return l.Addr().String()
}

// run starts a proxy and waits until it takes connections.
func (f *front) run(name string, args ...string) {
	f.t.Helper()
	var said strings.Builder
	cmd := exec.CommandContext(f.t.Context(), name, args...)
	cmd.Stdout, cmd.Stderr, cmd.Env = &said, &said, append(os.Environ(), "HOME="+f.t.TempDir())
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	f.t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended
		<-ended
	})
	for {
		if c, err := net.DialTimeout("tcp", f.proxy, time.Second); err == nil {
			_ = c.Close()
			return
		}
		select {
		case err := <-ended:
			ended <- err
			f.t.Fatalf("%s: %v\n%s", name, err, said.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// until waits for something that a proxy does in its own time.
func (f *front) until(ready func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(time.Minute); !ready(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatal("it never came")
		}
	}
}

// browse sends a request to the app through the proxy.
func (f *front) browse(method, path, cookie, body string, more ...string) (status int, location, seen string) {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), method, "http://"+f.proxy, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	r.URL.Opaque = path // as it is written: no cleaning by the client
	r.Host = "app.example.com"
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	for i := 0; i+1 < len(more); i += 2 {
		r.Header[more[i]] = []string{more[i+1]} // as it is written
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // it has been read
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return res.StatusCode, res.Header.Get("Location"), string(answer)
}

// holds is what must be true behind any proxy.
func (f *front) holds() {
	t, p := f.t, f.person(nil, session.Password)
	in, email := f.cookie(p), p.id.String()[:8]+"@example.org"
	html := []string{"Accept", "text/html"}

	status, location, _ := f.browse("GET", "/notes?q=1", "", "", html...)
	if want := "https://id.example.com/apps/continue?to=" + url.QueryEscape("https://app.example.com/notes?q=1"); status != 303 || location != want {
		t.Errorf("anonymous: %d %s", status, location)
	}
	if status, _, _ := f.browse("GET", "/notes", "", "", "Accept", "application/json"); status != 401 {
		t.Errorf("anonymous script: %d", status)
	}
	if status, _, _ := f.browse("POST", "/notes", "", "a=b", html...); status != 401 {
		t.Errorf("anonymous form: %d", status)
	}
	status, _, seen := f.browse("POST", "/notes?q=1", "a=1; "+in+"; b=2", "a=b", html...)
	for _, want := range []string{"POST /notes?q=1 ", fmt.Sprintf("user=%q id=%q name=%q groups=%q", email, p.id, "Ada Löw", "user"), `body="a=b"`} {
		if status != 200 || !strings.Contains(seen, want) {
			t.Errorf("signed in: %d %s, want %s", status, seen, want)
		}
	}
	if strings.Contains(seen, "latchkey") || !strings.Contains(seen, "a=1") || !strings.Contains(seen, "b=2") {
		t.Errorf("cookies of the app: %s", seen)
	}
	forged := []string{
		"Remote-User", "root@example.com", "Remote-Id", "1", "Remote-Name", "Root", "Remote-Groups", "admin", "Remote_User", "root", "Remote_groups", "admin",
		"X-Original-Url", "https://app.example.com/public/root", "X-Rewrite-Url", "/public/root", "X-Forwarded-Uri", "/public/root", "X-Forwarded-Host", "app.example.com",
		"X-Forwarded-Method", "GET", "X-Forwarded-For", "127.0.0.1", "Connection", "Remote-User, X-Forwarded-Uri, X-Forwarded-Host, X-Forwarded-Method, X-Original-Url",
	}
	if status, _, seen := f.browse("GET", "/notes", "", "", forged...); status != 401 {
		t.Errorf("forged headers: %d %s", status, seen)
	}
	if status, _, seen := f.browse("GET", "/notes", in, "", forged...); status != 200 || strings.Contains(seen, "oot") || strings.Contains(seen, "admin") || !strings.Contains(seen, email) {
		t.Errorf("forged headers, signed in: %d %s", status, seen)
	}
	if status, _, seen := f.browse("GET", "/public/a.css", in, "", forged...); status != 200 || strings.Contains(seen, "oot") || !strings.Contains(seen, `user="" id="" name="" groups="" cookie=""`) {
		t.Errorf("bypass: %d %s", status, seen)
	}
	for _, path := range []string{"/public/../vault", "/public/%2e%2e/vault", "/public//../vault", "/public/..;/vault"} {
		if status, _, seen := f.browse("GET", path, in, ""); status < 400 { // Traefik makes /vault of some, and is told to sign in
			t.Errorf("%s: %d %s", path, status, seen)
		}
	}
	if status, location, _ := f.browse("GET", "/vault", in, "", html...); status != 303 || !strings.Contains(location, "vault") {
		t.Errorf("two-factor: %d %s", status, location)
	}
	if status, _, _ := f.browse("GET", "/vault", f.cookie(f.person(nil, session.TwoFactor)), ""); status != 200 {
		t.Errorf("two-factor with an app: %d", status)
	}
	f.exec(`DELETE FROM sessions WHERE id = $1`, p.session.ID)
	if status, _, _ := f.browse("GET", "/notes", in, ""); status != 401 {
		t.Errorf("after sign-out: %d", status)
	}
}

// TestBehindNginx runs the documented configuration.
func TestBehindNginx(t *testing.T) {
	t.Parallel()
	nginx := program(t, "nginx")
	f := newFront(t)
	f.nginx(nginx)
	f.holds()
}

// nginx runs the documented configuration; /unasked is a way to the app that
// asks nobody, for comparison.
func (f *front) nginx(nginx string) {
	t := f.t
	t.Helper()
	var own []string
	for line := range strings.Lines(documented(t, "nginx")) {
		if !strings.Contains(line, "ssl_certificate") { // TLS is the one thing left out
			own = append(own, line)
		}
	}
	conf := strings.NewReplacer("listen 443 ssl;", "listen "+f.proxy+"; location /unasked { proxy_pass http://"+f.app+"; }",
		"http://127.0.0.1:8080", "http://"+f.latchkey, "http://127.0.0.1:9000", "http://"+f.app).Replace(strings.Join(own, ""))
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil { // its workers are another user when root starts it
		t.Fatal(err)
	}
	file := filepath.Join(dir, "nginx.conf")
	whole := fmt.Sprintf(`
daemon off;
master_process off;
pid %[1]s/nginx.pid;
error_log stderr warn;
events {}
http {
access_log off;
client_body_temp_path %[1]s/body;
proxy_temp_path %[1]s/proxy;
fastcgi_temp_path %[1]s/fastcgi;
uwsgi_temp_path %[1]s/uwsgi;
scgi_temp_path %[1]s/scgi;
%[2]s}
`, dir, conf)
	if err := os.WriteFile(file, []byte(whole), 0o644); err != nil {
		t.Fatal(err)
	}
	f.run(nginx, "-p", dir, "-c", file, "-e", "stderr")
}

// TestBehindCaddy runs the documented configuration.
func TestBehindCaddy(t *testing.T) {
	t.Parallel()
	caddy := program(t, "caddy")
	f := newFront(t)
	f.caddy(caddy)
	f.holds()
}

func (f *front) caddy(caddy string) {
	t := f.t
	t.Helper()
	host, port, _ := net.SplitHostPort(f.proxy)
	conf := strings.NewReplacer("app.example.com {", "http://app.example.com:"+port+" {\n\tbind "+host,
		"127.0.0.1:8080", f.latchkey, "127.0.0.1:9000", f.app).Replace(documented(t, "Caddy"))
	file := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(file, []byte("{\n\tadmin off\n\tauto_https off\n}\n"+conf), 0o600); err != nil {
		t.Fatal(err)
	}
	f.run(caddy, "run", "--config", file, "--adapter", "caddyfile")
}

// TestEveryBlockIsRun: what docs/integrations.md shows of the three doors is
// run by a test here or, the program and the command line, in internal/api.
func TestEveryBlockIsRun(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../docs/integrations.md")
	if err != nil {
		t.Fatal(err)
	}
	before, last, _ := strings.Cut(string(doc), "\n### Traefik\n")
	last, _, _ = strings.Cut(last, "\n## ") // what comes after has tests of its own
	var blocks []string
	for i, part := range strings.Split(before+last, "```") {
		if i%2 == 1 {
			language, _, _ := strings.Cut(part, "\n")
			blocks = append(blocks, language)
		}
	}
	if got := strings.Join(blocks, " "); got != "go yaml nginx caddy yaml" {
		t.Errorf("blocks: %s; a new one needs a test", got)
	}
}
