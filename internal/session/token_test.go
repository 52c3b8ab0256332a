package session

import (
	"hash/crc32"
	"strings"
	"testing"

	"latchkey/internal/pg"
	"latchkey/internal/seal"
)

func TestAccessTokensAreWellFormed(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 1000 {
		token := newAccessToken()
		if len(token) != 50 || !strings.HasPrefix(token, "lkp_") || !wellFormed(token) || seen[token] {
			t.Fatalf("%q", token)
		}
		seen[token] = true
	}
}

// Each character of a token is as likely as any other: of 200 000 each stands
// for one in 62, within seven standard deviations.
func TestEachCharacterOfATokenIsAsLikely(t *testing.T) {
	t.Parallel()
	const tokens, each, deviation = 5000, 5000 * tokenChance / 62, 56
	count := map[rune]int{}
	for range tokens {
		for _, c := range newAccessToken()[len(TokenPrefix):][:tokenChance] {
			count[c]++
		}
	}
	for _, c := range alphabet {
		if n := count[c]; n < each-7*deviation || n > each+7*deviation {
			t.Errorf("%q stands %d times in %d tokens, want about %d", c, n, tokens, each)
		}
	}
}

// TestChecksumIsTheCRC32InBase62 holds it to a number worked out by hand, so
// that a scanner of somebody else's can rely on it.
func TestChecksumIsTheCRC32InBase62(t *testing.T) {
	t.Parallel()
	if sum := crc32.ChecksumIEEE([]byte("123456789")); sum != 0xCBF43926 { // the check value of CRC-32
		t.Fatalf("%x", sum)
	}
	// 3421780262 = 3·62⁵ + 45·62⁴ + 35·62³ + 27·62² + 22·62 + 14
	if got := checksum("123456789"); got != "3jZRME" {
		t.Errorf("%q", got)
	}
}

// TestMistypedTokensMakeNoQuery: the database here is closed, so a query
// would be another error than "not signed in".
func TestMistypedTokensMakeNoQuery(t *testing.T) {
	t.Parallel()
	raw, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.Load(raw)
	if err != nil {
		t.Fatal(err)
	}
	db, err := pg.Open("postgres://nobody@127.0.0.1:1/none", pg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	store, good := NewStore(keys.Tokens), newAccessToken()
	if _, err := store.CheckToken(t.Context(), db, good, ""); err == nil || err.Error() == dead.Error() {
		t.Fatalf("a good token made no query: %v", err)
	}
	swapped := []byte(good)
	for i := 10; i < 40; i++ { // two neighbours that differ
		if swapped[i] != swapped[i+1] {
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
			break
		}
	}
	for _, bad := range []string{
		"", "lkp_", good[:len(good)-1], good[:30], good + "0", good[4:], "lks_" + good[4:], "LKP_" + good[4:],
		summed("lkp_"), summed(good[:len(good)-7]), summed(good[:44] + "0"), summed("lks_" + good[4:44]), summed(good[:43] + "-"),
		string(swapped), strings.Replace(good, good[20:21], "-", 1), good[:49] + "\n", " " + good, "lkp_" + strings.Repeat("0", 46),
	} {
		if _, err := store.CheckToken(t.Context(), db, bad, ""); err == nil || err.Error() != dead.Error() {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// summed has the right checksum, whatever it is.
func summed(s string) string { return s + checksum(s) }
