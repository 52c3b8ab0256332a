package factor

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func fileForTest() KeyFile {
	used := time.Date(2026, 3, 4, 23, 30, 0, 0, time.FixedZone("", -3600))
	return KeyFile{
		Service: "Bücher & Söhne", Host: "id.example.org", Account: "ada@example.org", Set: "7Q2M",
		ManageURL:   "https://id.example.org/account/recovery-keys",
		GeneratedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Keys: []FileKey{
			{Key: "0123-4567-89AB-CDHZ"},
			{Key: "0000-0000-0000-0000", UsedAt: &used},
		},
	}
}

// The whole file, since whoever reads it can't ask.
func TestKeyFileReadsWellFromEndToEnd(t *testing.T) {
	t.Parallel()
	const want = `Recovery keys for Bücher & Söhne

Service:  Bücher & Söhne (id.example.org)
Account:  ada@example.org
Key set:  7Q2M, made on 2 January 2026 (UTC)

When you can't get a code from your app or your email, one of these keys
lets you in instead. Sign in with your password as always, choose "try
another way", then "recovery key", and type any key that is still unused.

   1.  0123-4567-89AB-CDHZ
   2.  0000-0000-0000-0000  (used on 5 March 2026)

1 of 2 keys were unused when this file was saved.

Good to know

- Each key works once. Cross it out when you have used it.
- Capital or small letters, with or without hyphens: both are fine.
- Keep them where you will find them without your phone and without your
  email: printed in a drawer, or in a password manager. Not in your mailbox.
- Whoever has a key still needs your password. Nobody from Bücher & Söhne
  will ever ask you for a key.
- When you make new keys, these stop working at once.

See which keys are left, or make new ones:
https://id.example.org/account/recovery-keys
`
	end := want[strings.Index(want, "Good to know"):]
	f := fileForTest()
	for _, c := range []struct {
		name string
		keys []FileKey
		want string
	}{
		{"one used", f.Keys, want},
		{"fresh", f.Keys[:1], want[:strings.Index(want, "   2.")] + "\n" + end},
		{"used up", []FileKey{f.Keys[1], f.Keys[1]}, strings.NewReplacer("0123-4567-89AB-CDHZ", "0000-0000-0000-0000  (used on 5 March 2026)",
			"1 of 2 keys were unused when this file was saved.", "All of these keys were used. Please make new ones.").Replace(want)},
	} {
		f.Keys = c.keys
		if got := strings.ReplaceAll(string(f.Text()), "\r\n", "\n"); got != c.want {
			t.Errorf("%s: the file reads\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

func TestKeyFileSaysWhatItIs(t *testing.T) {
	t.Parallel()
	got := string(fileForTest().Text())
	for _, want := range []string{
		"Recovery keys for Bücher & Söhne\r\n",
		"Service:  Bücher & Söhne (id.example.org)\r\n",
		"Account:  ada@example.org\r\n",
		"Key set:  7Q2M, made on 2 January 2026 (UTC)\r\n",
		"   1.  0123-4567-89AB-CDHZ\r\n",
		"   2.  0000-0000-0000-0000  (used on 5 March 2026)\r\n",
		"1 of 2 keys were unused when this file was saved.\r\n",
		"\r\nhttps://id.example.org/account/recovery-keys\r\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the file lacks %q:\n%s", want, got)
		}
	}
}

func TestKeyFileOfAFreshSetSpeaksOfNoUse(t *testing.T) {
	t.Parallel()
	f := fileForTest()
	f.Keys = f.Keys[:1]
	if got := string(f.Text()); strings.Contains(got, "(used") || strings.Contains(got, "were") {
		t.Errorf("a fresh set reads\n%s", got)
	}
	f = fileForTest()
	f.Keys = f.Keys[1:]
	if got := string(f.Text()); !strings.Contains(got, "All of these keys were used.") {
		t.Errorf("a used-up set reads\n%s", got)
	}
}

func TestKeyFileIsPlainTextWithCRLF(t *testing.T) {
	t.Parallel()
	f := fileForTest()
	f.Service = "Acme\r\n   3.  FAKE-FAKE-FAKE-FAKE\x1b[31m"
	f.Account = "ada\u202egro\u2028.example\xff"
	f.ManageURL = "https://id.example.org/\x00\u0085"
	got := f.Text()
	if !utf8.Valid(got) || bytes.HasPrefix(got, []byte("\ufeff")) {
		t.Error("the file is not plain UTF-8")
	}
	if rest := bytes.ReplaceAll(got, []byte("\r\n"), nil); bytes.ContainsAny(rest, "\r\n\x1b\x00\u0085\u2028\u202e") {
		t.Errorf("the file carries control characters: %q", rest)
	}
	if want := fileForTest().Text(); bytes.Count(got, []byte("\n")) != bytes.Count(want, []byte("\n")) {
		t.Error("a value has forged a line")
	}
	for line := range strings.SplitSeq(string(fileForTest().Text()), "\r\n") {
		if utf8.RuneCountInString(line) > 78 {
			t.Errorf("a line is wider than a page: %q", line)
		}
	}
}

func TestKeyFileNameIsSafeEverywhere(t *testing.T) {
	t.Parallel()
	safe := regexp.MustCompile(`^latchkey-recovery-keys-[a-z0-9][a-z0-9.-]*-[a-z0-9][a-z0-9.-]*\.txt$`)
	for _, c := range []struct{ host, set, want string }{
		{"id.example.org", "7Q2M", "latchkey-recovery-keys-id.example.org-7q2m.txt"},
		{"ID.Example.ORG", "a", "latchkey-recovery-keys-id.example.org-a.txt"},
		{"localhost:8080", "a", "latchkey-recovery-keys-localhost-8080-a.txt"},
		{"[::1]:8080", "a", "latchkey-recovery-keys-1--8080-a.txt"},
		{"../../etc/passwd", "..", "latchkey-recovery-keys-etc-passwd-unnamed.txt"},
		{"a\r\nX: y\"; filename=z", "a", "latchkey-recovery-keys-a--x--y---filename-z-a.txt"},
		{"", "", "latchkey-recovery-keys-unnamed-unnamed.txt"},
		{"azAZ09", "`{@[/:", "latchkey-recovery-keys-azaz09-unnamed.txt"},
		{strings.Repeat("a", 79) + "b" + "c", "a", "latchkey-recovery-keys-" + strings.Repeat("a", 79) + "b-a.txt"},
		{"bücher", "ß", "latchkey-recovery-keys-b-cher-unnamed.txt"},
	} {
		got := KeyFile{Host: c.host, Set: c.set}.Name()
		if got != c.want || !safe.MatchString(got) {
			t.Errorf("%q, %q: got %q, want %q", c.host, c.set, got, c.want)
		}
	}
	long := KeyFile{Host: strings.Repeat("a", 300), Set: strings.Repeat("b", 300)}.Name()
	if len(long) > 255 {
		t.Errorf("a name of %d bytes", len(long))
	}
}
