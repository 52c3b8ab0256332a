package account

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ccojocar/zxcvbn-go/match"
	"github.com/ccojocar/zxcvbn-go/matching"
	"github.com/ccojocar/zxcvbn-go/scoring"
	"golang.org/x/text/unicode/norm"

	"latchkey/internal/fault"
)

const (
	minScore = 3 // of zxcvbn's 0 to 4: "safely unguessable" in its authors' words

	// scoredLength is how much of a password zxcvbn sees at a time: its work
	// grows with the square of the length and worse.
	scoredLength = 64
)

// CheckPassword says whether a new password may be set: at least minLength and
// at most 256 code points after NFKC (and at least minLength before it, for
// there are single characters that it turns into eighteen), and not guessable by zxcvbn, to which
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
	case min(utf8.RuneCountInString(canonical), utf8.RuneCountInString(password)) < minLength:
		return wrongPassword("account.password.too_short", map[string]any{"Min": minLength})
	case !strong(canonical, contextWords(context)):
		return wrongPassword("account.password.guessable", nil)
	}
	return nil
}

// strong reports whether some stretch of the password is unguessable by itself:
// then so is the whole.
func strong(password string, words []string) bool {
	for s := plain(password); s != ""; {
		part := s[:min(len(s), scoredLength)]
		if score(part, words) >= minScore {
			return true
		}
		s = s[len(part):]
	}
	return false
}

// score is zxcvbn's estimate for an ASCII string. Its parts are put together
// here rather than by its PasswordStrength for two reasons: that one tries every
// combination of look-alikes, and twenty of them ("4@8({[<…") cost it more than
// a second; and it places a date one character too far to the right, so that
// dates at the end, where people put them, count as random digits.
func score(s string, words []string) int {
	matches := matching.Omnimatch(s, words, matching.FilterL33tMatcher)
	for i := range matches {
		if matches[i].DictionaryName == "date_match" {
			matches[i].J--
		}
	}
	for _, lookAlikes := range []*strings.Replacer{lookAlikesI, lookAlikesL} {
		if t := lookAlikes.Replace(s); t != s {
			matches = append(matches, matching.Omnimatch(t, words, notDictionary)...)
		}
	}
	return scoring.MinimumEntropyMatchSequence(s, matches).Score
}

// The two ways to read a word with look-alikes: 1 and 7 stand for i and t, or
// both for l. Each replaces one byte by one, so that places stay the same.
var (
	lookAlikes  = []string{"4", "a", "@", "a", "8", "b", "(", "c", "{", "c", "[", "c", "<", "c", "3", "e", "6", "g", "9", "g", "0", "o", "$", "s", "5", "s", "+", "t", "%", "x", "2", "z"}
	lookAlikesI = strings.NewReplacer(append([]string{"1", "i", "!", "i", "|", "i", "7", "t"}, lookAlikes...)...)
	lookAlikesL = strings.NewReplacer(append([]string{"1", "l", "!", "l", "|", "l", "7", "l"}, lookAlikes...)...)
)

// notDictionary filters out all matchers but the lists of words: a date read
// with look-alikes is none.
func notDictionary(m match.Matcher) bool {
	return matching.FilterL33tMatcher(m) || matching.FilterSpatialMatcher(m) ||
		matching.FilterRepeatMatcher(m) || matching.FilterSequenceMatcher(m) ||
		matching.FilterDateSepMatcher(m) || matching.FilterDateWithoutSepMatcher(m)
}

// plain spells a password in ASCII for zxcvbn, one byte a character, because it
// counts bytes in some places and runes in others and can panic over the
// difference. Marks are dropped, so that "pässwörd" is recognised; a character
// of another writing becomes one of 31 control characters, which keeps repeats
// visible and counts for the five bits of a symbol.
func plain(s string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(s) {
		switch {
		case r < utf8.RuneSelf:
			b.WriteRune(r)
		case !unicode.Is(unicode.Mn, r):
			b.WriteByte(byte(1 + unicode.ToLower(r)%31)) // #nosec G115 -- 1 to 31
		}
	}
	return b.String()
}

// contextWords takes the context apart into what people make passwords of: each
// value whole, the same without spaces and signs, and its words.
func contextWords(context []string) []string {
	var words []string
	for _, c := range context {
		c = strings.ToLower(c)
		parts := strings.FieldsFunc(c, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })
		words = append(words, plain(c), plain(strings.Join(parts, "")))
		for _, p := range parts {
			if utf8.RuneCountInString(p) >= 3 { // shorter ones are in everything
				words = append(words, plain(p))
			}
		}
	}
	return words
}
