package mail

import (
	"net/mail"
	"regexp"
	"strings"
	"unicode"
)

// oneLine makes a text that someone else chose safe to stand inside a line of
// ours: no line breaks of any script, no control or direction characters that
// could fake a line, hide one or turn it around.
func oneLine(s string) string {
	s = strings.ToValidUTF8(s, "")
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), r == '\u2028', r == '\u2029', unicode.IsControl(r):
			return ' '
		case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Co, r):
			return -1
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// cut shortens a text to n characters and shows that it did.
func cut(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}

// host finds the dots that make a word look like the name of a host: two letters
// follow. Full stops of other scripts count, since browsers read them alike.
var host = regexp.MustCompile(`[.\x{3002}\x{ff0e}\x{ff61}](\pL\pL)`)

// linkish finds what a mail program would turn into a link by itself.
var linkish = regexp.MustCompile(`[/:@\\]|` + host.String())

// unlinked breaks the links in a text that someone else chose, so that none of
// ours carries theirs: "https://a.example" reads "https[:]//a[.]example". An
// address of mail stays as it is.
func unlinked(s string) string {
	if a, err := mail.ParseAddress(s); err == nil && a.Address == s {
		return s
	}
	return strings.ReplaceAll(host.ReplaceAllString(s, "[.]$1"), "://", "[:]//")
}

// greeting is the name to address someone by, or nothing when the name is not
// one: whoever signs up with a foreign address chooses the name that its owner
// will read, and must not be able to place an advertisement or a link there.
func greeting(name string) string {
	name = oneLine(name)
	if linkish.MatchString(strings.ToLower(name)) || len([]rune(name)) > 60 {
		return ""
	}
	return name
}
