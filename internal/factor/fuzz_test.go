package factor

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/pquerna/otp"
)

// FuzzCanonicalSecret: a secret that is taken is at least 128 bits, has one
// form, makes codes, and comes through our own otpauth URL unchanged.
func FuzzCanonicalSecret(f *testing.F) {
	for _, s := range []string{
		"JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "jbsw y3dp-ehpk 3pxp jbsw y3dp ehpk 3pxq", "MFRGGZDFMZTWQ2LKNNWG23TPOA======", "JBSWY3DPEHPK3PXP", "ſ", "ı", "8",
		"otpauth://totp/x?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=y", "OTPAUTH://TOTP/x?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&algorithm=hmacsha1&digits=6",
		"otpauth://hotp/x?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "otpauth://totp/x?secret=a&secret=b", "otpauth:totp", "otpauth://totp/x?digits=8&digits=6&secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := CanonicalSecret(s)
		if err != nil {
			if got != "" {
				t.Errorf("%q is refused and gives %q", s, got)
			}
			return
		}
		raw, err := base32Plain.DecodeString(got)
		if err != nil || len(raw) < shortestSecret || len(raw) > longestSecret || base32Plain.EncodeToString(raw) != got {
			t.Fatalf("%q became %q: %d bytes, %v", s, got, len(raw), err)
		}
		for _, again := range []string{got, " " + GroupSecret(strings.ToLower(got)) + "\n", OtpauthURL("Latch: key", "ada@example.org", got)} {
			if same, err := CanonicalSecret(again); err != nil || same != got {
				t.Errorf("%q became %q, and %q became %q, %v", s, got, again, same, err)
			}
		}
		if code, err := CodeAt(got, 1); err != nil || !IsCode(code) {
			t.Errorf("%q makes the code %q, %v", got, code, err)
		}
		if !strings.HasPrefix(strings.ToLower(strings.TrimSpace(s)), "otpauth:") {
			return
		}
		// Apps read the same URL: they must not have been told of other codes.
		key, err := otp.NewKeyFromURL(strings.TrimSpace(s))
		if err != nil {
			t.Fatalf("%q is taken, and no app reads it: %v", s, err)
		}
		if key.Digits() != otp.DigitsSix || key.Period() != 30 || key.Algorithm() != otp.AlgorithmSHA1 {
			t.Errorf("%q is taken as usual; apps read %v digits, %d s, %v", s, key.Digits(), key.Period(), key.Algorithm())
		}
	})
}

// FuzzMethodName: what an app is called is one visible line, the same when it
// is given again.
func FuzzMethodName(f *testing.F) {
	for _, s := range []string{"", "My phone", " A\u0308 ", "a\nb", "\u202e", "\xff", "\u2028", strings.Repeat("é", 61), "\u00ad", "👩‍💻"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := CanonicalName(App, s)
		if err != nil {
			if got != "" {
				t.Errorf("%q is refused and gives %q", s, got)
			}
			return
		}
		if got == "" || utf8.RuneCountInString(got) > longestName || !utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl) {
			t.Errorf("%q became %q", s, got)
		}
		if again, err := CanonicalName(App, got); err != nil || again != got {
			t.Errorf("%q became %q, and that %q, %v", s, got, again, err)
		}
	})
}

// FuzzRecoveryKeyCheck: any one wrong symbol in any true key is caught, and any
// two that changed places.
func FuzzRecoveryKeyCheck(f *testing.F) {
	f.Add([]byte("0123456789ABCDH"), uint8(3), uint8(7), uint8(15))
	f.Add([]byte("\x00"), uint8(15), uint8(1), uint8(0))
	f.Fuzz(func(t *testing.T, random []byte, at, by, with uint8) {
		var values [keySymbols]byte
		for i := range min(len(random), keySymbols-1) {
			values[i] = random[i] & 31
		}
		values[keySymbols-1] = weigh(values)
		text := func(v [keySymbols]byte) string {
			for i := range v {
				v[i] = crockford[v[i]]
			}
			return string(v[:])
		}
		if got, ok := CanonicalRecoveryKey(text(values)); !ok || got != text(values) {
			t.Fatalf("%s is no key: %q", text(values), got)
		}
		wrong, i := values, at%keySymbols
		wrong[i] ^= by & 31
		if _, ok := CanonicalRecoveryKey(text(wrong)); ok != (wrong == values) {
			t.Errorf("%s passes for %s", text(wrong), text(values))
		}
		wrong, j := values, with%keySymbols
		wrong[i], wrong[j] = wrong[j], wrong[i]
		if _, ok := CanonicalRecoveryKey(text(wrong)); ok != (wrong == values) {
			t.Errorf("%s passes for %s", text(wrong), text(values))
		}
	})
}
