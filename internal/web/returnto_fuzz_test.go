package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
)

// tricks are ways back that lead elsewhere, or that read in two ways.
var tricks = []string{
	"//e.example", "///e.example", `/\e.example`, `\\e.example`, `\/e.example`, "/\t/e.example", "\n//e.example", " //e.example", "/\r\\e.example",
	"https:e.example", "https:/e.example", "https:///e.example", "HTTPS:e.example/..//e", "http:/account", "javascript:alert(1)", "data:text/html,x", "//e.example:443/account",
	"//user@e.example", "https://id.example.com@e.example/", "https://id.example.com.e.example/", "//[::1]",
}

// FuzzSafeReturn: where we lead somebody back to is on our own origin, at the
// very path that is written there, for net/url and for a browser.
func FuzzSafeReturn(f *testing.F) {
	for _, s := range append(tricks, "/", "/account", "/account?x=1&y=2", "/%5ce", "/a/../b", "/a//b", "/a\n", "/é", "/account/tokens/1.2", "?x=1", "") {
		f.Add(s)
	}
	ours, _ := url.Parse("https://id.example.com/sign-in/code?return_to=x")
	f.Fuzz(func(t *testing.T, s string) {
		got := safeReturn(s)
		if got == "" {
			return
		}
		if got != s || safeReturn(got) != got {
			t.Errorf("%q became %q", s, got)
		}
		u, err := ours.Parse(got)
		if err != nil || u.String() != "https://id.example.com"+got {
			t.Errorf("%q leads to %v, %v", got, u, err)
		}
		if origin, path := browserReads(got); origin != "https://id.example.com" || path != got {
			t.Errorf("%q leads a browser to %s, %s", got, origin, path)
		}
		// The way there is a query of ours, and comes out of it as it went in.
		if way := returning(got); way != "" {
			if q, err := url.ParseQuery(way[1:]); err != nil || q.Get("return_to") != got || len(q) != 1 {
				t.Errorf("%q travels as %q", got, way)
			}
		}
	})
}

// browserReads resolves a reference on https://id.example.com as browsers do
// (URL Standard section 4.4): white space around it and tabs and line breaks
// in it are dropped, a backslash is a slash, and a scheme like our own makes
// it relative unless slashes follow. Origin and path are empty for what leads
// elsewhere.
func browserReads(s string) (origin, path string) {
	s = strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
	s = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(s)
	scheme, rest, found := strings.Cut(s, ":")
	if found && scheme != "" && strings.IndexByte("0123456789+-.", scheme[0]) < 0 &&
		strings.Trim(strings.ToLower(scheme), "abcdefghijklmnopqrstuvwxyz0123456789+-.") == "" {
		if strings.ToLower(scheme) != "https" {
			return "", ""
		}
		s = rest
	}
	end := strings.IndexAny(s+"?", "?#")
	s = strings.ReplaceAll(s[:end], `\`, "/") + s[end:]
	switch {
	case strings.HasPrefix(s, "//"):
		return "", ""
	case !strings.HasPrefix(s, "/"):
		s = "/sign-in/" + s
	}
	return "https://id.example.com", s
}

// A model that finds nothing foreign would prove nothing.
func TestBrowserReadsTricksAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, s := range tricks {
		if origin, path := browserReads(s); origin != "" && path == s {
			t.Errorf("%q is taken for our own", s)
		}
		if safeReturn(s) != "" {
			t.Errorf("%q is a way back", s)
		}
	}
}

// FuzzCookies: a name that comes twice is nobody's, and whatever is planted as
// the sign-in's cookie leads back to a page of ours only.
func FuzzCookies(f *testing.F) {
	j := jar{prefix: "__Host-latchkey-", secure: true}
	for _, s := range []string{
		"__Host-latchkey-sign-in=lki_x.L2FjY291bnQ", "__Host-latchkey-sign-in=a; __Host-latchkey-sign-in=b", "__Host-latchkey-sign-in=a.Ly9l",
		"__Host-latchkey-sign-in=\"a\";; =;x", "__host-latchkey-sign-in=a", "", "__Host-latchkey-sign-in=a.b.c; x=__Host-latchkey-sign-in=b",
	} {
		f.Add(s, "/account")
	}
	f.Fuzz(func(t *testing.T, header, way string) {
		ask := func(header string) *gin.Context {
			return &gin.Context{Request: &http.Request{Header: http.Header{"Cookie": {header}}}}
		}
		c, sent := ask(header), 0
		for _, one := range strings.Split(header, ";") {
			if name, _, _ := strings.Cut(strings.TrimSpace(one), "="); strings.TrimSpace(name) == j.name(signInCookie) {
				sent++
			}
		}
		held := j.get(c, signInCookie)
		if held != "" && (sent != 1 || len(held) > 1024) {
			t.Errorf("%q holds %q, sent %d times", header, held, sent)
		}
		in := j.signIn(c)
		if safeReturn(in.returnTo) != in.returnTo || !strings.HasPrefix(held, in.token) || strings.Contains(in.token, ".") {
			t.Errorf("%q leads on to %q with %q", header, in.returnTo, in.token)
		}

		// What we set comes back as it was, as one cookie.
		w := httptest.NewRecorder()
		set, _ := gin.CreateTestContext(w)
		want := openSignIn{"lki_0123456789", safeReturn(way)}
		j.setSignIn(set, want)
		back := (&http.Response{Header: w.Header()}).Cookies()
		if len(back) != 1 || !back[0].Secure || !back[0].HttpOnly || back[0].Path != "/" || back[0].Domain != "" {
			t.Fatalf("%q sets %v", way, w.Header())
		}
		if got := j.signIn(ask(back[0].Name + "=" + back[0].Value)); got != want {
			t.Errorf("%+v comes back as %+v", want, got)
		}
	})
}
