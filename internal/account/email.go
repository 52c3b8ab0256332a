package account

import (
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"latchkey/internal/fault"
)

const (
	// emailBytes and localBytes are the longest that SMTP carries (RFC 5321
	// §4.5.3.1: a path of 256 with its angle brackets, and a local part of 64).
	emailBytes = 254
	localBytes = 64

	// typedBytes bounds what is looked at all: no address that fits above is
	// longer before normalisation, in whatever writing.
	typedBytes = 4 * emailBytes
)

// mailDomain is IDNA2008 for looking up, with the lengths of DNS, host-name
// characters only, and without the old mapping of ß to ss, which would send
// one person's mail to another's domain.
var mailDomain = idna.New(
	idna.MapForLookup(),
	idna.Transitional(false),
	idna.StrictDomainName(true),
	idna.CheckHyphens(true),
	idna.CheckJoiners(true),
	idna.BidiRule(),
	idna.VerifyDNSLength(true),
)

// CanonicalEmail returns the one form in which an address is stored, compared,
// counted and mailed to: trimmed, NFKC, lower-cased, its domain in ASCII
// (RFC 5891). Comparing and mailing use the same string, so an address that
// only looks like another's can't receive the other's mail, and variants of one
// address share one guess meter. It is idempotent.
//
// The policy is narrower than RFC 5321: one "@", no quoted local parts, no
// domain literals, no single-label domains such as localhost, at most 64 bytes
// before the "@" and 254 in all. The local part is ASCII: mail servers without
// SMTPUTF8 (RFC 6531) can't be sent any other, and its owner would be locked
// out of their codes. Dots and "+tags" are kept: only the provider knows
// whether they matter.
//
// The fault, nil when there is none, is an invalid_request about field "email".
func CanonicalEmail(s string) (string, *fault.Fault) {
	if len(s) > typedBytes {
		return "", wrongEmail("account.email.too_long")
	}
	s = strings.TrimSpace(norm.NFKC.String(s))
	if s == "" {
		return "", wrongEmail("account.email.missing")
	}
	local, domain, ok := strings.Cut(strings.ToLower(s), "@")
	if !ok || strings.Contains(domain, "@") {
		return "", wrongEmail("account.email.invalid")
	}
	if f := checkLocal(local); f != nil {
		return "", f
	}
	domain, f := canonicalDomain(domain)
	if f != nil {
		return "", f
	}
	if len(local)+1+len(domain) > emailBytes {
		return "", wrongEmail("account.email.too_long")
	}
	return local + "@" + domain, nil
}

// checkLocal admits the dot-atom of RFC 5322 §3.2.3, which has no quotes,
// brackets, spaces or control characters.
func checkLocal(local string) *fault.Fault {
	if len(local) > localBytes {
		return wrongEmail("account.email.too_long")
	}
	for _, atom := range strings.Split(local, ".") {
		if atom == "" { // leading, trailing or double dot, or nothing at all
			return wrongEmail("account.email.invalid")
		}
	}
	for _, r := range local {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', strings.ContainsRune(".!#$%&'*+-/=?^_`{|}~", r):
		case visibleLetter(r):
			return wrongEmail("account.email.ascii_only")
		default:
			return wrongEmail("account.email.invalid")
		}
	}
	return nil
}

// canonicalDomain returns domain in ASCII. It wants two labels or more and a
// last label that is not a number: 192.0.2.1 is an address, not a domain
// (RFC 3696 §2).
func canonicalDomain(domain string) (string, *fault.Fault) {
	if strings.ContainsFunc(domain, invisible) {
		return "", wrongEmail("account.email.invalid")
	}
	ascii, err := mailDomain.ToASCII(domain)
	if err != nil {
		return "", wrongEmail("account.email.invalid")
	}
	labels := strings.Split(ascii, ".")
	if len(labels) < 2 || strings.Trim(labels[len(labels)-1], "0123456789") == "" {
		return "", wrongEmail("account.email.invalid")
	}
	for _, l := range labels {
		if l == "" {
			return "", wrongEmail("account.email.invalid")
		}
	}
	return ascii, nil
}

// invisible reports whether r leaves no mark: IDNA drops most of these without a
// word. The two joiners are spelling in some scripts, and IDNA refuses them
// elsewhere (RFC 5892 appendix A).
func invisible(r rune) bool {
	return r != '\u200c' && r != '\u200d' && unicode.In(r, unicode.Cf,
		unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
}

func wrongEmail(id string) *fault.Fault { return fault.InField("email", id, nil) }
