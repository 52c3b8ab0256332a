package forwardauth

import (
	"strings"
	"testing"

	"latchkey/internal/config"
)

func TestTheFirstRuleThatFitsDecides(t *testing.T) {
	t.Parallel()
	r := rules{
		{Host: "app.example.com", Path: "/public", Allow: "bypass"},
		{Host: "app.example.com", Path: "/admin/", Allow: "two_factor"},
		{Host: "app.example.com", Path: "/", Allow: "signed_in"},
		{Host: "*.wiki.example.com", Path: "/", Allow: "signed_in"},
		{Host: "dev.example.com:8443", Path: "/", Allow: "signed_in"},
	}
	for raw, want := range map[string]string{
		"https://app.example.com":                     "signed_in",
		"https://app.example.com/":                    "signed_in",
		"https://APP.example.com:8080/x":              "signed_in",
		"https://app.example.com/public":              "bypass",
		"https://app.example.com/public/a.css?x=../y": "bypass",
		"https://app.example.com/publicity":           "signed_in",
		"https://app.example.com/admin":               "two_factor",
		"https://app.example.com/admin/users":         "two_factor",
		// What some app may take for a page of another rule meets both.
		"https://app.example.com/%70ublic/a":        "bypass and signed_in",
		"https://app.example.com/Public":            "bypass and signed_in",
		"https://app.example.com/ADMIN/users":       "two_factor and signed_in",
		"https://app.example.com/%61dmin":           "two_factor and signed_in",
		"https://app.example.com/admin.json":        "two_factor and signed_in",
		"https://app.example.com/admin;v=1/users":   "two_factor and signed_in",
		"https://app.example.com/admin::$DATA":      "two_factor and signed_in",
		"https://app.example.com/admin%20":          "two_factor and signed_in",
		"https://app.example.com/%EF%BD%81dmin":     "two_factor and signed_in", // a full-width a
		"https://app.example.com/adm%C4%B1n":        "two_factor and signed_in", // an i without its dot
		"https://app.example.com/ad%E2%80%8Bmin/x":  "two_factor and signed_in", // a space without width
		"https://app.example.com/admin%3Fx":         "two_factor and signed_in",
		"https://app.example.com/public/admin":      "bypass",
		"https://app.example.com/notes/b%C3%BCcher": "signed_in",
		"https://app.example.com/notes/a.b/":        "signed_in",
		"https://app.example.com/.well-known/x":     "signed_in",
		// What can be read as other segments is refused.
		"https://app.example.com/public/../admin":       "",
		"https://app.example.com/public/%2e%2e/admin":   "",
		"https://app.example.com/public/..;/admin":      "",
		"https://app.example.com/public/..%3b/admin":    "",
		"https://app.example.com/public%2f..%2fadmin":   "",
		"https://app.example.com/public/%252e%252e/a":   "",
		"https://app.example.com/public/..%5cadmin":     "",
		"https://app.example.com//admin":                "",
		"https://app.example.com/./admin":               "",
		"https://app.example.com/public/%2E%2E":         "",
		"https://app.example.com/;/admin":               "",
		"https://app.example.com/public/.%20./admin":    "",
		"https://app.example.com/public/%E2%80%A5/x":    "", // two dots in one character
		"https://app.example.com/public%EF%BC%8Fx":      "", // a full-width slash
		"https://app.example.com/admin%00":              "",
		"https://app.example.com/admin%0A":              "",
		"https://app.example.com/public/%C0%AE%C0%AE/x": "", // dots, overlong
		"https://app.example.com/...":                   "",
		"https://a.wiki.example.com/a%2Fb//c":           "signed_in", // one rule for the whole host: nothing to slip under
		"https://wiki.example.com/":                     "",
		"https://evilwiki.example.com/":                 "",
		"https://dev.example.com:8443/":                 "signed_in",
		"https://dev.example.com/":                      "",
		"https://other.example.com/":                    "",
		"https://app.example.com.evil.example/":         "",
		"https://evil.example/app.example.com/public":   "",
		"https://app.example.com@evil.example/public/x": "unread",
		"javascript:alert(1)//app.example.com/":         "unread",
		"//app.example.com/":                            "unread",
		"/public":                                       "unread",
		"https://app.example.com\\@evil.example/":       "unread",
		"https:/app.example.com/":                       "unread",
		"https://app.example.com/a b":                   "unread",
		"https://app.example.com;/public":               "unread",
		"https://app.example.com%2fpublic/x":            "unread",
	} {
		u, ok := address(raw, "https")
		if !ok {
			if want != "unread" {
				t.Errorf("%s can't be read", raw)
			}
			continue
		}
		var got []string
		for _, one := range r.find(u) {
			got = append(got, one.Allow)
		}
		if got := strings.Join(got, " and "); got != want {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
	if must := (rules(nil)).find(mustRead(t, "https://app.example.com/")); len(must) > 0 {
		t.Error("without rules somebody gets somewhere")
	}
}

func TestRulesOfOneHostAreNoOthers(t *testing.T) {
	t.Parallel()
	r := rules{{Host: "*.example.com", Path: "/", Allow: config.AllowSignedIn}}
	for host, want := range map[string]bool{
		"a.example.com": true, "a.b.example.com": true, "a.example.com:444": true, "A.EXAMPLE.com": true,
		"example.com": false, ".example.com": false, "aexample.com": false, "a.example.com.": false, "a.example.org": false, "": false,
	} {
		if got := r.knows(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}
