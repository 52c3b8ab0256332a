package factor

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// KeyFile is the download of one set of recovery keys.
type KeyFile struct {
	Service     string // the brand name
	Host        string // host of BASE_URL, with a port where it has one
	Account     string // email address
	Set         string // the short id of the set
	ManageURL   string // where keys are viewed and replaced
	GeneratedAt time.Time
	Keys        []FileKey
}

// FileKey is one line of the file.
type FileKey struct {
	Key    string     // as shown, XXXX-XXXX-XXXX-XXXX
	UsedAt *time.Time // nil = unused
}

const (
	fileDate   = "2 January 2006"
	hostLength = 80 // of a file name; the rest is 38 characters and the set
)

// Name is the file's name, latchkey-recovery-keys-<host>-<set>.txt, from which
// a person with several files learns which service and which set it is. Host
// and set are reduced to lower-case letters, digits, dots and hyphens: they end
// up in a Content-Disposition header and in file systems of every kind.
func (f KeyFile) Name() string {
	return "latchkey-recovery-keys-" + fileWord(f.Host) + "-" + fileWord(f.Set) + ".txt"
}

func fileWord(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, s)
	for strings.Contains(s, "..") {
		s = strings.ReplaceAll(s, "..", ".")
	}
	s = strings.Trim(s[:min(len(s), hostLength)], ".-")
	if s == "" {
		return "unnamed"
	}
	return s
}

// Text is the file: UTF-8 with CRLF, which every editor and printer shows as
// lines. It says what it is without the service's help, because it is read on
// the day when the service can't be reached.
func (f KeyFile) Text() []byte {
	var b strings.Builder
	line := func(format string, args ...any) {
		fmt.Fprintf(&b, format+"\r\n", args...)
	}
	var (
		service = oneLine(f.Service)
		unused  int
	)
	line("Recovery keys for %s", service)
	line("")
	line("Service:  %s (%s)", service, oneLine(f.Host))
	line("Account:  %s", oneLine(f.Account))
	line("Key set:  %s, made on %s (UTC)", oneLine(f.Set), f.GeneratedAt.UTC().Format(fileDate))
	line("")
	line("When you can't get a code from your app or your email, one of these keys")
	line("lets you in instead. Sign in with your password as always, choose \"try")
	line("another way\", then \"recovery key\", and type any key that is still unused.")
	line("")
	for i, k := range f.Keys {
		if k.UsedAt == nil {
			unused++
			line("%4d.  %s", i+1, oneLine(k.Key))
			continue
		}
		line("%4d.  %s  (used on %s)", i+1, oneLine(k.Key), k.UsedAt.UTC().Format(fileDate))
	}
	line("")
	switch {
	case unused == 0:
		line("All of these keys were used. Please make new ones.")
	case unused < len(f.Keys):
		line("%d of %d keys were unused when this file was saved.", unused, len(f.Keys))
	}
	if unused < len(f.Keys) {
		line("")
	}
	line("Good to know")
	line("")
	line("- Each key works once. Cross it out when you have used it.")
	line("- Capital or small letters, with or without hyphens: both are fine.")
	line("- Keep them where you will find them without your phone and without your")
	line("  email: printed in a drawer, or in a password manager. Not in your mailbox.")
	line("- Whoever has a key still needs your password. Nobody from %s", service)
	line("  will ever ask you for a key.")
	line("- When you make new keys, these stop working at once.")
	line("")
	line("See which keys are left, or make new ones:")
	line("%s", oneLine(f.ManageURL))
	return []byte(b.String())
}

// oneLine keeps a value on its line: a brand or address with control characters,
// line or paragraph separators or characters that turn the writing direction
// could otherwise forge lines of the file, or speak to the terminal it is
// printed on.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(s, string(unicode.ReplacementChar)))
}
