package edge

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	json "github.com/go-json-experiment/json"

	"latchkey/internal/fault"
	"latchkey/internal/pg"
	"latchkey/internal/text"
)

// statuses is the one table from kinds of failure to HTTP.
var statuses = map[fault.Kind]int{
	fault.Invalid:         http.StatusBadRequest,
	fault.Unauthenticated: http.StatusUnauthorized,
	fault.Forbidden:       http.StatusForbidden,
	fault.NotFound:        http.StatusNotFound,
	fault.Conflict:        http.StatusConflict,
	fault.Stale:           http.StatusPreconditionFailed,
	fault.Refused:         http.StatusUnprocessableEntity,
	fault.TooMany:         http.StatusTooManyRequests,
	fault.Unavailable:     http.StatusServiceUnavailable,
}

var errAbsent = fault.New(fault.NotFound, fault.Absent)

// retrySoon is what a caller is told to wait when a dependency is missing:
// most are back within ten seconds.
const retrySoon = 2 * time.Second

// Answer is a failure in the words of its reader, for both fronts. As JSON it
// is the problem document of RFC 9457.
type Answer struct {
	Type         string       `json:"type"`
	Title        string       `json:"title"`
	Status       int          `json:"status"`
	Detail       string       `json:"detail"`
	Code         string       `json:"code"`
	Errors       []FieldError `json:"errors,omitempty"`
	AttemptsLeft *int         `json:"attempts_left,omitzero"`

	RequestID  string        `json:"-"`
	RetryAfter time.Duration `json:"-"`
}

// FieldError is what is wrong with one input.
type FieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// Problem answers err as a problem document, whatever the path.
func Problem(c *gin.Context, err error) {
	c.Abort()
	if !c.Writer.Written() {
		drawProblem(c, AnswerTo(c, err))
	}
}

// Fail answers err in the way of the front that the path belongs to: a
// problem document under /api, else a page.
func Fail(c *gin.Context, err error) {
	c.Abort()
	if !c.Writer.Written() {
		draw(c, AnswerTo(c, err))
	}
}

// AnswerTo puts err into words. What is not a fault says nothing of itself to
// the caller and is logged here, once.
func AnswerTo(c *gin.Context, err error) Answer {
	if f, ok := fault.As(err); ok {
		return answer(c, f)
	}
	s := stateOf(c)
	gone := errors.Is(err, context.Canceled) && c.Request.Context().Err() != nil
	if gone || pg.Down(err) || errors.Is(err, context.DeadlineExceeded) {
		if !gone { // a caller who hung up is no news
			s.edge.o.Log.LogAttrs(c.Request.Context(), slog.LevelWarn, "unavailable",
				slog.String("request_id", s.id), slog.String("route", c.FullPath()), slog.String("error", err.Error()))
		}
		return answer(c, fault.New(fault.Unavailable, fault.ServiceUnavailable).After(retrySoon))
	}
	s.edge.o.Log.LogAttrs(c.Request.Context(), slog.LevelError, "failed",
		slog.String("request_id", s.id), slog.String("route", c.FullPath()), slog.String("error", err.Error()))
	return internal(c)
}

func answer(c *gin.Context, f *fault.Fault) Answer {
	s := stateOf(c)
	a := Answer{
		Status: statuses[f.Kind], Code: string(f.Code), Title: s.edge.o.Words.T("title."+string(f.Code), nil),
		Type: s.edge.problemType(string(f.Code)), RequestID: s.id, AttemptsLeft: f.AttemptsLeft, RetryAfter: f.RetryAfter,
	}
	if a.RetryAfter == 0 && (f.Kind == fault.TooMany || f.Kind == fault.Unavailable) {
		a.RetryAfter = retrySoon // the contract promises the header
	}
	s.code = a.Code // a form that is drawn again has failed too
	id, args := message(f)
	args["Wait"] = text.Wait(a.RetryAfter)
	a.Detail = s.edge.o.Words.T(id, args)
	for _, field := range f.Fields {
		a.Errors = append(a.Errors, FieldError{field.Name, s.edge.o.Words.T(field.Message, field.Args)})
	}
	if len(a.Errors) == 1 && f.Message == "" {
		a.Detail = a.Errors[0].Message
	}
	return a
}

// message picks the words of a fault: its own, or those of its code. The last
// three tries are counted down; before that a number would only worry.
func message(f *fault.Fault) (string, map[string]any) {
	args := map[string]any{}
	for k, v := range f.Args {
		args[k] = v
	}
	if f.Message != "" {
		return f.Message, args
	}
	if f.Code == fault.WrongCode && f.AttemptsLeft != nil {
		switch n := *f.AttemptsLeft; {
		case n == 0:
			return "fault.wrong_code.none", args
		case n <= 3:
			args["Count"] = n
			return "fault.wrong_code.left", args
		}
	}
	return "fault." + string(f.Code), args
}

// internal is all that a caller learns of a failure of ours.
func internal(c *gin.Context) Answer {
	s := stateOf(c)
	return Answer{
		Status: http.StatusInternalServerError, Code: "internal", Type: s.edge.problemType("internal"), RequestID: s.id,
		Title:  s.edge.o.Words.T("title.internal", nil),
		Detail: s.edge.o.Words.T("fault.internal", map[string]any{"RequestID": s.id}),
	}
}

// problemType is where a problem's code is explained.
func (e *Edge) problemType(code string) string {
	return strings.TrimSuffix(e.o.BaseURL.String(), "/") + "/docs#" + code
}

func draw(c *gin.Context, a Answer) {
	s := stateOf(c)
	switch {
	case strings.HasPrefix(c.Request.URL.Path, "/api/"):
		drawProblem(c, a)
	case s.edge.o.Page != nil:
		announce(c, a)
		s.edge.o.Page(c, a)
	default:
		announce(c, a)
		c.Status(a.Status)
		c.Header("Content-Type", "text/html; charset=utf-8")
		_ = barePage.Execute(c.Writer, a)
	}
}

// announce writes what a page and a problem document have in common.
func announce(c *gin.Context, a Answer) {
	stateOf(c).code = a.Code
	if a.RetryAfter > 0 {
		c.Header("Retry-After", strconv.FormatInt(int64((a.RetryAfter+time.Second-1)/time.Second), 10))
	}
}

func drawProblem(c *gin.Context, a Answer) {
	announce(c, a)
	if a.Status == http.StatusUnauthorized {
		c.Header("WWW-Authenticate", "Bearer")
	}
	body, err := json.Marshal(a, json.Deterministic(true))
	if err != nil { // a struct of strings and numbers
		panic(fmt.Errorf("encode problem: %w", err))
	}
	c.Data(a.Status, "application/problem+json", body)
}

// barePage is for failures while no front has brought its own page.
var barePage = template.Must(template.New("failure").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{.Title}}</title>
<h1>{{.Title}}</h1>
<p>{{.Detail}}</p>
<p><small>{{.RequestID}}</small></p>
</html>
`))
