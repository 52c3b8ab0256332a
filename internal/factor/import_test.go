package factor

import (
	"errors"
	"strings"
	"testing"
)

// What other systems call a secret: at least 128 bits, at most 64 bytes, and
// codes as ours are. What is wrong is told apart.
func TestWhichSecretsAreImported(t *testing.T) {
	t.Parallel()
	const good = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	of := func(bytes int) string { return base32Plain.EncodeToString([]byte(strings.Repeat("x", bytes))) }
	url := func(more string) string { return "otpauth://totp/x?secret=" + good + more }
	fill := func(length int) string { return url("&x=" + strings.Repeat("x", length-len(url("&x=")))) }
	for _, c := range []struct {
		typed, want string
		err         error
	}{
		{good, good, nil},
		{"\t" + good + " \n", good, nil},
		{strings.ToLower(good[:4]) + "-" + good[4:8] + " " + good[8:], good, nil},
		{"MFRGGZDFMZTWQ2LKNNWG23TPOA======", "MFRGGZDFMZTWQ2LKNNWG23TPOA", nil},
		{"", "", errSecret},
		{" ", "", errSecret},
		{"0" + good, "", errSecret},
		{of(15), "", errShort},
		{of(16), of(16), nil},
		{of(64), of(64), nil},
		{of(65), "", errLong},
		{fill(1024), good, nil},
		{fill(1025), "", errSecret},
		{" " + url(""), good, nil},
		{"OTPAUTH://TOTP/x?secret=" + good, good, nil},
		{"otpauth://hotp/x?secret=" + good, "", errKind},
		{"otpauth://totp/%zz?secret=" + good, "", errSecret},
		{"otpauth://totp/x?secret=" + good + "&x=%zz", "", errSecret},
		{"otpauth://totp/x", "", errSecret},
		{"otpauth://totp/x?secret=", "", errSecret},
		{url("&secret=" + good), "", errSecret},
		{url("&algorithm=&digits=&period="), good, nil},
		{url("&algorithm=sha1&digits=6&period=30"), good, nil},
		{url("&algorithm=HmacSHA1"), good, nil},
		{url("&algorithm=SHA256"), "", errSettings},
		{url("&digits=8"), "", errSettings},
		{url("&period=60"), "", errSettings},
	} {
		if got, err := CanonicalSecret(c.typed); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%.80q: %q, %v, want %q, %v", c.typed, got, err, c.want, c.err)
		}
	}
}
