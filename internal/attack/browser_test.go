package attack_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"
)

// browser opens pages and posts forms, keeps cookies, and follows no redirect.
type browser struct {
	t    *scene
	http *http.Client
	from string
}

func (t *scene) browser() *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t: t, from: t.from, http: &http.Client{
		Jar: jar, Transport: proxied(strings.TrimPrefix(t.base, "http://")),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// proxied takes requests for the site to where it listens, as the proxy in
// front would that speaks TLS.
type proxied string

func (p proxied) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host, r.URL.Scheme, r.URL.Host = r.URL.Host, "http", string(p)
	return http.DefaultTransport.RoundTrip(r)
}

// page is an answer.
type page struct {
	Status int
	Header http.Header
	Body   string
}

// To is where it leads; empty: nowhere.
func (p page) To() string { return p.Header.Get("Location") }

// do asks, and again what a busy machine could not do in time.
func (b *browser) do(method, path string, form M) page {
	b.t.Helper()
	for tries := 0; ; tries++ {
		p := b.once(method, path, form)
		if p.Status != http.StatusServiceUnavailable || tries == 10 {
			return p
		}
		time.Sleep(300 * time.Millisecond)
	}
}

func (b *browser) once(method, path string, form M) page {
	b.t.Helper()
	values := url.Values{}
	for name, v := range form {
		values.Set(name, v.(string))
	}
	var body io.Reader
	if form != nil {
		body = strings.NewReader(values.Encode())
	}
	req, err := http.NewRequestWithContext(b.t.Context(), method, site+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	req.Header.Set("X-Forwarded-For", b.from)
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", site)
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	res, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // it has been read
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return page{res.StatusCode, res.Header, string(text)}
}

func (b *browser) get(path string) page          { b.t.Helper(); return b.do("GET", path, nil) }
func (b *browser) post(path string, form M) page { b.t.Helper(); return b.do("POST", path, form) }

// start does the password step on the page.
func (b *browser) start(p *person) page {
	b.t.Helper()
	res := b.post("/sign-in", M{"email": p.email, "password": password})
	if res.Status != http.StatusSeeOther {
		b.t.Fatalf("password step: %d\n%s", res.Status, res.Body)
	}
	return res
}

// code does the second step on the page.
func (b *browser) code(method, code string) page {
	b.t.Helper()
	return b.post("/sign-in/code", M{"method": method, "code": code})
}

// in reports whether this browser is signed in.
func (b *browser) in() bool {
	b.t.Helper()
	return b.get("/account/sessions").Status == http.StatusOK
}

// cookie reads one by its name behind the prefix; empty: none.
func (b *browser) cookie(name string) string {
	at, _ := url.Parse(site)
	for _, c := range b.http.Jar.Cookies(at) {
		if strings.TrimPrefix(c.Name, "__Host-latchkey-") == name {
			return c.Value
		}
	}
	return ""
}

// plant sets one.
func (b *browser) plant(name, value string) {
	at, _ := url.Parse(site)
	b.http.Jar.SetCookies(at, []*http.Cookie{{Name: "__Host-latchkey-" + name, Value: value, Path: "/", Secure: true}})
}
