// Package fault holds the failures that a caller may be told about. It knows
// no HTTP: edge maps a Kind to an answer, for both fronts in one table.
package fault

import (
	"errors"
	"time"
)

// Kind says what sort of failure this is; edge gives each kind its status.
type Kind int

const (
	Invalid         Kind = iota + 1 // the input is malformed: 400
	Unauthenticated                 // no, dead or wrong credentials: 401
	Forbidden                       // known caller, not allowed: 403
	NotFound                        // absent, or not the caller's: 404
	Conflict                        // the state does not allow it now: 409
	Stale                           // a version has moved on: 412
	Refused                         // well-formed, but the proof fails: 422
	TooMany                         // a budget is spent: 429
	Unavailable                     // a dependency is missing: 503
)

// Code is the machine's name of a failure. It is API and is never renamed.
type Code string

const (
	InvalidRequest           Code = "invalid_request"
	NotSignedIn              Code = "unauthenticated"
	WrongCredentials         Code = "wrong_credentials"
	WrongCode                Code = "wrong_code"
	CodeUsed                 Code = "code_used"
	CodeExpired              Code = "code_expired"
	ConfirmationRequired     Code = "confirmation_required"
	NotAllowed               Code = "forbidden"
	SignUpClosed             Code = "sign_up_closed"
	MethodNotAllowedByPolicy Code = "method_not_allowed_by_policy"
	TwoFactorRequired        Code = "two_factor_required"
	OtherChannelRequired     Code = "other_channel_required"
	NotWithToken             Code = "not_with_token"
	EmailNotVerified         Code = "email_not_verified"
	AlreadyEnabled           Code = "already_enabled"
	StateConflict            Code = "conflict"
	Absent                   Code = "not_found"
	StaleVersion             Code = "stale_version"
	TooManyAttempts          Code = "too_many_attempts"
	TooManyEmails            Code = "too_many_emails"
	ServiceUnavailable       Code = "unavailable"
)

// Field names one input that was wrong and what to do about it.
type Field struct {
	Name    string
	Message string // a catalogue id of package text, with Args
	Args    map[string]any
}

// Fault is a failure that may be shown to its caller.
type Fault struct {
	Kind         Kind
	Code         Code
	Message      string         // a catalogue id of package text; empty means "fault." + Code
	Args         map[string]any // values for the message
	Fields       []Field
	RetryAfter   time.Duration // 0 = none
	AttemptsLeft *int
}

// New makes a fault whose message is the catalogue's entry for its code.
func New(k Kind, c Code) *Fault { return &Fault{Kind: k, Code: c} }

// Error names the code only: faults are shown by the fronts, not logged.
func (f *Fault) Error() string { return string(f.Code) }

// Is makes faults of one code equal under errors.Is, whatever they carry.
func (f *Fault) Is(target error) bool {
	t, ok := target.(*Fault)
	return ok && t.Code == f.Code
}

// Say returns a copy with another message of the catalogue.
func (f *Fault) Say(id string, args map[string]any) *Fault {
	c := *f
	c.Message, c.Args = id, args
	return &c
}

// After returns a copy that says when to try again, at least a second.
func (f *Fault) After(d time.Duration) *Fault {
	c := *f
	c.RetryAfter = max(d, time.Second)
	return &c
}

// Left returns a copy that carries how many tries remain.
func (f *Fault) Left(n int) *Fault {
	c := *f
	n = max(n, 0)
	c.AttemptsLeft = &n
	return &c
}

// InField is an invalid_request about one field.
func InField(name, message string, args map[string]any) *Fault {
	return &Fault{Kind: Invalid, Code: InvalidRequest, Fields: []Field{{name, message, args}}}
}

// As finds a fault in an error chain.
func As(err error) (*Fault, bool) {
	var f *Fault
	ok := errors.As(err, &f)
	return f, ok
}
