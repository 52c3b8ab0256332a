package forwardauth_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"latchkey/internal/forwardauth"
	"latchkey/internal/session"
)

// spellings of a page that wants two factors, and of others, as somebody may
// type them into a socket.
var spellings = []string{
	"/vault", "/vault/", "/vault/keys", "/Vault", "/VAULT/keys", "/vault?x", "/vault?/public", "/public?/../vault",
	"//vault", "///vault", "/./vault", "/.//vault", "/x/../vault", "/public/../vault", "/public/./../vault", "/public//../vault",
	"/public/..;/vault", "/public/..;x=1/vault", "/public;/../vault", "/;/vault", "/;x/vault", "/public/;/../vault", "/vault;", "/vault;x=1", "/vault;x/keys",
	"/%76ault", "/%56ault", "/vaul%74", "/%2576ault", "/%25%37%36ault", "/%u0076ault", "/v%61ult/keys", "/%2fvault", "/x%2f..%2fvault", "/public%2f..%2fvault",
	"/public/%2e%2e/vault", "/public/%2E%2E/vault", "/public/.%2e/vault", "/public/%2e./vault", "/public/%252e%252e/vault", "/public/..%2fvault",
	"/public/..%5cvault", `/public/..\vault`, `\vault`, `/\vault`, `/public\..\vault`, "/%5cvault", "/public/%c0%ae%c0%ae/vault", "/public/..%c0%afvault",
	"/vault%00", "/vault%00/public", "/public%00/../vault", "/vault%20", "/vault%09", "/vault%0a", "/vault%0d%0aX:y", "/%20vault", "/%0avault", "/vault+",
	"/vault.", "/vault..", "/vault./", "/vault./keys", "/vault.json", "/vault.html", "/vault::$DATA", "/vault:x", "/vault%3fx", "/vault%23x", "/vault%3b", "/vault,x", "/vault*",
	"/%ef%bd%96ault", "/va%e2%80%8bult", "/va%c2%adult", "/v%ef%bc%a1ult", "/%EF%BC%8Fvault", "/public/%ef%bc%8e%ef%bc%8e/vault", "/public/\xe2\x80\xa5/vault", "/v\xc3\xa1ult",
	"/...", "/.../vault", "/public/.../vault", "/public/. ./vault", "/public/.%20./vault", "/public/%20../vault", "/public/..%20/vault", "/public/..%00/vault",
	"/public#/../vault", "/vault#", "/#/vault", "vault", "*", "", "?/vault", "#/vault", "@vault", ":80/vault", "/@/vault",
	"http://app.example.com/vault", "http://app.example.com//vault", "http://app.example.com/public/../vault", "http://app.example.com?/vault", "http://app.example.com#/vault",
	"http://other.example.com/vault", "http://app.example.com:80/vault", "http://x@app.example.com/vault", "HTTP://APP.EXAMPLE.COM/VAULT",
	"/public", "/public/a.css", "/public/a%20b", "/Public/a.css", "/%70ublic/a.css", "/public.json", "/notes", "/notes/vault", "/notes/a%20b?q=../vault", "/vaulted", "/vault-2", "/vault_2", "/notes/b%C3%BCcher",
}

// TestNoSpellingReachesWhatWantsMore asks real proxies for every spelling: with
// a session of one factor for /vault, with none for all but /public. The app
// behind them tells which path it got, and may read it in any way.
func TestNoSpellingReachesWhatWantsMore(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*front){
		"nginx": func(f *front) { f.nginx(program(f.t, "nginx")) }, "caddy": func(f *front) { f.caddy(program(f.t, "caddy")) },
		"traefik": (*front).traefik,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFront(t)
			start(f)
			weak, strong := f.cookie(f.person(nil, session.TwoStep)), f.cookie(f.person(nil, session.TwoFactor))
			served := map[string]int{}
			for _, spelled := range spellings {
				for who, cookie := range map[string]string{"anonymous": "", "one factor": weak, "two factors": strong} {
					status, seen := f.typed(spelled, cookie)
					if status != 200 || seen == "" { // Caddy has nothing for other hosts, and says so with 200
						continue
					}
					served[who+" "+spelled]++
					if who != "two factors" && forwardauth.MayServe(seen, "/vault") {
						t.Errorf("%s: %q reached the app as %q", who, spelled, seen)
					}
					if who == "anonymous" && !strings.HasPrefix(seen, "/public") {
						t.Errorf("%s: %q reached the app as %q", who, spelled, seen)
					}
				}
			}
			for _, want := range []string{
				"anonymous /public", "anonymous /public/a.css", "anonymous /public/a%20b", "one factor /notes", "one factor /vaulted", "one factor /vault-2",
				"one factor /notes/b%C3%BCcher", "one factor /Public/a.css", "two factors /vault", "two factors /vault/keys", "two factors /Vault", "two factors /vault.json",
			} {
				if served[want] != 1 {
					t.Errorf("%s: refused", want)
				}
			}
		})
	}
}

// typed sends a request line as it stands, and gives the path that the app got.
func (f *front) typed(target, cookie string) (status int, seen string) {
	f.t.Helper()
	c, err := net.DialTimeout("tcp", f.proxy, 10*time.Second)
	if err != nil {
		f.t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // it has been read
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		f.t.Fatal(err)
	}
	fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: app.example.com\r\nCookie: %s\r\nConnection: close\r\n\r\n", target, cookie)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 400, "" // hung up on: not even a request
	}
	defer res.Body.Close() //nolint:errcheck // it has been read
	body, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	_, seen, _ = strings.Cut(string(body), " ")
	seen, _, _ = strings.Cut(seen, " user=")
	seen, _, _ = strings.Cut(seen, "?")
	return res.StatusCode, seen
}
