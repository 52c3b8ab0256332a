package forwardauth

import (
	"net/url"
	"strings"
	"testing"
)

// FuzzAsked: the address that we judge is the one that the app will serve:
// this host, and this path, whatever else stands in either.
func FuzzAsked(f *testing.F) {
	for _, s := range [][2]string{
		{"a.example.com", "/x?y=1"}, {"A.example.com:8443", "/"}, {"a.example.com?", "/x"}, {"a.example.com#", "/x"}, {"a.example.com/public", "/admin"},
		{"u@a.example.com", "/"}, {"[::1]:80", "//x"}, {"a.example.com", "/x#y"}, {"a.example.com", "/%zz"}, {"a:b", "/"}, {"", "/"}, {"0", `/"`},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, host, uri string) {
		if !strings.HasPrefix(uri, "/") || !plainHost(host) {
			return
		}
		u, ok := asked("https://"+host+uri, "https")
		if !ok {
			return
		}
		way, query, _ := strings.Cut(uri, "?")
		served, err := url.PathUnescape(way)
		if err != nil || u.Host != strings.ToLower(host) || u.Path != served || u.RawQuery != query || u.User != nil || u.Fragment != "" {
			t.Errorf("%q of %q reads as %v", uri, host, u)
		}
	})
}
