package account

import (
	"strings"
	"testing"
)

func TestVariantsOfAnAddressAreOneAddress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ typed, want string }{
		{"ada@example.org", "ada@example.org"},
		{"  Ada@Example.ORG\r\n", "ada@example.org"},
		{"\u00a0ada@example.org\u3000", "ada@example.org"},
		{"ａｄａ＠ｅｘａｍｐｌｅ．ｏｒｇ", "ada@example.org"},
		{"ada@example\u3002org", "ada@example.org"},
		{"\u212Aelvin@example.org", "kelvin@example.org"}, // KELVIN SIGN
		{"ada@BÜCHER.example", "ada@xn--bcher-kva.example"},
		{"ada@bu\u0308cher.example", "ada@xn--bcher-kva.example"},
		{"ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"},
		{"ada@straße.example", "ada@xn--strae-oqa.example"},             // not strasse
		{"ada@نامه\u200cای.example", "ada@xn--mgba3gch31f060k.example"}, // a joiner that is spelling
		{"ada@例え.テスト", "ada@xn--r8jz45g.xn--zckzah"},
		{"a.b+c_d-e'f@mail.example.co.uk", "a.b+c_d-e'f@mail.example.co.uk"},
		{"!#$%&'*+-/=?^_`{|}~@example.org", "!#$%&'*+-/=?^_`{|}~@example.org"},
		{strings.Repeat("a", 64) + "@example.org", strings.Repeat("a", 64) + "@example.org"},
	} {
		got, f := CanonicalEmail(c.typed)
		if f != nil || got != c.want {
			t.Errorf("%q: got %q, %v; want %q", c.typed, got, f, c.want)
		}
	}
}

func TestAddressesOutsideThePolicyAreRefused(t *testing.T) {
	t.Parallel()
	const (
		missing = "account.email.missing"
		invalid = "account.email.invalid"
		long    = "account.email.too_long"
		ascii   = "account.email.ascii_only"
	)
	label := strings.Repeat("a", 63) + "."
	for _, c := range []struct{ typed, want string }{
		{"", missing},
		{" \t\r\n\u3000", missing},
		{"ada", invalid},
		{"@example.org", invalid},
		{"ada@", invalid},
		{"@", invalid},
		{"ada@example.org@example.org", invalid},
		{"ada@example.org,eve@example.org", invalid},
		{"ada＠@example.org", invalid},
		{".ada@example.org", invalid},
		{"ada.@example.org", invalid},
		{"a..da@example.org", invalid},
		{`"ada"@example.org`, invalid},
		{`"a@b"@example.org`, invalid},
		{`a\da@example.org`, invalid},
		{"a(comment)da@example.org", invalid},
		{"Ada <ada@example.org>", invalid},
		{"mailto:ada@example.org", invalid},
		{"ada@[192.0.2.1]", invalid},
		{"ada@192.0.2.1", invalid},
		{"ada@[IPv6:::1]", invalid},
		{"ada@localhost", invalid},
		{"ada@example", invalid},
		{"ada@example.org.", invalid},
		{"ada@.example.org", invalid},
		{"ada@example..org", invalid},
		{"ada@-example.org", invalid},
		{"ada@example-.org", invalid},
		{"ada@exa_mple.org", invalid},
		{"ada@exa mple.org", invalid},
		{"ada@xn--a.example", invalid},
		{"ada@" + strings.Repeat("a", 64) + ".org", invalid},
		{"ada@example.org\r\nBcc: eve@example.org", invalid},
		{"a\rda@example.org", invalid},
		{"a\x00da@example.org", invalid},
		{"a\u200bda@example.org", invalid},
		{"ada@exam\u200bple.org", invalid},
		{"ada@exam\u200dple.org", invalid},
		{"ada@example.org\ufeff", invalid},
		{"ada@exam\u00adple.org", invalid},
		{"ada@exam\ufe0fple.org", invalid},
		{"a\u202eda@example.org", invalid},
		{"a\u00adda@example.org", invalid},
		{"a\u3164da@example.org", invalid},
		{"a da@example.org", invalid},
		{"a\xffda@example.org", invalid},
		{"ada@exam\xffple.org", invalid},
		{"аda@example.org", ascii}, // Cyrillic а
		{"müller@example.org", ascii},
		{"用户@example.org", ascii},
		{strings.Repeat("a", 65) + "@example.org", long},
		{"ada@" + label + label + label + strings.Repeat("a", 60) + ".org", invalid},
		{strings.Repeat("a", 64) + "@" + label + label + strings.Repeat("a", 58) + ".org", long},
		{strings.Repeat("a", 10<<20) + "@example.org", long},
	} {
		got, f := CanonicalEmail(c.typed)
		if m := message(t, f, "email"); m != c.want || (f != nil) != (got == "") {
			t.Errorf("%.60q: got %q, %q; want %q", c.typed, got, m, c.want)
		}
	}
}

// Whatever is accepted is plain ASCII that no header, log or list can misread,
// within its lengths, and canonical already.
func FuzzCanonicalEmail(f *testing.F) {
	for _, s := range []string{"ada@example.org", "ａｄａ＠ｅｘａｍｐｌｅ．ｏｒｇ", "ada@bücher.example", "a\u0308@b\u0301.c", "a@İ.İ", "a@ẞ.de", "a@[1]", "\"a\"@b.c", "a@b\u3002c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, fl := CanonicalEmail(s)
		if fl != nil {
			return
		}
		if len(got) > 254 || strings.Count(got, "@") != 1 || strings.ToLower(got) != got {
			t.Errorf("%q became %q", s, got)
		}
		for _, r := range got {
			if r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),:;<>[\]`, r) {
				t.Errorf("%q became %q with %q", s, got, r)
			}
		}
		if again, fl := CanonicalEmail(got); fl != nil || again != got {
			t.Errorf("%q became %q, which became %q (%v)", s, got, again, fl)
		}
	})
}
