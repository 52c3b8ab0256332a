package edge

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"latchkey/internal/seal"
)

// FuzzClientAddr: nobody but a trusted proxy says where a request came from,
// and nothing that a client writes on the left of what proxies appended counts.
func FuzzClientAddr(f *testing.F) {
	e := &Edge{o: Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}}
	for _, s := range [][2]string{
		{"10.0.0.1:80", "203.0.113.9"}, {"203.0.113.1:80", "198.51.100.7"}, {"[::ffff:10.0.0.1]:80", "1.2.3.4, 10.1.1.1"},
		{"[fd00::1%eth0]:1", "[2001:db8::1]:443,fd00::2"}, {"10.0.0.1:80", "evil, 10.0.0.2"}, {"10.0.0.1:80", "1.2.3.4,,"}, {"@", "1.2.3.4"},
	} {
		f.Add(s[0], s[1], "8.8.8.8, 10.9.9.9")
	}
	f.Fuzz(func(t *testing.T, remote, forwarded, planted string) {
		ask := func(lines ...string) netip.Addr {
			return e.clientAddr(&http.Request{RemoteAddr: remote, Header: http.Header{"X-Forwarded-For": lines}})
		}
		got := ask(forwarded)
		peer, ok := parseAddr(remote)
		if !ok || !e.trusted(peer) {
			if got != peer {
				t.Errorf("%q, whom nobody trusts, says %q and is believed: %v", remote, forwarded, got)
			}
			return
		}
		hops := strings.Split(forwarded, ",")
		for i := len(hops) - 1; got != peer && i >= 0; i-- {
			hop, ok := parseAddr(strings.TrimSpace(hops[i]))
			if !ok {
				t.Fatalf("%q: %v was read across an entry that is no address", forwarded, got)
			}
			if hop == got {
				break
			}
			if !e.trusted(hop) {
				t.Fatalf("%q: %v stands left of %v, which is no proxy of ours", forwarded, got, hop)
			}
		}
		if e.trusted(got) {
			return // the proxies' own traffic: what stands further left would be read
		}
		if again := ask(planted, forwarded); again != got {
			t.Errorf("%q in front of %q makes %v of %v", planted, forwarded, again, got)
		}
	})
}

// FuzzBearer: what is taken for a token stands in exactly one header, whole.
func FuzzBearer(f *testing.F) {
	for _, s := range []string{"Bearer lks_0123456789abcdefghij", "bearer  lkp_x", "Basic dTpw", "Bearer lki_" + strings.Repeat("a", 200), "Bearer", ""} {
		f.Add(s, "")
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		c := &gin.Context{Request: &http.Request{Header: http.Header{"Authorization": {one}}}}
		if two != "" {
			c.Request.Header.Add("Authorization", two)
		}
		kind, token, err := Bearer(c)
		if err != nil || kind == NoBearer {
			if token != "" || kind != NoBearer || err == nil {
				t.Errorf("%q is refused and gives %q %q", one, kind, token)
			}
			return
		}
		if two != "" || len(one) != len("Bearer ")+len(token) || !strings.EqualFold(one[:7], "Bearer ") || one[7:] != token || !strings.HasPrefix(token, string(kind)) {
			t.Errorf("%q and %q give %q %q", one, two, kind, token)
		}
		for _, b := range []byte(token) {
			if !wordByte(b) {
				t.Errorf("a token with %q", b)
			}
		}
	})
}

// FuzzIdempotencyKey: two requests share a digest when their keys and bearers
// are the same and never otherwise; what was asked likewise.
func FuzzIdempotencyKey(f *testing.F) {
	raw, err := seal.Generate()
	if err != nil {
		f.Fatal(err)
	}
	keys, err := seal.Load(raw)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("a", "t", "{}", "a", "t", "{}")
	f.Add("a", "tb", "{}", "ab", "t", "{ }")
	f.Add("é", "", "\x00", strings.Repeat("k", 256), "|", "")
	f.Fuzz(func(t *testing.T, name, token, body, name2, token2, body2 string) {
		read := func(name, token, body string) (Key, bool) {
			c := &gin.Context{Request: httptest.NewRequest(http.MethodPost, "/api/v1/x", strings.NewReader(body))}
			k, err := readKey(c, keys.Tokens, []string{name}, token)
			plain := len(name) >= 1 && len(name) <= 255 && strings.Trim(name, visible) == ""
			if (err == nil) != (plain && len(body) <= MaxBody) {
				t.Errorf("key %q with a body of %d bytes: %v", name, len(body), err)
			}
			if _, twice := readKey(c, keys.Tokens, []string{name, name}, token); twice == nil {
				t.Errorf("%q is taken though it was sent twice", name)
			}
			return k, err == nil
		}
		a, ok := read(name, token, body)
		b, also := read(name2, token2, body2)
		if !ok || !also {
			return
		}
		if same := bytes.Equal(a.Digests[0], b.Digests[0]); same != (name == name2 && token == token2) {
			t.Errorf("%q of %q and %q of %q: same %v", name, token, name2, token2, same)
		}
		if same := bytes.Equal(a.Requests[0], b.Requests[0]); same != (body == body2) {
			t.Errorf("%q and %q: same %v", body, body2, same)
		}
	})
}

var visible = func() string {
	var b []byte
	for c := byte(0x21); c <= 0x7e; c++ {
		b = append(b, c)
	}
	return string(b)
}()

// FuzzHoldsSecret: an answer that is kept names no secret in any depth, as
// another reader of JSON sees it.
func FuzzHoldsSecret(f *testing.F) {
	for _, s := range []string{
		`{"token":"x"}`, `{"a":[{"recovery_keys":["x"]}]}`, `{"recovery_keys":{"left":3}}`, `["token","x"]`, `{"tok\u0065n":"x"}`, `{"key":null}`, `{} {"key":""}`, "",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if holdsSecret(body) || len(body) == 0 {
			return
		}
		for d := json.NewDecoder(bytes.NewReader(body)); d.More(); {
			var v any
			if err := d.Decode(&v); err != nil {
				t.Fatalf("%q is kept and is no JSON: %v", body, err)
			}
			if secretIn(v) {
				t.Errorf("%q is kept", body)
			}
		}
	})
}

func secretIn(v any) bool {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			if secretIn(one) {
				return true
			}
		}
	case map[string]any:
		for name, one := range v {
			_, text := one.(string)
			_, list := one.([]any)
			if secretNames[name] && (text || list) || secretIn(one) {
				return true
			}
		}
	}
	return false
}

// FuzzDeviceWords: what a client says of itself reaches mails and logs as a
// few plain words only.
func FuzzDeviceWords(f *testing.F) {
	for _, s := range []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0", "curl/8.5.0", "", "\x1b[31m/1", "a\r\nBcc: x", "<b>/1",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, agent string) {
		got := deviceWords(agent)
		if got == "" || len(got) > maxDevice || strings.TrimSpace(got) != got || strings.Contains(got, "  ") {
			t.Errorf("%q is called %q", agent, got)
		}
		for _, b := range []byte(got) {
			if !wordByte(b) && b != ' ' && b != '.' {
				t.Errorf("%q is called %q", agent, got)
			}
		}
	})
}
