package forwardauth_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// traefik is what the documented configuration says, and nothing that it
// doesn't: an unknown field fails the test.
type traefik struct {
	HTTP struct {
		Routers map[string]struct {
			Rule        string
			EntryPoints []string `yaml:"entryPoints"`
			TLS         map[string]any
			Middlewares []string
			Service     string
		}
		Middlewares map[string]struct {
			Headers *struct {
				CustomRequestHeaders map[string]string `yaml:"customRequestHeaders"`
			}
			ForwardAuth *struct {
				Address             string
				TrustForwardHeader  *bool    `yaml:"trustForwardHeader"`
				AuthResponseHeaders []string `yaml:"authResponseHeaders"`
			} `yaml:"forwardAuth"`
		}
		Services map[string]struct {
			LoadBalancer struct {
				Servers []struct{ URL string }
			} `yaml:"loadBalancer"`
		}
	}
}

// TestBehindTraefik runs the documented configuration: in Traefik where one is
// installed, which no package of Debian does, else in an imitation that asks
// and hands on as Traefik's forwardAuth and headers do.
func TestBehindTraefik(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	f.traefik()
	f.holds()
}

func (f *front) traefik() {
	t := f.t
	t.Helper()
	conf := strings.NewReplacer("http://127.0.0.1:8080", "http://"+f.latchkey, "http://127.0.0.1:9000", "http://"+f.app).Replace(documented(t, "Traefik"))
	real, err := exec.LookPath("traefik")
	if err != nil {
		f.imitate(conf)
		return
	}
	file := filepath.Join(t.TempDir(), "dynamic.yaml")
	if err := os.WriteFile(file, []byte(strings.Replace(conf, "      tls: {}\n", "", 1)), 0o600); err != nil { // TLS is the one thing left out
		t.Fatal(err)
	}
	f.run(real, "--entrypoints.websecure.address="+f.proxy, "--providers.file.filename="+file, "--global.checknewversion=false")
	f.until(func() bool { status, _, _ := f.browse("GET", "/public", "", ""); return status == 200 })
}

// imitate does what Traefik 3 does (forwardedheaders, headers and auth under
// pkg/middlewares).
func (f *front) imitate(conf string) {
	t := f.t
	t.Helper()
	var c traefik
	if err := yaml.UnmarshalWithOptions([]byte(conf), &c, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	router, ok := c.HTTP.Routers["app"]
	if !ok || router.Rule != "Host(`app.example.com`)" || router.TLS == nil || len(router.EntryPoints) != 1 {
		t.Fatalf("%+v", c.HTTP.Routers)
	}
	app, err := url.Parse(c.HTTP.Services[router.Service].LoadBalancer.Servers[0].URL)
	if err != nil {
		t.Fatal(err)
	}
	var h http.Handler = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = app.Scheme, app.Host, r.In.Host
	}}
	for i := len(router.Middlewares) - 1; i >= 0; i-- {
		m, next := c.HTTP.Middlewares[router.Middlewares[i]], h
		switch {
		case m.Headers != nil:
			h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				for name, value := range m.Headers.CustomRequestHeaders {
					r.Header.Del(name)
					if value != "" {
						r.Header.Set(name, value)
					}
				}
				next.ServeHTTP(w, r)
			})
		case m.ForwardAuth != nil && m.ForwardAuth.TrustForwardHeader != nil && !*m.ForwardAuth.TrustForwardHeader:
			h = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				f.askAsTraefik(w, r, m.ForwardAuth.Address, m.ForwardAuth.AuthResponseHeaders, next)
			})
		default:
			t.Fatalf("middleware %q: %+v", router.Middlewares[i], m)
		}
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "app.example.com" {
			http.NotFound(w, r)
			return
		}
		// At the entry point: nobody is trusted with X-Forwarded-*.
		for _, name := range append(strings.Split(r.Header.Get("Connection"), ","), "Connection") {
			r.Header.Del(strings.TrimSpace(name))
		}
		for name := range r.Header {
			if strings.HasPrefix(name, "X-Forwarded-") {
				r.Header.Del(name)
			}
		}
		h.ServeHTTP(w, r)
	}))
	l, err := net.Listen("tcp", f.proxy)
	if err != nil {
		t.Fatal(err)
	}
	_ = srv.Listener.Close() // its own
	srv.Listener = l
	srv.Start()
	t.Cleanup(srv.Close)
}

func (f *front) askAsTraefik(w http.ResponseWriter, r *http.Request, address string, copied []string, next http.Handler) {
	ask, err := http.NewRequestWithContext(r.Context(), "GET", address, nil)
	if err != nil {
		f.t.Error(err)
		return
	}
	ask.Header = r.Header.Clone()
	client, _, _ := net.SplitHostPort(r.RemoteAddr)
	for name, value := range map[string]string{
		"X-Forwarded-For": client, "X-Forwarded-Method": r.Method, "X-Forwarded-Proto": "https", "X-Forwarded-Port": "443",
		"X-Forwarded-Host": r.Host, "X-Forwarded-Uri": r.URL.RequestURI(),
	} {
		ask.Header.Set(name, value)
	}
	res, err := http.DefaultTransport.RoundTrip(ask)
	if err != nil {
		f.t.Error(err)
		return
	}
	defer res.Body.Close() //nolint:errcheck // it has been read
	if res.StatusCode < 200 || res.StatusCode > 299 {
		for name, values := range res.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(res.StatusCode)
		_, _ = io.Copy(w, res.Body)
		return
	}
	for _, name := range copied {
		r.Header.Del(name)
		if values := res.Header.Values(name); len(values) > 0 {
			r.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	next.ServeHTTP(w, r)
}
