package forwardauth

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Which page a path means is up to the app: one reads /Vault, /vault;v=1 or
// /vault.json as /vault, another knows three pages. So a path is judged in
// every way that apps are known to read it, and what no judgement can follow
// (ambiguous) is refused.

// ambiguous reports whether apps may find other segments in a path than we do:
// dot segments, doubled and escaped slashes, escapes of escapes, bytes that are
// no text.
func ambiguous(u *url.URL) bool {
	raw := strings.ToLower(u.EscapedPath())
	for _, odd := range []string{"//", "\\", "%2f", "%5c", "%2e", "%25", "%3b"} {
		if strings.Contains(raw, odd) {
			return true
		}
	}
	if !utf8.ValidString(u.Path) || strings.ContainsFunc(u.Path, unicode.IsControl) {
		return true
	}
	parts := strings.Split(u.Path, "/")
	for i, part := range parts[1:] {
		last := i == len(parts)-2
		if part == "" && last {
			continue
		}
		// Java takes "..;x" for "..", and ";" for nothing; Windows ". ." too.
		part = folded(part)
		if name := part[:end(part, ";:?#")]; strings.Trim(name, ".") == "" || strings.ContainsAny(part, `/\`) {
			return true
		}
	}
	return false
}

// below: /admin holds for /admin and /admin/users, never for /administration.
func below(rule, path string) bool {
	rule = strings.TrimSuffix(rule, "/")
	return path == rule || strings.HasPrefix(path, rule+"/")
}

// mayBeBelow is below for an app that cares little about case, alphabets and
// spaces, and for which a name ends before ".json", ";v=1" or "::$DATA".
func mayBeBelow(rule, path string) bool {
	names := strings.Split(strings.TrimSuffix(rule, "/"), "/")
	parts := strings.Split(path, "/")
	if len(parts) < len(names) {
		return false
	}
	for i, name := range names {
		rest, ok := strings.CutPrefix(folded(parts[i]), folded(name))
		if first, _ := utf8.DecodeRuneInString(rest); !ok || rest != "" && inName(first) {
			return false
		}
	}
	return true
}

func inName(r rune) bool { return r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// folded is what names have in common that some system takes for one: case,
// width, accents, and characters that nobody sees.
func folded(s string) string {
	seen := strings.Map(func(r rune) rune {
		if r == '+' || unicode.In(r, unicode.Z, unicode.C, unicode.M, unicode.Other_Default_Ignorable_Code_Point) {
			return -1
		}
		return r
	}, norm.NFKD.String(s))
	return cases.Fold().String(strings.ToUpper(seen))
}

func end(s, at string) int {
	if i := strings.IndexAny(s, at); i >= 0 {
		return i
	}
	return len(s)
}
