package web

import "latchkey/internal/fault"

func hasCode(err error, c fault.Code) bool {
	f, ok := fault.As(err)
	return ok && f.Code == c
}

// errNoSuch is one answer for what is absent and what is somebody else's.
var errNoSuch = fault.New(fault.NotFound, fault.Absent)

func isNotSignedIn(err error) bool { return hasCode(err, fault.NotSignedIn) }
func isAbsent(err error) bool      { return hasCode(err, fault.Absent) }

// isPast: the step was done already, or is not due: by a second press of the
// button, the back button, or another tab.
func isPast(err error) bool {
	return hasCode(err, fault.StateConflict) || hasCode(err, fault.AlreadyEnabled)
}
