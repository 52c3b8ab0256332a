package factor

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"latchkey/internal/fault"
)

const longestName = 60 // code points

// CanonicalName is what a method is called: an app's own name, trimmed, or a
// plain one where none was given. Unknown kinds are refused here.
func CanonicalName(k Kind, name string) (string, error) {
	switch k {
	case Email:
		return "Email", nil
	case App:
	default:
		return "", fault.InField("method", "field.method.unknown", nil)
	}
	name = strings.TrimSpace(norm.NFC.String(name))
	if name == "" {
		return "Authenticator app", nil
	}
	if !utf8.ValidString(name) || utf8.RuneCountInString(name) > longestName ||
		strings.ContainsFunc(name, func(r rune) bool {
			return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029'
		}) {
		return "", fault.InField("name", "field.method_name.invalid", map[string]any{"Max": longestName})
	}
	return name, nil
}
