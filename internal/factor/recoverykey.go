package factor

import (
	"crypto/rand"
	"strings"

	"golang.org/x/text/unicode/norm"
)

const (
	// crockford is the alphabet of recovery keys: base32 without I, L, O and U,
	// so that nothing is misread and no word appears.
	crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

	keySymbols = 16 // fifteen random ones, 75 bits, and the check symbol
	keyGroup   = 4
)

// newRecoveryKey returns a fresh recovery key as it is shown,
// XXXX-XXXX-XXXX-XXXX: fifteen symbols carry 75 random bits, more than the 64
// that make an online guess hopeless and a keyed digest safe to keep (NIST SP
// 800-63B-4 §3.1.2.2), and the last one checks the others.
func newRecoveryKey() string {
	var b [keySymbols]byte
	_, _ = rand.Read(b[:keySymbols-1]) // never fails
	for i := range keySymbols - 1 {
		b[i] &= 31 // 256 is a multiple of 32: still uniform
	}
	b[keySymbols-1] = weigh(b) // which takes it as zero
	for i, v := range b {
		b[i] = crockford[v]
	}
	return FormatRecoveryKey(string(b[:]))
}

// CanonicalRecoveryKey makes a typed key into the sixteen symbols that are
// digested: any case, with or without spaces, hyphens and invisible characters
// of every kind, O read as 0, I and L as 1. It is false for anything that can't
// be a key: another length, another symbol, or a check symbol that does not
// fit. Such a slip of the pen is told at once and charged as no guess.
func CanonicalRecoveryKey(s string) (canonical string, ok bool) {
	var (
		values [keySymbols]byte
		text   [keySymbols]byte
		n      int
	)
	for _, r := range norm.NFKC.String(s) {
		if separates(r) {
			continue
		}
		v := symbolValue(r)
		if v < 0 || n == keySymbols {
			return "", false
		}
		values[n], text[n] = byte(v), crockford[v] // #nosec G115 -- 0 to 31
		n++
	}
	if n != keySymbols || weigh(values) != 0 {
		return "", false
	}
	return string(text[:]), true
}

// FormatRecoveryKey sets the sixteen symbols of a canonical key in groups of
// four, joined by hyphens.
func FormatRecoveryKey(canonical string) string {
	var b strings.Builder
	for i := range len(canonical) {
		if i > 0 && i%keyGroup == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(canonical[i])
	}
	return b.String()
}

// symbolValue is 0 to 31, or -1 for what is no symbol.
func symbolValue(r rune) int {
	if r >= 'a' && r <= 'z' {
		r -= 'a' - 'A'
	}
	switch r {
	case 'O':
		return 0
	case 'I', 'L':
		return 1
	}
	if r > 'Z' {
		return -1
	}
	return strings.IndexByte(crockford, byte(r)) // #nosec G115 -- at most 'Z'
}

// weigh is the position-weighted sum of a key's symbols, which is zero for a
// true key. The sum is taken in the field GF(32): symbols are added by XOR and
// the weight of position i is a^(15-i), a being the root of x⁵+x²+1, so that
// the check symbol weighs 1. The sixteen weights are all different and none is
// zero (a has order 31).
//
// Caught, always: one wrong symbol, wherever it is, and any two symbols
// exchanged, neighbours or not. A field is needed for that: modulo 32, catching
// each wrong symbol takes odd weights, odd weights differ by even numbers, and
// an exchange of symbols sixteen apart in value would pass.
//
// Not caught, one time in 32: two or more wrong symbols, and any other scramble.
// A missing or extra symbol fails by its length.
func weigh(values [keySymbols]byte) byte {
	var sum byte
	for _, v := range values { // Horner's rule
		sum <<= 1 // times a
		if sum&32 != 0 {
			sum ^= 0b100101 // x⁵ = x²+1
		}
		sum ^= v
	}
	return sum
}
