package factor

import (
	"regexp"
	"strings"
	"testing"
)

// keysForTest are a few true keys, by which the exhaustive tests stand for all:
// the check is linear, so whether an error is seen does not depend on the key.
func keysForTest() []string {
	keys := []string{"0000000000000000"}
	for range 3 {
		keys = append(keys, strings.ReplaceAll(newRecoveryKey(), "-", ""))
	}
	return keys
}

func TestRecoveryKeysHaveTheirForm(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}$`)
	seen, symbols := map[string]bool{}, [keySymbols]map[byte]bool{}
	for i := range symbols {
		symbols[i] = map[byte]bool{}
	}
	for range 2000 {
		key := newRecoveryKey()
		canonical, ok := CanonicalRecoveryKey(key)
		if !form.MatchString(key) || !ok || FormatRecoveryKey(canonical) != key || seen[key] {
			t.Fatalf("key %q: canonical %q, %v; seen before: %v", key, canonical, ok, seen[key])
		}
		seen[key] = true
		for i := range symbols {
			symbols[i][canonical[i]] = true
		}
	}
	for i, s := range symbols {
		if len(s) != 32 { // each is missed with a chance of 10^-26
			t.Errorf("symbol %d takes %d of 32 values", i, len(s))
		}
	}
}

func TestRecoveryKeyIsReadHoweverItIsTyped(t *testing.T) {
	t.Parallel()
	const want = "0123456789ABCDHZ" // the check symbol was worked out with a table of GF(32)
	for _, typed := range []string{
		"0123-4567-89AB-CDHZ",
		want,
		"0123-4567-89ab-cdhz",
		" 0123 4567 89AB CDHZ\r\n",
		"O123-4567-89AB-CDHZ", "o123-4567-89AB-CDHZ",
		"0I23-4567-89AB-CDHZ", "0l23-4567-89AB-CDHZ", "0i23-4567-89AB-CDHZ", "0L23-4567-89AB-CDHZ",
		"0123\u20134567\u221289AB\u2014CDHZ",
		"0123\u00a04567\u200b89AB\u2011CDHZ\ufeff",
		"０１２３－４５６７－８９ＡＢ－ＣＤＨＺ",
		"-0-1-2-3-4-5-6-7-8-9-A-B-C-D-H-Z-",
	} {
		if got, ok := CanonicalRecoveryKey(typed); got != want || !ok {
			t.Errorf("%q: got %q, %v", typed, got, ok)
		}
	}
}

func TestWhatIsNoRecoveryKeyIsRefused(t *testing.T) {
	t.Parallel()
	for _, typed := range []string{
		"", "-", "123456", "0123-4567-89AB-CDH", "0123-4567-89AB-CDHZW", "0123-4567-89AB-CDHZ-0123-4567-89AB-CDHZ",
		"U123-4567-89AB-CDHZ", "0123-4567-89AB-CDH*", "0123-4567-89AB-CDH\x00", "0123_4567_89AB_CDHZ",
		"0123-4567-89AB-CDH\xff", "0123-4567-89AB-CDHẂ", "٠123-4567-89AB-CDHZ", strings.Repeat("0", 10<<20),
	} {
		if got, ok := CanonicalRecoveryKey(typed); ok || got != "" {
			t.Errorf("%.30q: got %q", typed, got)
		}
	}
}

func TestCheckSymbolCatchesEveryWrongSymbol(t *testing.T) {
	t.Parallel()
	for _, key := range keysForTest() {
		for i := range key {
			for _, wrong := range []byte(crockford) {
				b := []byte(key)
				if b[i] == wrong {
					continue
				}
				b[i] = wrong
				if _, ok := CanonicalRecoveryKey(string(b)); ok {
					t.Errorf("%s passes for %s", b, key)
				}
			}
		}
	}
}

// All pairs of places and of values, neighbours or not: 16·15/2 · 32·31 cases
// for each key.
func TestCheckSymbolCatchesEveryExchange(t *testing.T) {
	t.Parallel()
	for _, key := range keysForTest() {
		for i := range keySymbols {
			for j := range i {
				for _, x := range []byte(crockford) {
					for _, y := range []byte(crockford) {
						b := []byte(key)
						b[i], b[j] = x, y
						if _, ok := CanonicalRecoveryKey(string(b)); !ok || x == y {
							continue // not a true key, or nothing to exchange
						}
						b[i], b[j] = y, x
						if _, ok := CanonicalRecoveryKey(string(b)); ok {
							t.Errorf("%s passes with symbols %d and %d exchanged", b, i, j)
						}
					}
				}
			}
		}
	}
}

// What the comment of weigh says is not caught: of two wrong symbols, one pair
// in 32 passes.
func TestCheckSymbolMissesOneDoubleErrorIn32(t *testing.T) {
	t.Parallel()
	const i, j = 3, 11
	passed, tried := 0, 0
	for _, x := range []byte(crockford) {
		for _, y := range []byte(crockford) {
			b := []byte("0000000000000000")
			b[i], b[j] = x, y
			if x == '0' || y == '0' {
				continue
			}
			tried++
			if _, ok := CanonicalRecoveryKey(string(b)); ok {
				passed++
			}
		}
	}
	if passed != 31 || tried != 31*31 {
		t.Errorf("%d of %d pass", passed, tried)
	}
}

func FuzzCanonicalRecoveryKey(f *testing.F) {
	for _, s := range []string{"0123-4567-89AB-CDHZ", "oil", "０１２３", "\xff", "", "ſ", "K"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := CanonicalRecoveryKey(s)
		if !ok {
			if got != "" {
				t.Errorf("%q is refused and gives %q", s, got)
			}
			return
		}
		if len(got) != keySymbols || strings.Trim(got, crockford) != "" {
			t.Errorf("%q became %q", s, got)
		}
		if again, ok := CanonicalRecoveryKey(strings.ToLower(FormatRecoveryKey(got))); !ok || again != got {
			t.Errorf("%q became %q, which became %q", s, got, again)
		}
	})
}
