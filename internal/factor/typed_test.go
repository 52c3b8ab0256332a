package factor

import (
	"strings"
	"testing"
	"unicode"
)

func TestTypedCodesComeOutAsSixDigits(t *testing.T) {
	t.Parallel()
	for _, typed := range []string{
		"123456",
		" 123456\r\n",
		"123 456",
		"1 2 3 4 5 6",
		"123-456",
		"123\u00a0456",
		"123\u202f456",
		"\u3000１２３４５６",
		"１２３－４５６",
		"123\u2010456", "123\u2011456", "123\u2012456", "123\u2013456", "123\u2014456", "123\u2015456",
		"123\u2212456", "123\u2043456", "123\ufe63456", "123\u30fc456", "123\uff70456",
		"123\u200b456", "\ufeff123456", "123\u2060456", "123\u00ad456", "\u202a123456\u202c",
		"1\ufe0f23456",
		"𝟏𝟐𝟑𝟜𝟝𝟞",
		"①②③⁴⁵⁶",
	} {
		if got := CanonicalCode(typed); got != "123456" || !IsCode(got) {
			t.Errorf("%q (%+q) became %q", typed, typed, got)
		}
	}
}

func TestWhatIsNoCodeStaysNone(t *testing.T) {
	t.Parallel()
	for _, typed := range []string{
		"", "-", "12345", "1234567", "12345a", "a12345", "12345.", "+12345", "0x1234", "1e5000",
		"1234567890", "123456\x00", "123456\x1b", "12345\xff", "12345¼", "1234½", "١٢٣٤٥٦", "null", "[123456]",
	} {
		if got := CanonicalCode(typed); IsCode(got) {
			t.Errorf("%q became the code %q", typed, got)
		}
	}
}

func FuzzCanonicalCode(f *testing.F) {
	for _, s := range []string{"123456", "１２３－４５６", "123\u200b456", "①②③⁴⁵⁶", "¨123456", "\xff", "12345¼"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := CanonicalCode(s)
		for _, r := range got {
			if unicode.IsSpace(r) || unicode.In(r, unicode.Zs, unicode.Pd, unicode.Cf) {
				t.Errorf("%+q became %+q", s, got)
			}
		}
		if !IsCode(got) {
			return
		}
		if spaced := CanonicalCode(got[:3] + " \u2013\u200b" + got[3:]); spaced != got {
			t.Errorf("%q, taken apart, became %q", got, spaced)
		}
	})
}

// A remainder of what was drawn would favour the codes below 967296.
func TestAttackMailedCodesAreUniform(t *testing.T) {
	t.Parallel()
	const limit = 4294_000_000
	for _, c := range []struct {
		draws []uint32
		want  string
	}{
		{[]uint32{0}, "000000"},
		{[]uint32{7}, "000007"},
		{[]uint32{999_999}, "999999"},
		{[]uint32{1_000_000}, "000000"},
		{[]uint32{limit - 1}, "999999"},
		{[]uint32{limit, 42}, "000042"},
		{[]uint32{1<<32 - 1, limit + 5, 123_456}, "123456"},
	} {
		draws := c.draws
		got := digits(func() uint32 {
			n := draws[0]
			draws = draws[1:]
			return n
		})
		if got != c.want || len(draws) != 0 {
			t.Errorf("%v: got %s with %d draws left, want %s", c.draws, got, len(draws), c.want)
		}
	}

	var seen [6][10]int
	const n = 20_000
	for range n {
		code := newDigits()
		if !IsCode(code) {
			t.Fatalf("%q is no code", code)
		}
		for i := range code {
			seen[i][code[i]-'0']++
		}
	}
	for i := range seen {
		for d, count := range seen[i] {
			// 2000 expected; 300 is seven standard deviations.
			if count < n/10-300 || count > n/10+300 {
				t.Errorf("digit %d is %d in %d of %d codes", i, d, count, n)
			}
		}
	}
}

func TestReferencesAreTwoPlainCharacters(t *testing.T) {
	t.Parallel()
	if strings.ContainsAny(referenceAlphabet, "AEIOU01L2Z5S8BV") {
		t.Errorf("the alphabet %s is ambiguous", referenceAlphabet)
	}
	seen := map[string]bool{}
	for range 10_000 {
		r := newReference()
		if len(r) != 2 || strings.Trim(r, referenceAlphabet) != "" {
			t.Fatalf("reference %q", r)
		}
		seen[r] = true
	}
	if want := len(referenceAlphabet) * len(referenceAlphabet); len(seen) != want {
		t.Errorf("%d different references, want all %d", len(seen), want)
	}
}
