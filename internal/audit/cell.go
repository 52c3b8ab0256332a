package audit

import "strings"

// Cell makes a foreign text safe in a CSV file: a spreadsheet takes what begins
// like a formula for one, and a device's name is whatever its sender says.
func Cell(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	if s != "" && strings.ContainsRune("=+-@", rune(s[0])) {
		return "'" + s
	}
	return s
}
