package account

import (
	"strings"
	"testing"
	"time"

	"latchkey/internal/fault"
)

// message is the id of the only field's message, or "".
func message(t *testing.T, f *fault.Fault, field string) string {
	t.Helper()
	if f == nil {
		return ""
	}
	if f.Kind != fault.Invalid || f.Code != fault.InvalidRequest || len(f.Fields) != 1 || f.Fields[0].Name != field {
		t.Errorf("not an invalid_request about %s: %+v", field, f)
	}
	return f.Fields[0].Message
}

func TestNewPasswordIsLongEnoughAndNotGuessable(t *testing.T) {
	t.Parallel()
	const (
		fine      = ""
		missing   = "account.password.missing"
		invalid   = "account.password.invalid"
		short     = "account.password.too_short"
		long      = "account.password.too_long"
		guessable = "account.password.guessable"
	)
	for _, c := range []struct{ password, want string }{
		{"", missing},
		{"k7f2m9qx4", short},
		{"k7f2m9qx4p", fine},
		{"KJHDFKJSHDFKJ", fine}, // one kind of character is enough
		{"correct horse battery staple", fine},
		{"k7f2m9qx4\u200dp", fine},
		{"a\u0308o\u0308u\u0308a\u0308o\u0308", short}, // five after NFKC
		{"ﷺ", short},                                   // eighteen after NFKC, and still one
		{"正确的马电池订书钉和别的", fine},
		{"привет, сосед мой", fine},
		{"密密密密密密密密密密密密", guessable},
		{"aaaaaaaaaaaaaaaa", guessable},
		{"          ", guessable},
		{"abcdefghijkl", guessable},
		{"qwertyuiop", guessable},
		{"password1234", guessable},
		{"P@ssw0rd123!", guessable},
		{"P@ssw0rd25122016", guessable},
		{"pässwörd1234", guessable},
		{"ｐａｓｓｗｏｒｄ1234", guessable},
		{"liverpool1985", guessable},
		{"liverpool12/25/1986", guessable}, // a date at the very end
		{"lovelace1815!", guessable},
		{"L0ve1ace1815", guessable},
		{"ada.lovelace@example.org", guessable},
		{"adalovelace7", guessable},
		{"Latchkey2026", guessable},
		{"l@tchk3y2016", guessable},
		{"müller-lüdenscheidt", guessable},
		{"MULLER-LUDENSCHEIDT", guessable},
		{strings.Repeat("a", 256), guessable},
		{strings.Repeat("a", 246) + "k7f2m9qx4p", fine},
		{strings.Repeat("k7", 128) + "x", long},
		{strings.Repeat("ö", 257), long},
		{strings.Repeat("k7f2", 10<<18), long},
		{"k7f2m9qx4p\xff", invalid},
	} {
		f := CheckPassword(c.password, 10, "Ada Lovelace", "ada.lovelace@example.org", "Latchkey", "Müller-Lüdenscheidt")
		if got := message(t, f, "password"); got != c.want {
			t.Errorf("%.60q: got %q, want %q", c.password, got, c.want)
		}
	}
}

func TestPasswordLengthIsNamedInTheFault(t *testing.T) {
	t.Parallel()
	if f := CheckPassword("k7f2m9qx4p", 15); f == nil || f.Fields[0].Args["Min"] != 15 {
		t.Errorf("too short: %+v", f)
	}
	if f := CheckPassword(strings.Repeat("k7", 200), 10); f == nil || f.Fields[0].Args["Max"] != 256 {
		t.Errorf("too long: %+v", f)
	}
}

// About 20 ms at most; without the cap 300 ms, by the library alone ten seconds.
func TestStrengthOfHostilePasswordsIsFoundInTime(t *testing.T) {
	for _, password := range []string{
		strings.Repeat("4@8({[<3691!|10$5+7%2", 12),
		strings.Repeat("1.1.11/", 36),
		strings.Repeat("a4a7", 64),
		strings.Repeat("é", 256),
	} {
		best := time.Hour
		for range 3 { // the machine may be busy with other tests
			start := time.Now()
			CheckPassword(password, 10, "Ada Lovelace", strings.Repeat("a.", 120)+"b@example.org")
			best = min(best, time.Since(start))
		}
		if best > 150*time.Millisecond {
			t.Errorf("%.20q… takes %v", password, best)
		}
	}
}

func FuzzCheckPassword(f *testing.F) {
	for _, s := range []string{"", "P@ssw0rd25122016", "İstanbul ẞtraße Ⱥ", "12/25/2016", "\xff", "4@8({[<3691!|10$5+7%2", "ﷺ"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, password, name string) {
		if len(password) > 1024 || len(name) > 256 {
			t.Skip()
		}
		fl := CheckPassword(password, 10, name, "Latchkey")
		if _, ok := canonicalPassword(password); fl == nil && !ok {
			t.Errorf("%q may be set and could never be verified", password)
		}
	})
}
