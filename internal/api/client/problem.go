package client

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Code says what was refused, for programs. It never changes. errors.Is finds
// it in an error of this package.
type Code string

func (c Code) Error() string { return "latchkey: " + string(c) }

const (
	InvalidRequest           Code = "invalid_request" // Error.Fields says what
	Unauthenticated          Code = "unauthenticated" // no token, or a dead one
	WrongCredentials         Code = "wrong_credentials"
	WrongCode                Code = "wrong_code"
	CodeUsed                 Code = "code_used"
	CodeExpired              Code = "code_expired"
	ConfirmationRequired     Code = "confirmation_required" // call Confirm first
	Forbidden                Code = "forbidden"
	SignUpClosed             Code = "sign_up_closed"
	MethodNotAllowedByPolicy Code = "method_not_allowed_by_policy"
	TwoFactorRequired        Code = "two_factor_required"
	OtherChannelRequired     Code = "other_channel_required"
	NotWithToken             Code = "not_with_token" // no access token opens this
	EmailNotVerified         Code = "email_not_verified"
	AlreadyEnabled           Code = "already_enabled"
	Conflict                 Code = "conflict"
	NotFound                 Code = "not_found"
	StaleVersion             Code = "stale_version"
	TooManyAttempts          Code = "too_many_attempts" // Error.RetryAfter says when again
	TooManyEmails            Code = "too_many_emails"
	Unavailable              Code = "unavailable"
	Internal                 Code = "internal"
)

// Error is what the service refused (RFC 9457).
type Error struct {
	Type         string  `json:"type"` // where the code is explained
	Title        string  `json:"title"`
	Status       int     `json:"status"`
	Detail       string  `json:"detail"` // what was wrong and what to do next, for people
	Code         Code    `json:"code"`   // empty: the answer is not from Latchkey
	Fields       []Field `json:"errors"`
	AttemptsLeft *int    `json:"attempts_left"` // nil: not said

	RetryAfter time.Duration `json:"-"` // 0: not said
	RequestID  string        `json:"-"` // finds the request in the log
}

// Field is what is wrong with one input.
type Field struct {
	Name    string `json:"field"`
	Message string `json:"message"`
}

func (e *Error) Error() string {
	said := []string{fmt.Sprintf("latchkey: %d", e.Status)}
	for _, one := range []string{string(e.Code), e.Detail} {
		if one != "" {
			said = append(said, one)
		}
	}
	for _, f := range e.Fields {
		said = append(said, f.Name+": "+f.Message)
	}
	return strings.Join(said, ", ")
}

// Is reports whether this is the error of a Code.
func (e *Error) Is(target error) bool {
	code, ok := target.(Code)
	return ok && e.Code == code
}

func problem(res *http.Response) error {
	defer res.Body.Close() //nolint:errcheck // it has been read
	raw, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	e := &Error{}
	if err != nil || !strings.HasPrefix(res.Header.Get("Content-Type"), "application/problem+json") || json.Unmarshal(raw, e) != nil {
		e = &Error{Title: http.StatusText(res.StatusCode), Detail: "the answer is not Latchkey's: is a proxy in between?"}
	}
	e.Status, e.RequestID = res.StatusCode, res.Header.Get("X-Request-Id")
	if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s > 0 {
		e.RetryAfter = time.Duration(s) * time.Second
	}
	return e
}
