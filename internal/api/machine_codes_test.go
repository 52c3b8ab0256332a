package api_test

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238 as apps do it
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// The codes that the machine types.

// code draws a method and a code for it: the right one, one of another step,
// lock, set or user, one that was used, one that never was.
func (m *machine) code(u *mUser, s *mSession, purpose string, holder any) (kind, code string) {
	kinds := []string{"app", "email", "recovery_key"}
	if len(u.methods) > 0 && m.yes("a method that is on") {
		kinds = []string{pick(m, u.methods, "method").kind}
	}
	if purpose == "verify_email" {
		kinds = []string{"email"}
	}
	kind = rapid.SampledFrom(kinds).Draw(m.t, "kind")
	if !m.careless && m.yes("right") {
		return kind, m.rightFor(u, s, kind, purpose, holder)
	}
	whose := u
	if rapid.IntRange(0, 3).Draw(m.t, "whose") == 0 {
		whose = m.other(u)
	}
	code = "271828"
	switch kind {
	case "app":
		for _, one := range whose.methods {
			if one.kind == "app" {
				code = totp(one.secret, m.now.Unix()/30+rapid.Int64Range(-2, 2).Draw(m.t, "step"))
				break
			}
		}
	case "email":
		if len(whose.codes) > 0 {
			code = pick(m, whose.codes, "code").code
		}
	case "recovery_key":
		code = "ABCD-EFGH-JKMN-PQRU"
		all := append(slices.Sorted(maps.Keys(whose.keys)), whose.oldKeys...)
		if len(all) > 0 {
			code = all[rapid.IntRange(0, len(all)-1).Draw(m.t, "key")]
		}
	}
	return kind, code
}

// rightFor is the code that a person with everything at hand would type.
func (m *machine) rightFor(u *mUser, s *mSession, kind, purpose string, holder any) string {
	switch kind {
	case "app":
		if s != nil && purpose == "enrolment" && s.enrolments["app"] != nil {
			return totp(s.enrolments["app"].secret, m.now.Unix()/30)
		}
		for _, one := range u.methods {
			if one.kind == "app" {
				return totp(one.secret, max(m.now.Unix()/30, min(one.last+1, m.now.Unix()/30+1)))
			}
		}
	case "recovery_key":
		for _, k := range slices.Sorted(maps.Keys(u.keys)) {
			if !u.keys[k] {
				return k
			}
		}
		return "ABCD-EFGH-JKMN-PQRU"
	}
	for _, c := range slices.Backward(u.codes) {
		if c.purpose == purpose && c.holder == holder {
			return c.code[:3] + " " + c.code[3:] // as people type them
		}
	}
	return "314159"
}

func canonical(code string) string { return strings.ReplaceAll(code, " ", "") }

func texts(all []any) (out []string) {
	for _, one := range all {
		out = append(out, fmt.Sprint(one))
	}
	return out
}

// totp is RFC 6238 with SHA-1 and six digits, by itself.
func totp(secret string, step int64) string {
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		return ""
	}
	mac := hmac.New(sha1.New, key)
	_ = binary.Write(mac, binary.BigEndian, step)
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 15
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[at:])&0x7fffffff%1_000_000)
}
