package apitest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Response is an answer that was read whole.
type Response struct {
	t      testing.TB
	call   string
	Status int
	Header http.Header
	Body   []byte
}

// Problem is a problem document.
type Problem struct {
	Type, Title, Detail, Code string
	Status                    int
	Errors                    []struct{ Field, Message string }
	AttemptsLeft              *int `json:"attempts_left"`
	RetryAfter                time.Duration
}

// Names lists the fields that the problem is about.
func (p Problem) Names() string {
	var names []string
	for _, e := range p.Errors {
		names = append(names, e.Field)
	}
	return strings.Join(names, ",")
}

// Want ends the test unless the answer has this status.
func (r *Response) Want(status int) *Response {
	r.t.Helper()
	if r.Status != status {
		r.t.Fatalf("%s: %d, want %d\n%s", r.call, r.Status, status, r.shown())
	}
	return r
}

// WantProblem ends the test unless the answer is this problem.
func (r *Response) WantProblem(status int, code string) Problem {
	r.t.Helper()
	r.Want(status)
	p := r.Problem()
	if p.Code != code {
		r.t.Fatalf("%s: %q, want %q\n%s", r.call, p.Code, code, r.shown())
	}
	return p
}

// Problem reads a problem document; its Code is empty when the answer is none.
func (r *Response) Problem() Problem {
	r.t.Helper()
	var p Problem
	if r.Header.Get("Content-Type") != "application/problem+json" {
		return p
	}
	r.Into(&p)
	if s, err := strconv.Atoi(r.Header.Get("Retry-After")); err == nil {
		p.RetryAfter = time.Duration(s) * time.Second
	}
	return p
}

// Into decodes the body.
func (r *Response) Into(v any) {
	r.t.Helper()
	if err := json.Unmarshal(r.Body, v); err != nil {
		r.t.Fatalf("%s: decode answer: %v\n%s", r.call, err, r.shown())
	}
}

// As decodes the body of an answer into a type: apitest.As[me](res).
func As[T any](r *Response) T {
	r.t.Helper()
	var v T
	r.Into(&v)
	return v
}

// Field finds a value by its path of names and positions: "methods.0.method".
// It is nil when there is none.
func (r *Response) Field(path string) any {
	r.t.Helper()
	dec := json.NewDecoder(bytes.NewReader(r.Body))
	var v any
	if err := dec.Decode(&v); err != nil {
		r.t.Fatalf("%s: decode answer: %v\n%s", r.call, err, r.shown())
	}
	for part := range strings.SplitSeq(path, ".") {
		switch in := v.(type) {
		case map[string]any:
			v = in[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(in) {
				return nil
			}
			v = in[i]
		default:
			return nil
		}
	}
	return v
}

// Text is a Field that must be a string with something in it.
func (r *Response) Text(path string) string {
	r.t.Helper()
	s, ok := r.Field(path).(string)
	if !ok || s == "" {
		r.t.Fatalf("%s: no text in %q\n%s", r.call, path, r.shown())
	}
	return s
}

// Time is a Field that must be a time.
func (r *Response) Time(path string) time.Time {
	r.t.Helper()
	at, err := time.Parse(time.RFC3339Nano, r.Text(path))
	if err != nil {
		r.t.Fatalf("%s: %q: %v", r.call, path, err)
	}
	return at
}

// Texts is a Field that must be a list of strings.
func (r *Response) Texts(path string) []string {
	r.t.Helper()
	list, ok := r.Field(path).([]any)
	if !ok {
		r.t.Fatalf("%s: no list in %q\n%s", r.call, path, r.shown())
	}
	out := make([]string, 0, len(list))
	for _, v := range list {
		s, ok := v.(string)
		if !ok {
			r.t.Fatalf("%s: %q is not a list of texts\n%s", r.call, path, r.shown())
		}
		out = append(out, s)
	}
	return out
}

func (r *Response) shown() string { return shown(r.Body) }

// shown is a body as a failure prints it.
func shown(body []byte) string {
	if len(body) > 2000 {
		return string(body[:2000]) + "…"
	}
	return string(body)
}
