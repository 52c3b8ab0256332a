package edge

import (
	"context"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	json "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"latchkey/internal/audit"
	"latchkey/internal/fault"
)

// Call is what a JSON handler knows of its caller besides the body.
type Call struct {
	By     audit.Actor // complete once SetActor named the user
	Kind   BearerKind
	Token  string       // the bearer as it came, prefix included
	Gin    *gin.Context // for what a front's own middleware left there
	status int
}

// utc writes every time in UTC, wherever the database thinks it is.
var utc = json.WithMarshalers(json.MarshalToFunc(func(enc *jsontext.Encoder, t time.Time) error {
	return enc.WriteToken(jsontext.String(t.UTC().Format(time.RFC3339Nano)))
}))

// ID reads a path parameter. What is not a UUID is not found, like an id of
// someone else.
func (c *Call) ID(param string) (uuid.UUID, error) {
	raw := c.Gin.Param(param)
	id, err := uuid.Parse(raw)
	if err != nil || len(raw) != 36 || raw != strings.ToLower(raw) {
		return uuid.Nil, errAbsent
	}
	return id, nil
}

// Query reads a query parameter; empty when absent.
func (c *Call) Query(name string) (string, error) {
	v := c.Gin.Query(name)
	if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
		return "", fault.InField(name, "field.unreadable", nil)
	}
	return v, nil
}

// Header sets a header of the answer, such as ETag.
func (c *Call) Header(name, value string) { c.Gin.Header(name, value) }

// Status overrides the status of a success.
func (c *Call) Status(code int) { c.status = code }

// Secret says that this answer must not be kept for a repeated request.
func (c *Call) Secret() { stateOf(c.Gin).secret = true }

// JSON handles a call with fields: it decodes Req strictly, runs f, and draws
// its answer or its failure. A field of Req that is neither a pointer nor
// tagged omitzero must be given.
func JSON[Req, Ans any](status int, f func(context.Context, *Call, Req) (Ans, error)) gin.HandlerFunc {
	return handle(status, func(ctx context.Context, c *Call) (any, error) {
		var req Req
		if err := decodeJSON(c.Gin.Request, &req); err != nil {
			return nil, err
		}
		return f(ctx, c, req)
	})
}

// Do handles a call with fields and an empty answer: 204.
func Do[Req any](f func(context.Context, *Call, Req) error) gin.HandlerFunc {
	return handle(http.StatusNoContent, func(ctx context.Context, c *Call) (any, error) {
		var req Req
		if err := decodeJSON(c.Gin.Request, &req); err != nil {
			return nil, err
		}
		return nil, f(ctx, c, req)
	})
}

// Bare handles a call without fields: no body, or {}.
func Bare[Ans any](status int, f func(context.Context, *Call) (Ans, error)) gin.HandlerFunc {
	return handle(status, func(ctx context.Context, c *Call) (any, error) {
		if err := decodeNothing(c.Gin.Request); err != nil {
			return nil, err
		}
		return f(ctx, c)
	})
}

// End handles a call without fields and with an empty answer: 204.
func End(f func(context.Context, *Call) error) gin.HandlerFunc {
	return handle(http.StatusNoContent, func(ctx context.Context, c *Call) (any, error) {
		if err := decodeNothing(c.Gin.Request); err != nil {
			return nil, err
		}
		return nil, f(ctx, c)
	})
}

// Get handles a call that only reads; a body is not looked at.
func Get[Ans any](f func(context.Context, *Call) (Ans, error)) gin.HandlerFunc {
	return handle(http.StatusOK, func(ctx context.Context, c *Call) (any, error) { return f(ctx, c) })
}

// Raw handles what writes its own answer, such as a text file: f writes only
// when it can't fail any more.
func Raw(f func(context.Context, *Call) error) gin.HandlerFunc {
	return func(g *gin.Context) {
		c, err := call(g)
		if err == nil {
			err = f(g.Request.Context(), c)
		}
		if err != nil {
			Problem(g, err)
		}
	}
}

// Before makes a middleware of a check, such as the one for a live session:
// its failure is the answer, and nothing behind it runs.
func Before(f func(*gin.Context) error) gin.HandlerFunc {
	return func(g *gin.Context) {
		if err := f(g); err != nil {
			Fail(g, err)
			return
		}
		g.Next()
	}
}

func call(g *gin.Context) (*Call, error) {
	kind, token, err := Bearer(g)
	if err != nil {
		return nil, err
	}
	return &Call{By: ActorOf(g), Kind: kind, Token: token, Gin: g}, nil
}

func handle(status int, f func(context.Context, *Call) (any, error)) gin.HandlerFunc {
	return func(g *gin.Context) {
		c, err := call(g)
		if err != nil {
			Problem(g, err)
			return
		}
		c.status = status
		ans, err := f(g.Request.Context(), c)
		if err != nil {
			Problem(g, err)
			return
		}
		if c.status == http.StatusNoContent || ans == nil {
			g.Status(c.status)
			g.Writer.WriteHeaderNow()
			return
		}
		// Encoded whole before the first byte: a failure here is still a 500.
		// Nil lists become [], never null.
		body, err := json.Marshal(ans, json.Deterministic(true), utc)
		if err != nil {
			Problem(g, err)
			return
		}
		g.Data(c.status, "application/json", body)
	}
}
