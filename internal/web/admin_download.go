package web

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// stream is a download of any length. It holds the first bytes back until more
// come or the end is good, so that what fails at once is a page and no file.
type stream struct {
	c          *gin.Context
	name, kind string
	held       []byte
	begun      bool
}

func (v *visit) download(name, kind string) *stream { return &stream{c: v.c, name: name, kind: kind} }

// ctx is for the work behind a download: it ends when the reader does, which a
// write finds out, and not with the limit of other requests.
func (s *stream) ctx() context.Context { return context.WithoutCancel(s.c.Request.Context()) }

func (s *stream) Write(b []byte) (int, error) {
	if !s.begun && s.held == nil {
		s.held = append([]byte{}, b...)
		return len(b), nil
	}
	if err := s.begin(); err != nil {
		return 0, err
	}
	return len(b), s.send(b)
}

func (s *stream) begin() error {
	if s.begun {
		return nil
	}
	s.begun = true
	s.c.Header("Content-Disposition", `attachment; filename="`+s.name+`"`)
	s.c.Header("Content-Type", s.kind)
	s.c.Status(http.StatusOK)
	return s.send(s.held)
}

// streamWrite is how long one piece may take to be read: slow readers are let
// be, stuck ones are not.
const streamWrite = 15 * time.Second

func (s *stream) send(b []byte) error {
	_ = http.NewResponseController(s.c.Writer).SetWriteDeadline(time.Now().Add(streamWrite)) // a recorder of tests has none
	if _, err := s.c.Writer.Write(b); err != nil {
		return err
	}
	s.c.Writer.Flush()
	return nil
}

// end finishes the download. Half a file must not look like a whole one: then
// the connection breaks.
func (s *stream) end(err error) error {
	if err != nil && s.begun {
		panic(http.ErrAbortHandler)
	}
	if err != nil {
		return err
	}
	return s.begin()
}
