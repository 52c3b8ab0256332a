package account

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"golang.org/x/crypto/bcrypt"
)

// FuzzCheckHash: whatever an import takes can be verified at sign-in, at a
// bounded price, and fits no password that was made up.
func FuzzCheckHash(f *testing.F) {
	const argon = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2E$Uo7GJwRLxGbKcVyJvFXNMTWtYXJWZLlkOBJXzZ5SGFE"
	for _, s := range []string{
		argon, "$2a$04$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy", "$2y$14$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
		strings.Replace(argon, "m=64", "m=0000000064", 1), strings.Replace(argon, "t=1", "t=4294967297", 1), strings.Replace(argon, "p=1", "p=257", 1), strings.Replace(argon, "m=64", "m=0", 1),
		"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$c29tZXNhbHR", "$2b$04$" + strings.Repeat(".", 53), "$2b$04$" + strings.Repeat("z", 53), argon + "$", "",
	} {
		f.Add(s)
	}
	passwords := NewPasswords()
	f.Fuzz(func(t *testing.T, hash string) {
		if CheckHash(hash) != nil {
			return
		}
		for _, r := range hash {
			if r <= ' ' || r >= 0x7f {
				t.Errorf("%q is taken, with %q", hash, r)
			}
		}
		params, err := usable(hash)
		if err != nil {
			t.Fatalf("%q is taken, and sign-in can't use it: %v", hash, err)
		}
		if params == nil {
			if cost, err := bcrypt.Cost([]byte(hash)); err != nil || cost > maxBcryptCost || cost > 5 {
				return // what is dear is known to be bounded, and not tried here
			}
		} else {
			decoded, salt, key, err := argon2id.DecodeHash(hash)
			if err != nil || decoded.Memory > maxMemoryKiB || decoded.Iterations > maxIterations || decoded.Parallelism == 0 ||
				len(salt) < 8 || len(salt) > longestKey || len(key) < 16 || len(key) > longestKey {
				t.Fatalf("%q is taken with %+v, %v", hash, decoded, err)
			}
			if decoded.Memory > 1024 || decoded.Iterations > 2 {
				return
			}
		}
		if ok, stale, err := passwords.compare(hash, "a password that nobody has hashed"); ok || !stale || err != nil {
			t.Errorf("%q: fits %v, stale %v, %v", hash, ok, stale, err)
		}
	})
}

// FuzzCanonicalName: a name that is kept is one line that shows something, and
// is kept the same when it is given again.
func FuzzCanonicalName(f *testing.F) {
	for _, s := range []string{"Ada", " Åsa\u0301 ", "A\u0308", "\u202eada", "a\nb", "\u3164", "\xff", "\u0301", " ̈x", strings.Repeat("ﷺ", 101), "👩‍💻", "\ufeff", "a\u2028b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, bad := CanonicalName(s)
		if bad != nil {
			if got != "" {
				t.Errorf("%q is refused and gives %q", s, got)
			}
			return
		}
		if n := utf8.RuneCountInString(got); n < 1 || n > nameLength || !utf8.ValidString(got) || strings.TrimSpace(got) != got {
			t.Errorf("%q became %q", s, got)
		}
		for _, r := range got {
			if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
				t.Errorf("%q became %q", s, got)
			}
		}
		if again, bad := CanonicalName(got); bad != nil || again != got {
			t.Errorf("%q became %q, and that %q, %v", s, got, again, bad)
		}
	})
}
