package account

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"latchkey/internal/fault"
)

const nameLength = 100 // code points

// CanonicalName returns a person's name as it is kept: trimmed, NFC, 1 to 100
// code points. Any writing is welcome; refused are control characters, line
// separators and bidi controls, by which a name could forge lines and turn the
// text around it in mails, logs and lists, and names that show nothing.
//
// The fault, nil when there is none, is an invalid_request about field "name".
func CanonicalName(s string) (string, *fault.Fault) {
	if len(s) > 16*nameLength { // bytes: bounds the work, no name is that long
		return "", wrongName("account.name.too_long")
	}
	if !utf8.ValidString(s) {
		return "", wrongName("account.name.invalid")
	}
	s = strings.TrimSpace(norm.NFC.String(s))
	visible := false
	for _, r := range s {
		if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
			return "", wrongName("account.name.invalid")
		}
		visible = visible || visibleLetter(r) || unicode.In(r, unicode.N, unicode.P, unicode.S)
	}
	switch {
	case !visible:
		return "", wrongName("account.name.missing")
	case utf8.RuneCountInString(s) > nameLength:
		return "", wrongName("account.name.too_long")
	}
	return s, nil
}

// visibleLetter reports whether r is a letter that leaves a mark: the Hangul
// fillers are letters by class and blank to the eye.
func visibleLetter(r rune) bool {
	return unicode.IsLetter(r) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}

func wrongName(id string) *fault.Fault {
	return fault.InField("name", id, map[string]any{"Max": nameLength})
}
