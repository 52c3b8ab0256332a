package forwardauth

import (
	"net/url"
	"testing"
)

func mustRead(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, ok := address(raw, "https")
	if !ok {
		t.Fatalf("%s can't be read", raw)
	}
	return u
}

// FuzzAddress: whatever is read as an app's address leads nowhere else.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{"https://a.example.com/x", "http://a@b/", "//x", "https:\\\\x", "https://[::1]:8/", "https://a.example.com\t/", "ws://a/%2e"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, ok := address(raw, "https")
		if !ok {
			return
		}
		again, ok := address(u.String(), "https")
		if !ok || again.Host != u.Host || again.Scheme != "https" || again.User != nil || again.EscapedPath() != u.EscapedPath() {
			t.Errorf("%q reads as %v, and that as %v", raw, u, again)
		}
	})
}
