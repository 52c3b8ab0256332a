package account

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ccojocar/zxcvbn-go"

	"latchkey/internal/fault"
)

const (
	minScore = 3 // of zxcvbn's 0 to 4: "safely unguessable" by its authors' words

	// scoredRunes is how much of a password is given to zxcvbn at a time.
	scoredRunes = 64
)

// CheckPassword says whether a new password may be set: at least minLength and
// at most 256 code points after NFKC, and not guessable by zxcvbn, to which
// context (name, email address, product name) is known. No kinds of characters
// are demanded (NIST SP 800-63B-4 §3.1.1.2, ASVS 5.0 V6.2.5).
//
// The fault, nil when there is none, is an invalid_request about field
// "password".
func CheckPassword(password string, minLength int, context ...string) *fault.Fault {
	if password == "" {
		return wrongPassword("account.password.missing", map[string]any{"Min": minLength})
	}
	if !utf8.ValidString(password) {
		return wrongPassword("account.password.invalid", nil)
	}
	canonical, ok := canonicalPassword(password)
	switch {
	case !ok:
		return wrongPassword("account.password.too_long", map[string]any{"Max": passwordLength})
	case utf8.RuneCountInString(canonical) < minLength:
		return wrongPassword("account.password.too_short", map[string]any{"Min": minLength})
	case !strong(canonical, context):
		return wrongPassword("account.password.guessable", nil)
	}
	return nil
}

func strong(password string, context []string) bool {
	return zxcvbn.PasswordStrength(password, contextWords(context)).Score >= minScore
}

// contextWords takes the context apart into what people build passwords of: each
// value whole, without its spaces, and its words.
func contextWords(context []string) []string {
	var words []string
	for _, c := range context {
		c = strings.ToLower(c)
		parts := strings.FieldsFunc(c, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })
		words = append(words, c, strings.Join(parts, ""))
		for _, p := range parts {
			if utf8.RuneCountInString(p) >= 3 { // shorter ones are in everything
				words = append(words, p)
			}
		}
	}
	return words
}
