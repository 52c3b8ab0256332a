package edge_test

import (
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"latchkey/internal/edge"
)

func TestSecurityHeadersAreOnEveryAnswer(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	var nonces []string
	h.Engine.GET("/page", func(c *gin.Context) { nonces = append(nonces, edge.Nonce(c)) })
	h.Engine.GET("/panic", func(*gin.Context) { panic(1) })
	for _, path := range []string{"/page", "/page", "/panic", "/api/v1/none", "//"} {
		w := h.ask("GET", path, "")
		for name, part := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'nonce-", "Referrer-Policy": "same-origin",
			"X-Content-Type-Options": "nosniff", "Cross-Origin-Opener-Policy": "same-origin",
			"Cache-Control": "no-store", "Strict-Transport-Security": "max-age=",
		} {
			if !strings.HasPrefix(w.Header().Get(name), part) {
				t.Errorf("%s: %s is %q", path, name, w.Header().Get(name))
			}
		}
		if w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s sends CORS headers", path)
		}
	}
	if len(nonces) != 2 || nonces[0] == nonces[1] || len(nonces[0]) < 22 {
		t.Errorf("nonces: %v", nonces)
	}
	plain := newHouse(t, func(o *edge.Options) { o.BaseURL, o.Dev = mustURL("http://localhost:8080"), true })
	if w := plain.ask("GET", "/x", "", "Host", "localhost:8080"); w.Header().Get("Strict-Transport-Security") != "" {
		t.Error("HSTS over http")
	}
}

func TestAPathHasOneSpelling(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.Engine.GET("/api/v1/me", func(c *gin.Context) { c.String(200, "in") })
	h.Engine.GET("/files/:name", func(c *gin.Context) { c.String(200, "in") })
	if w := h.ask("GET", "/api/v1/me", ""); w.Code != 200 {
		t.Fatalf("%d", w.Code)
	}
	for _, path := range []string{
		"//api/v1/me", "/api//v1/me", "/api/v1/me/", "/api/v1/%6de", "/api/v1/%2e/me", "/api/v1/x/../me", "/api/v1/./me",
		"/api/v1/x/%2e%2e/me", "/api/v1%2fme", "/API/v1/me", "/api/v1/me%00", "/api/v1/me%2f", "/files/%2e%2e", "/files/a%5cb", "/files/a%00",
		"/api/v1/me;x=1", "/api/v1/me%20",
	} {
		w := h.ask("GET", path, "")
		if w.Code != 404 || w.Header().Get("Location") != "" {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} {
		if p := problemOf(t, h.ask(method, "/api/v1/me", "")); p.Code != "not_found" || p.Status != 404 {
			t.Errorf("%s: %+v", method, p)
		}
	}
}

func TestAnotherHostIsRefusedWithTheSettingToChange(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, path := range []string{"/page", "/api/v1/x", "/healthz", "/readyz", "/forward-auth", "/forward-auth/redirect"} {
		h.Engine.GET(path, func(c *gin.Context) { c.String(200, "in") })
	}
	p := problemOf(t, h.ask("GET", "/api/v1/x", "", "Host", "10.1.2.3:8080"))
	if p.Status != 400 || p.Code != "invalid_request" {
		t.Errorf("%+v", p)
	}
	for _, part := range []string{"10.1.2.3:8080", "https://id.example.com", "BASE_URL"} {
		if !strings.Contains(p.Detail, part) {
			t.Errorf("%q lacks %q", p.Detail, part)
		}
	}
	w := h.ask("GET", "/page", "", "Host", "<b>evil")
	if w.Code != 400 || !strings.Contains(w.Body.String(), "&lt;b&gt;evil") || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, host := range []string{"id.example.com", "ID.example.com", "id.example.com:443"} {
		if w := h.ask("GET", "/page", "", "Host", host); w.Code != 200 {
			t.Errorf("%s: %d", host, w.Code)
		}
	}
	for _, path := range []string{"/healthz", "/readyz", "/forward-auth", "/forward-auth/redirect"} {
		if w := h.ask("GET", path, "", "Host", "10.0.0.9"); w.Code != 200 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	dev := newHouse(t, func(o *edge.Options) { o.BaseURL, o.Dev = mustURL("http://localhost:8080"), true })
	dev.Engine.GET("/page", func(c *gin.Context) { c.String(200, "in") })
	for host, status := range map[string]int{
		"localhost:8080": 200, "127.0.0.1:8080": 200, "[::1]:8080": 200, "localhost": 400, "localhost:9090": 400, "example.com:8080": 400,
	} {
		if w := dev.ask("GET", "/page", "", "Host", host); w.Code != status {
			t.Errorf("dev %s: %d", host, w.Code)
		}
	}
}

func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	for _, path := range []string{"/account", "/api/v1/x", "/forward-auth", "/api/v1x"} {
		h.Engine.POST(path, func(c *gin.Context) { c.String(200, "in") })
	}
	for _, tc := range []struct {
		path, site, origin string
		status             int
	}{
		{"/account", "cross-site", "https://evil.example", 403},
		{"/account", "same-site", "https://other.example.com", 403},
		{"/account", "same-origin", "https://id.example.com", 200},
		{"/account", "none", "", 200},
		{"/account", "", "https://evil.example", 403},
		{"/account", "", "null", 403},
		{"/account", "", "https://id.example.com", 200},
		{"/account", "", "http://id.example.com", 403},
		{"/account", "", "https://id.example.com:8443", 403},
		{"/account", "same-origin", "http://id.example.com", 403},
		{"/account", "", "", 200},
		{"/api/v1/x", "cross-site", "https://evil.example", 200},
		{"/api/v1x", "cross-site", "https://evil.example", 403},
		{"/forward-auth", "cross-site", "https://evil.example", 200},
	} {
		if w := h.ask("POST", tc.path, "", "Sec-Fetch-Site", tc.site, "Origin", tc.origin); w.Code != tc.status {
			t.Errorf("%+v: %d", tc, w.Code)
		}
	}
}

func TestBearersAreTakenFromTheirHeaderOnly(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.Engine.GET("/api/v1/x", func(c *gin.Context) {
		kind, token, err := edge.Bearer(c)
		if err != nil {
			edge.Problem(c, err)
			return
		}
		c.String(200, "%s %s", kind, token)
	})
	const tail = "abcdefghijklmnopqrstuvwxyz0123456789-_ABCDE"
	for header, want := range map[string]string{
		"":                                       " ",
		"Bearer lks_" + tail:                     "lks_ lks_" + tail,
		"bearer lki_" + tail:                     "lki_ lki_" + tail,
		"Bearer lkp_" + tail:                     "lkp_ lkp_" + tail,
		"Bearer lkx_" + tail:                     "",
		"Bearer  lks_" + tail:                    "",
		"Bearer lks_" + tail + " ":               " ", // net/http trims what ends a header; a recorder doesn't
		"Bearer lks_":                            "",
		"Bearer":                                 "",
		"lks_" + tail:                            "",
		"Basic lks_" + tail:                      "",
		"Bearer LKS_" + tail:                     "",
		"Bearer lks_" + tail + "'":               "",
		"Bearer lks_" + tail + ",x":              "",
		"Bearer lks_" + strings.Repeat("a", 200): "",
	} {
		w := h.ask("GET", "/api/v1/x?access_token=lks_"+tail, "", "Authorization", header, "Cookie", "token=lks_"+tail)
		switch {
		case strings.HasSuffix(header, " "):
		case want == "":
			if p := problemOf(t, w); p.Code != "unauthenticated" || w.Header().Get("WWW-Authenticate") == "" {
				t.Errorf("%q: %+v", header, p)
			}
		case w.Body.String() != want:
			t.Errorf("%q: %q", header, w.Body)
		}
	}
}
