package intake_test

import (
	"strings"
	"testing"

	"latchkey/internal/account"
	"latchkey/internal/intake"
)

const (
	argon  = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2E$Uo7GJwRLxGbKcVyJvFXNMTWtYXJWZLlkOBJXzZ5SGFE"
	bcrypt = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
	secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
)

func TestGoodLines(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		line string
		want intake.Person
	}{
		"least": {`{"email":"ada@example.org","name":"Ada"}`, intake.Person{Email: "ada@example.org", Name: "Ada", Role: account.Member}},
		"all": {`{"email":" Ada@Example.ORG ","name":"Ada","password_hash":"` + argon + `","otpauth":"` + secret + `","verified":true,"role":"admin"}`,
			intake.Person{Email: "ada@example.org", Name: "Ada", PasswordHash: argon, Verified: true, Role: account.Admin, Apps: []string{secret}}},
		"bcrypt":     {`{"email":"a@example.org","name":"A","password_hash":"` + bcrypt + `"}`, intake.Person{Email: "a@example.org", Name: "A", PasswordHash: bcrypt, Role: account.Member}},
		"URL":        {`{"email":"a@example.org","name":"A","otpauth":"otpauth://totp/Old:a?secret=` + strings.ToLower(secret) + `&issuer=Old&algorithm=SHA1&digits=6&period=30"}`, intake.Person{Email: "a@example.org", Name: "A", Role: account.Member, Apps: []string{secret}}},
		"two apps":   {`{"email":"a@example.org","name":"A","otpauth":["` + secret + `","JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXQ"]}`, intake.Person{Email: "a@example.org", Name: "A", Role: account.Member, Apps: []string{secret, secret[:31] + "Q"}}},
		"padded":     {`{"email":"a@example.org","name":"A","otpauth":"MFRGGZDFMZTWQ2LKNNWG23TPOA======"}`, intake.Person{Email: "a@example.org", Name: "A", Role: account.Member, Apps: []string{"MFRGGZDFMZTWQ2LKNNWG23TPOA"}}},
		"empty ones": {`{"email":"a@example.org","name":"A","otpauth":"","password_hash":"","role":""}`, intake.Person{Email: "a@example.org", Name: "A", Role: account.Member}},
	} {
		got, wrong := intake.Parse([]byte(c.line))
		if len(wrong) > 0 || got.Email != c.want.Email || got.Name != c.want.Name || got.PasswordHash != c.want.PasswordHash ||
			got.Verified != c.want.Verified || got.Role != c.want.Role || strings.Join(got.Apps, " ") != strings.Join(c.want.Apps, " ") {
			t.Errorf("%s: %+v %v", name, got, wrong)
		}
	}
}

// TestHostileLines: a hash that asks for gigabytes or minutes would stop the
// service at each sign-in, and a weak secret would be a door.
func TestHostileLines(t *testing.T) {
	t.Parallel()
	with := func(field, value string) string {
		return `{"email":"ada@example.org","name":"Ada","` + field + `":"` + value + `"}`
	}
	for name, c := range map[string]struct{ line, field string }{
		"no JSON":           {`sesame`, ""},
		"list":              {`["sesame"]`, ""},
		"two objects":       {`{"email":"a@example.org","name":"A"} {"sesame":1}`, ""},
		"unknown field":     {with("sesame", "x"), ""},
		"number":            {`{"email":12345,"name":"A"}`, ""},
		"no address":        {`{"name":"sesame"}`, "email"},
		"no name":           {`{"email":"sesame@example.org"}`, "name"},
		"line break":        {`{"email":"sesame@example.org\r\nBcc: x@example.org","name":"A"}`, "email"},
		"role":              {with("role", "sesame"), "role"},
		"plain password":    {with("password_hash", "sesame"), "password_hash"},
		"argon2i":           {with("password_hash", strings.Replace(argon, "2id", "2i", 1)), "password_hash"},
		"gigabytes":         {with("password_hash", strings.Replace(argon, "m=19456", "m=4194304", 1)), "password_hash"},
		"minutes":           {with("password_hash", strings.Replace(argon, "t=2", "t=4000000", 1)), "password_hash"},
		"overflow":          {with("password_hash", strings.Replace(argon, "t=2", "t=9999999999", 1)), "password_hash"},
		"no passes":         {with("password_hash", strings.Replace(argon, "t=2", "t=0", 1)), "password_hash"},
		"no lanes":          {with("password_hash", strings.Replace(argon, "p=1", "p=0", 1)), "password_hash"},
		"lanes":             {with("password_hash", strings.Replace(argon, "p=1", "p=255", 1)), "password_hash"},
		"other version":     {with("password_hash", strings.Replace(argon, "v=19", "v=16", 1)), "password_hash"},
		"short key":         {with("password_hash", argon[:len(argon)-30]), "password_hash"},
		"long key":          {with("password_hash", argon+strings.Repeat("A", 100)), "password_hash"},
		"bcrypt cost":       {with("password_hash", strings.Replace(bcrypt, "$10$", "$31$", 1)), "password_hash"},
		"bcrypt cut":        {with("password_hash", bcrypt[:40]), "password_hash"},
		"sha512crypt":       {with("password_hash", "$6$rounds=5000$sesame$x"), "password_hash"},
		"no base32":         {with("otpauth", "sesame!"), "otpauth"},
		"80 bits":           {with("otpauth", "JBSWY3DPEHPK3PXP"), "otpauth"},
		"endless":           {with("otpauth", strings.Repeat("JBSWY3DP", 20)), "otpauth"},
		"hotp":              {with("otpauth", "otpauth://hotp/x?secret="+secret), "otpauth"},
		"SHA256":            {with("otpauth", "otpauth://totp/x?algorithm=SHA256&secret="+secret), "otpauth"},
		"8 digits":          {with("otpauth", "otpauth://totp/x?digits=8&secret="+secret), "otpauth"},
		"60 seconds":        {with("otpauth", "otpauth://totp/x?period=60&secret="+secret), "otpauth"},
		"two secrets":       {with("otpauth", "otpauth://totp/x?secret="+secret+"&secret="+secret), "otpauth"},
		"no secret":         {with("otpauth", "otpauth://totp/x?issuer=y"), "otpauth"},
		"four apps":         {`{"email":"a@example.org","name":"A","otpauth":["` + strings.Repeat(secret+`","`, 3) + secret + `"]}`, "otpauth"},
		"one of two is bad": {`{"email":"a@example.org","name":"A","otpauth":["` + secret + `","sesame"]}`, "otpauth"},
	} {
		_, wrong := intake.Parse([]byte(c.line))
		if len(wrong) == 0 || wrong[0].Field != c.field {
			t.Errorf("%s: %v", name, wrong)
		}
		for _, w := range wrong {
			if s := w.Error(); strings.Contains(s, "sesame") || strings.Contains(s, secret) || strings.Contains(s, "\n") {
				t.Errorf("%s: quoted in %q", name, s)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`{"email":"ada@example.org","name":"Ada","password_hash":"` + argon + `","otpauth":["` + secret + `"]}`)
	f.Add(`{"email":"ada@example.org","otpauth":"otpauth://totp/x?secret=%00"}`)
	f.Fuzz(func(t *testing.T, raw string) {
		p, wrong := intake.Parse([]byte(raw))
		if len(wrong) > 0 {
			return
		}
		if again, bad := account.CanonicalEmail(p.Email); bad != nil || again != p.Email {
			t.Errorf("address %q", p.Email)
		}
		if p.PasswordHash != "" && account.CheckHash(p.PasswordHash) != nil {
			t.Errorf("hash %q", p.PasswordHash)
		}
	})
}
