package forwardauth

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"latchkey/internal/edge"
)

// longestURL is where an address of an app is no longer believed.
const longestURL = 4096

// original is the request to the app that the proxy asks about.
type original struct {
	url  *url.URL
	page bool // a browser wants a page: it can be led to sign-in
}

// originalOf reads what a trusted proxy says of the request: X-Original-URL
// (nginx), or X-Forwarded-Proto, -Host and -Uri (Caddy, Traefik). Both at once
// is refused: one of them then came from the client, through a proxy that sets
// the other, and nobody can tell which.
func originalOf(c *gin.Context, scheme string) (_ original, why string) {
	if !edge.FromTrustedProxy(c) {
		return original{}, "This did not come from a proxy that TRUSTED_PROXIES names."
	}
	h := c.Request.Header
	whole, uri := h.Values("X-Original-Url"), h.Values("X-Forwarded-Uri")
	host := h.Values("X-Forwarded-Host")
	var raw string
	switch {
	case len(whole) == 1 && len(uri) == 0:
		raw = whole[0]
	case len(whole) == 0 && len(uri) == 1 && len(host) == 1 && strings.HasPrefix(uri[0], "/"):
		if !plainHost(host[0]) {
			return original{}, "The host that was asked for can't be read."
		}
		raw = scheme + "://" + host[0] + uri[0]
	default:
		return original{}, "The proxy must send X-Original-URL, or X-Forwarded-Host and X-Forwarded-Uri, each once, and take away the other."
	}
	u, ok := asked(raw, scheme)
	if !ok {
		return original{}, "The address that was asked for can't be read."
	}
	method := h.Get("X-Forwarded-Method")
	reads := method == http.MethodGet || method == http.MethodHead || (method == "" && len(whole) == 1)
	return original{u, reads && strings.Contains(h.Get("Accept"), "text/html")}, ""
}

// asked reads the address of a request that a proxy tells of. Every request
// has a path and none has a fragment: an address without the one or with the
// other was put together from a host like "app.example.com?" or "…#", and reads
// as another path than the app will serve.
func asked(raw, scheme string) (*url.URL, bool) {
	if strings.Contains(raw, "#") {
		return nil, false
	}
	u, err := url.Parse(raw)
	if err != nil || u.Path == "" {
		return nil, false
	}
	return address(raw, scheme)
}

// plainHost reports whether a host, with a port or without, is made of nothing
// but what names and addresses are made of.
func plainHost(host string) bool {
	return host != "" && !strings.ContainsFunc(host, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(".:_[]-", r)
	})
}

// address reads the whole URL of an app. Its scheme is ours: behind a proxy
// that ends TLS the one that it came with says little, and the cookie of an
// https service never travels in the clear.
func address(raw, scheme string) (*url.URL, bool) {
	if len(raw) > longestURL || strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }) {
		return nil, false
	}
	u, err := url.Parse(raw)
	if err != nil || !plainHost(u.Host) || u.User != nil || u.Opaque != "" {
		return nil, false
	}
	switch u.Scheme {
	case "http", "https", "ws", "wss":
	default:
		return nil, false
	}
	if u.Path == "" {
		u.Path = "/"
	}
	u.Scheme, u.Host = scheme, strings.ToLower(u.Host)
	return u, true
}
