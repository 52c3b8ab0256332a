package forwardauth

import (
	"math/rand/v2"
	"net/url"
	"path"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"latchkey/internal/config"
)

// habits are what servers, frameworks and file systems are known to do with a
// path before they choose a page.
var habits = []func(string) string{
	decoded, // some do it twice
	strings.ToLower,
	func(p string) string { return path.Clean("/" + p) },
	func(p string) string { return strings.ReplaceAll(p, "\\", "/") },
	func(p string) string { return norm.NFKC.String(p) },
	without(`;[^/]*`),                    // Java: parameters of a segment
	without(`[. ]+(/|$)`),                // Windows: dots and spaces at an end
	without(`:[^/]*$`),                   // NTFS: streams
	without(`\.[a-zA-Z0-9]+$`),           // Rails, Spring: formats
	without(`[?#\x00].*$`),               // C and hand-made routers
	without(`[\x{200b}-\x{200f}\x{ad}]`), // HFS+: what nobody sees
	func(p string) string { return strings.ReplaceAll(p, "+", " ") },
	func(p string) string { return strings.TrimFunc(p, unicode.IsSpace) },
	func(p string) string { return strings.NewReplacer("\xc0\xae", ".", "\xc0\xaf", "/").Replace(p) }, // overlong
}

func without(pattern string) func(string) string {
	re := regexp.MustCompile(pattern)
	return func(p string) string { return re.ReplaceAllString(p, "$1") }
}

// decoded leaves what is no escape as it is.
func decoded(p string) string {
	return regexp.MustCompile(`%[0-9a-fA-F]{2}`).ReplaceAllStringFunc(p, func(e string) string {
		b, _ := url.PathUnescape(e) // it is one
		return b
	})
}

// ServedAs gives every path that an app might serve for one, whatever habits
// it has, in whatever order, up to four.
func ServedAs(raw string) []string {
	all, seen := []string{raw}, map[string]bool{raw: true}
	for from, round := 0, 0; round < 4; round++ {
		upto := len(all)
		for _, p := range all[from:upto] {
			for _, habit := range habits {
				if next := habit(p); !seen[next] {
					seen[next], all = true, append(all, next)
				}
			}
		}
		from = upto
	}
	return all
}

// MayServe reports whether an app might serve what lies under a page.
func MayServe(raw, page string) bool {
	for _, p := range ServedAs(raw) {
		if below(page, p) {
			return true
		}
	}
	return false
}

var guarded = rules{
	{Host: "a.example.com", Path: "/public", Allow: config.AllowAll},
	{Host: "a.example.com", Path: "/vault/keys", Allow: config.AllowTwoFactor},
	{Host: "a.example.com", Path: "/", Allow: config.AllowSignedIn},
}

// holdsFor fails if an app might serve more for a path than its rules let by.
func holdsFor(t *testing.T, raw string) {
	t.Helper()
	u, ok := asked("https://a.example.com"+raw, "https")
	if !ok {
		return
	}
	must := guarded.find(u)
	if len(must) == 0 {
		return
	}
	var strict bool
	for _, one := range must {
		strict = strict || one.Allow == config.AllowTwoFactor
	}
	for _, p := range ServedAs(u.EscapedPath()) {
		switch {
		case below("/vault/keys", p) && !strict:
			t.Fatalf("%q may be served as %q, and asks for %v", raw, p, must)
		case !below("/public", p) && must.open():
			t.Fatalf("%q may be served as %q, and asks nobody", raw, p)
		}
	}
}

// TestNoSpellingSlipsUnderAMilderRule puts paths together from all that has
// ever been read in two ways.
func TestNoSpellingSlipsUnderAMilderRule(t *testing.T) {
	t.Parallel()
	parts := []string{
		"/", "/", "/", "vault", "keys", "public", "VAULT", "Keys", "x", ".", "..", ";", ";v=1", ":", "\\", "+", " ", ".json", "~",
		"%2f", "%2F", "%5c", "%2e", "%2E", "%00", "%0a", "%09", "%20", "%3b", "%3f", "%23", "%25", "%252e", "%76", "%6B", "%70", "%u0076",
		"%c0%ae", "%c0%af", "%ef%bc%8f", "%ef%bd%96", "%e2%80%8b", "%c2%ad", "%c4%b1", "%e2%84%aa", "%c5%bf", "%ff", "%", "?", "#",
	}
	chance := rand.New(rand.NewPCG(1, 2))
	for range 4000 {
		raw := []string{"", "/vault/keys", "/vault", "/public", "/public/x"}[chance.IntN(5)]
		for range 1 + chance.IntN(5) {
			at := chance.IntN(len(raw) + 1)
			raw = raw[:at] + parts[chance.IntN(len(parts))] + raw[at:]
		}
		holdsFor(t, "/"+strings.TrimPrefix(raw, "/"))
	}
}

// FuzzSpellings goes on where the test above ends.
func FuzzSpellings(f *testing.F) {
	for _, raw := range []string{"/vault/keys", "/Vault/%6beys", "/public/..;/vault/keys", "/vault/keys.json;v=1"} {
		f.Add(raw)
	}
	f.Fuzz(holdsFor)
}
