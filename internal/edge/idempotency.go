package edge

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json/jsontext"

	"latchkey/internal/fault"
	"latchkey/internal/seal"
)

// IdempotencyHeader names a request, so that its repeat is not done twice.
const IdempotencyHeader = "Idempotency-Key"

// Seen is what is known of a request with the same key.
type Seen int

const (
	Fresh   Seen = iota // nothing: go ahead, it is written down as running
	Running             // begun, and how it ended is not known
	Done                // Kept is its answer
	Hidden              // done; its answer held a secret and was not kept
	Reused              // the key belongs to a different request
)

// Kept is an answer that can be given again.
type Kept struct {
	Status      int
	ContentType string
	Body        []byte
}

// Key is a named request: keyed digests, under every key that is in use.
type Key struct {
	Digests  [][]byte // of bearer, method, route and header; the first is the one to write
	Requests [][]byte // of path, query and body
}

// KeyStore remembers named requests for 24 hours. Begin is one write that
// lets exactly one of many simultaneous repeats see Fresh.
type KeyStore interface {
	Begin(context.Context, Key) (Seen, Kept, error)
	Finish(ctx context.Context, k Key, answer *Kept) error // nil: it held a secret
	Release(context.Context, Key) error                    // nothing was done: the key is free again
}

// Idempotent gives mutating calls with a bearer and an Idempotency-Key their
// first answer again. It belongs behind the check of the bearer, so that an
// ended session is not shown what it was once told.
//
// An answer that judged something (any success; a code or password that was
// wrong, used or expired, since a guess was charged) is kept. A refusal before
// that changed nothing: its key is free again, so that a caller may confirm,
// or wait, and then repeat the very same request. After a failure of ours, or
// a crash, nobody knows: the repeat is a conflict.
func Idempotent(store KeyStore, digest *seal.Digester) gin.HandlerFunc {
	return func(c *gin.Context) {
		header := c.Request.Header.Values(IdempotencyHeader)
		kind, token, err := Bearer(c)
		if len(header) == 0 || err != nil || kind == NoBearer || c.Request.Method == http.MethodGet {
			c.Next()
			return
		}
		key, err := readKey(c, digest, header, token)
		if err != nil {
			Problem(c, err)
			return
		}
		seen, kept, err := store.Begin(c.Request.Context(), key)
		if err != nil {
			Problem(c, err)
			return
		}
		if seen != Fresh {
			repeat(c, seen, kept)
			return
		}
		w := &copyWriter{ResponseWriter: c.Writer}
		c.Writer = w
		c.Next()
		finish(c, store, key, w)
	}
}

func readKey(c *gin.Context, digest *seal.Digester, header []string, token string) (Key, error) {
	name := header[0]
	if len(header) != 1 || len(name) < 1 || len(name) > 255 || strings.ContainsFunc(name, func(r rune) bool { return r < 0x21 || r > 0x7e }) {
		return Key{}, fault.InField(IdempotencyHeader, "field.idempotency_key", nil)
	}
	body, err := readBody(c.Request)
	if err != nil {
		return Key{}, err
	}
	c.Request.Body = io.NopCloser(bytes.NewReader(body))
	return Key{
		Digests:  digest.All("idempotency", token, c.Request.Method, c.FullPath(), name),
		Requests: digest.All("idempotent request", c.Request.URL.RequestURI(), string(body)),
	}, nil
}

func repeat(c *gin.Context, seen Seen, kept Kept) {
	conflict := fault.New(fault.Conflict, fault.StateConflict)
	switch seen {
	case Done:
		c.Abort()
		if kept.Status == http.StatusNoContent || len(kept.Body) == 0 {
			c.Status(kept.Status)
			c.Writer.WriteHeaderNow()
			return
		}
		c.Data(kept.Status, kept.ContentType, kept.Body)
	case Hidden:
		Problem(c, conflict.Say("fault.idempotency_secret", nil))
	case Reused:
		Problem(c, conflict.Say("fault.idempotency_reused", nil))
	default:
		Problem(c, conflict.Say("fault.idempotency_running", nil))
	}
}

// finish writes down how it ended. Its own failure leaves the key running,
// which is the truth for whoever asks again.
func finish(c *gin.Context, store KeyStore, key Key, w *copyWriter) {
	s, status := stateOf(c), w.Status()
	// A caller who hung up must not leave the key running.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request.Context()), time.Second)
	defer cancel()
	var err error
	switch {
	case status >= 500:
		return
	case status >= 400 && !judged(s.code):
		err = store.Release(ctx, key)
	case s.secret && status < 400 || holdsSecret(w.copied.Bytes()): // a failure tells no secret
		err = store.Finish(ctx, key, nil)
	default:
		err = store.Finish(ctx, key, &Kept{status, w.Header().Get("Content-Type"), w.copied.Bytes()})
	}
	if err != nil {
		s.edge.o.Log.LogAttrs(ctx, slog.LevelWarn, "idempotency key left running",
			slog.String("request_id", s.id), slog.String("error", err.Error()))
	}
}

// judged are the refusals that cost something.
func judged(code string) bool {
	switch fault.Code(code) {
	case fault.WrongCredentials, fault.WrongCode, fault.CodeUsed, fault.CodeExpired:
		return true
	}
	return false
}

// secretNames are the members of answers that hold secrets. Handlers mark
// such answers; this is for the one that forgets, since what is kept lies in
// the database in the clear.
var secretNames = map[string]bool{
	"sign_in_token": true, "session_token": true, "token": true, "trusted_device": true, "recovery_pass": true,
	"secret": true, "otpauth_url": true, "qr_png": true, "recovery_keys": true, "key": true,
}

func holdsSecret(body []byte) bool {
	if len(body) == 0 {
		return false
	}
	dec := jsontext.NewDecoder(bytes.NewReader(body))
	for {
		tok, err := dec.ReadToken()
		if err == io.EOF {
			return false
		}
		if err != nil {
			return true // not JSON: nobody knows what it is
		}
		level, n := dec.StackIndex(dec.StackDepth())
		if tok.Kind() != '"' || level != '{' || n%2 == 0 || !secretNames[tok.String()] {
			continue
		}
		if next := dec.PeekKind(); next == '"' || next == '[' {
			return true // {"recovery_keys": {"left": 3}} is no secret
		}
	}
}

// copyWriter keeps a copy of what is answered.
type copyWriter struct {
	gin.ResponseWriter
	copied bytes.Buffer
}

func (w *copyWriter) Write(p []byte) (int, error) {
	w.copied.Write(p)
	return w.ResponseWriter.Write(p)
}

func (w *copyWriter) WriteString(s string) (int, error) {
	w.copied.WriteString(s)
	return w.ResponseWriter.WriteString(s)
}
