package session

import (
	"strings"
	"testing"
)

// FuzzAccessToken: a token is one of ours when its checksum fits and in no
// other case: each wrong character is seen, each exchange of neighbours, and
// each that was cut off.
func FuzzAccessToken(f *testing.F) {
	f.Add("", []byte{}, uint8(0), uint8(0))
	f.Add(newAccessToken(), []byte("chance"), uint8(12), uint8(1))
	f.Add(strings.Replace(newAccessToken(), "lkp_", "lks_", 1), []byte{0, 255}, uint8(45), uint8(61))
	f.Fuzz(func(t *testing.T, found string, random []byte, at, by uint8) {
		if wellFormed(found) {
			body, sum := found[:len(found)-tokenCheck], found[len(found)-tokenCheck:]
			if len(body) != len(TokenPrefix)+tokenChance || !strings.HasPrefix(body, TokenPrefix) || checksum(body) != sum || strings.Trim(found[4:], alphabet) != "" {
				t.Errorf("%q passes", found)
			}
		}
		b := []byte(TokenPrefix + strings.Repeat("0", tokenChance))
		for i := range min(len(random), tokenChance) {
			b[len(TokenPrefix)+i] = alphabet[int(random[i])%len(alphabet)]
		}
		token := string(b) + checksum(string(b))
		if !wellFormed(token) {
			t.Fatalf("%q is refused", token)
		}
		i := int(at) % len(token)
		wrong := []byte(token)
		wrong[i] = alphabet[int(by)%len(alphabet)]
		if wellFormed(string(wrong)) != (string(wrong) == token) {
			t.Errorf("%q passes for %q", wrong, token)
		}
		if i > 0 {
			wrong = []byte(token)
			wrong[i-1], wrong[i] = wrong[i], wrong[i-1]
			if wellFormed(string(wrong)) != (string(wrong) == token) {
				t.Errorf("%q passes for %q", wrong, token)
			}
		}
		if wellFormed(token[:i]) || wellFormed(token+token[i:i+1]) {
			t.Errorf("%q passes when it is cut at %d, or longer", token, i)
		}
	})
}
