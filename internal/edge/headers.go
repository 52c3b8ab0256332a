package edge

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"latchkey/internal/fault"
)

// policy is the Content-Security-Policy of every answer; {nonce} is fresh for
// each, so a script that was slipped into a page does not run.
const policy = "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// headers that every answer carries. All of it is personal until a handler
// says otherwise (assets do), so no-store is the default.
func headers(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", strings.ReplaceAll(policy, "{nonce}", stateOf(c).nonce))
	// same-origin and not no-referrer: that makes our own forms send Origin: null.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	if stateOf(c).edge.o.BaseURL.Scheme == "https" {
		h.Set("Strict-Transport-Security", "max-age=63072000")
	}
	c.Next()
}

// Nonce is for the script elements of this answer's page.
func Nonce(c *gin.Context) string { return stateOf(c).nonce }

// AllowAlso adds a directive to this answer's policy, such as
// "frame-src 'self'" for the mailbox of dev.
func AllowAlso(c *gin.Context, directive string) {
	h := c.Writer.Header()
	h.Set("Content-Security-Policy", h.Get("Content-Security-Policy")+"; "+directive)
}

// Cacheable marks an answer that says the same to everyone.
func Cacheable(c *gin.Context) { c.Header("Cache-Control", "public, max-age=3600") }

// canonical refuses a second spelling of a path: escapes that stand for plain
// characters (%2e, %6d), doubled slashes, dot segments, backslashes.
func canonical(c *gin.Context) {
	u := c.Request.URL
	if u.RawPath != "" || strings.Contains(u.Path, "//") || strings.ContainsAny(u.Path, "\\\x00") || dotted(u.Path) {
		Fail(c, errAbsent)
		return
	}
	c.Next()
}

func dotted(path string) bool {
	for part := range strings.SplitSeq(path, "/") {
		if part == "." || part == ".." {
			return true
		}
	}
	return false
}

// skipsHost are routes that others than browsers call, by whatever name they
// know us: probes and the proxies that ask for permission.
func skipsHost(path string) bool {
	return path == "/healthz" || path == "/readyz" || path == "/forward-auth" || strings.HasPrefix(path, "/forward-auth/")
}

// checkHost refuses a request that came for another name: cookies, links and
// origins hang on the name, and most first-hour trouble is this one setting,
// so the answer says what came, what is set, and what to change.
func (e *Edge) checkHost(c *gin.Context) {
	host := normalHost(c.Request.Host, e.o.BaseURL.Scheme)
	if e.hosts[host] || skipsHost(c.Request.URL.Path) {
		c.Next()
		return
	}
	args := map[string]any{"Host": shownHost(c.Request.Host), "BaseURL": e.o.BaseURL.String()}
	f := fault.InField("host", "fault.unknown_host", args)
	Fail(c, f.Say("fault.unknown_host", args))
}

func acceptedHosts(base *url.URL, dev bool) map[string]bool {
	hosts := map[string]bool{normalHost(base.Host, base.Scheme): true}
	if dev {
		for _, name := range loopbacks {
			hosts[normalHost(withPort(name, base.Port()), base.Scheme)] = true
		}
	}
	return hosts
}

var loopbacks = []string{"localhost", "127.0.0.1", "[::1]"}

func withPort(host, port string) string {
	if port == "" {
		return host
	}
	return host + ":" + port
}

// normalHost: names are case-insensitive and a scheme's own port goes unsaid.
func normalHost(host, scheme string) string {
	host = strings.ToLower(host)
	if scheme == "https" {
		return strings.TrimSuffix(host, ":443")
	}
	return strings.TrimSuffix(host, ":80")
}

// shownHost keeps a made-up Host from filling the page or a terminal.
func shownHost(host string) string {
	host = strings.Map(func(r rune) rune {
		if r > 0x20 && r < 0x7f {
			return r
		}
		return '?'
	}, host)
	if host == "" {
		return "no host"
	}
	return host[:min(len(host), 100)]
}

// originCheck is the standard library's defence against forms of other sites.
func originCheck(base *url.URL, dev bool) (*http.CrossOriginProtection, error) {
	p := http.NewCrossOriginProtection()
	hosts := []string{base.Host}
	if dev {
		for _, name := range loopbacks {
			hosts = append(hosts, withPort(name, base.Port()))
		}
	}
	for _, host := range hosts {
		if err := p.AddTrustedOrigin(base.Scheme + "://" + host); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// checkOrigin stands before every route that takes the account's cookie. The
// API and forward-auth take none, so there is nothing to borrow.
func (e *Edge) checkOrigin(c *gin.Context) {
	path := c.Request.URL.Path
	if strings.HasPrefix(path, "/api/v1/") || path == "/forward-auth" || strings.HasPrefix(path, "/forward-auth/") {
		c.Next()
		return
	}
	if e.origin.Check(c.Request) != nil || e.foreign(c.Request) {
		Fail(c, fault.New(fault.Forbidden, fault.NotAllowed).Say("fault.cross_site",
			map[string]any{"BaseURL": e.o.BaseURL.String()}))
		return
	}
	c.Next()
}

// foreign reports a form whose Origin is not ours to the letter. The library
// lets one with our host pass where a browser sends no Sec-Fetch-Site, since it
// can't know our scheme: a page of the network's own making over http would be
// such a one. We know it.
func (e *Edge) foreign(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions {
		return false
	}
	scheme, host, _ := strings.Cut(origin, "://")
	return scheme != e.o.BaseURL.Scheme || !e.hosts[normalHost(host, scheme)]
}
