package factor

import (
	"crypto/rand"
	"encoding/binary"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

const (
	codeDigits = 6
	codeSpace  = 1_000_000 // how many codes of six digits there are

	// referenceAlphabet has no vowels, so that no word can appear, and none of
	// the pairs that are misread on a phone: 0 O, 1 I L, 2 Z, 5 S, 8 B, U V.
	// Twenty symbols give 400 references: enough to tell two mails apart, and
	// nothing depends on their being unguessable.
	referenceAlphabet = "CDFHJKMNPQRTWXY34679"
)

// CanonicalCode makes what a person typed or pasted into what is compared: it
// applies NFKC, which turns full-width, mathematical and other compatibility
// digits into ASCII, and drops spaces, hyphens, dashes and invisible characters
// of every kind. It comes before anything else is done with a typed code, so
// that one code has one form in every meter, digest and comparison.
//
// It drops nothing else: "12345a" stays wrong instead of becoming five digits.
func CanonicalCode(s string) string {
	return strings.Map(func(r rune) rune {
		if separates(r) {
			return -1
		}
		return r
	}, norm.NFKC.String(s))
}

// separates reports whether r only spaces out what it stands between.
func separates(r rune) bool {
	switch r {
	case '\u2043', '\u2212', '\u30FC', '\u034F', '\u3164', '\u115F', '\u1160':
		// Hyphen bullet, minus sign, the long mark of Japanese keyboards, grapheme joiner and Hangul fillers: dashes
		// and blanks to the eye, whatever their class.
		return true
	}
	return unicode.IsSpace(r) ||
		unicode.In(r, unicode.Z, unicode.Pd, unicode.Cf, unicode.Variation_Selector)
}

// IsCode reports whether s, already canonical, is exactly six ASCII digits.
func IsCode(s string) bool {
	if len(s) != codeDigits {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// newDigits returns a fresh code for a mail: six digits, uniform over all
// million of them (ASVS 5.0 V11.5.1).
func newDigits() string { return digits(random32) }

// digits draws until a number falls below the largest multiple of a million
// that fits in 32 bits: a bare remainder would favour small codes.
func digits(draw func() uint32) string {
	const limit = 1<<32 - (1<<32)%codeSpace
	n := draw()
	for uint64(n) >= limit {
		n = draw()
	}
	n %= codeSpace
	var b [codeDigits]byte
	for i := codeDigits - 1; i >= 0; i-- {
		b[i] = '0' + byte(n%10)
		n /= 10
	}
	return string(b[:])
}

// newReference returns the two characters, such as "K7", by which a page and
// its mail are told to belong together. It is no secret.
func newReference() string {
	n, a := random32(), uint32(len(referenceAlphabet)) // a remainder will do
	return string([]byte{referenceAlphabet[n%a], referenceAlphabet[n/a%a]})
}

// random32 draws from the system's generator, which never fails: crypto/rand
// ends the process where it can't be read.
func random32() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:])
	return binary.BigEndian.Uint32(b[:])
}
