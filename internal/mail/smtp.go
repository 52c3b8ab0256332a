package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// TLSMode says how a connection to the mail server is protected.
type TLSMode string

const (
	StartTLS TLSMode = "starttls" // required, not merely tried
	Implicit TLSMode = "implicit"
	NoTLS    TLSMode = "none"
)

// SMTP names the server that takes the mails.
type SMTP struct {
	Host, Port     string
	User, Password string // empty: no authentication
	TLS            TLSMode
	Hello          string      // name given in EHLO; empty: localhost
	TLSConfig      *tls.Config // nil: the system's roots
}

// Refusal is an answer by which the server says that it will never take a
// mail. Every other failure may pass.
type Refusal struct {
	Code int
	Text string // foreign: only through Plain
}

// Error leaves the server's text out.
func (r *Refusal) Error() string { return fmt.Sprintf("mail server refused the mail (%d)", r.Code) }

// errRecipient: the address got past our own policy and is none.
var errRecipient = &Refusal{Code: 553, Text: "recipient is not an address"}

const (
	idleAfter   = 30 * time.Second // servers end idle connections; don't find out with a code
	perConn     = 100              // servers limit the mails of one connection
	dialTimeout = 3 * time.Second
)

// Sender keeps one connection for each goroutine that sends.
type Sender struct {
	to     SMTP
	mu     sync.Mutex
	idle   []*line // last used last
	closed bool
}

// NewSender makes a sender. It connects when it has something to send.
func NewSender(to SMTP) *Sender { return &Sender{to: to} }

// line is one SMTP session.
type line struct {
	raw  net.Conn
	smtp *smtp.Client
	used time.Time
	sent int
}

// Send hands a message over. mayStill is asked after the server has agreed to
// sender and recipient, right before DATA: its error ends the attempt with
// nothing sent. deadline bounds the whole conversation, connecting included.
//
// A failure after DATA leaves open whether the server has the mail.
func (s *Sender) Send(ctx context.Context, m Message, deadline time.Time, mayStill func(context.Context) error) error {
	l := s.take()
	if l != nil {
		err := l.begin(ctx, m, deadline)
		if err == nil {
			return s.finish(ctx, l, m, deadline, mayStill)
		}
		if !gone(err) {
			s.keep(l, err)
			return classify(err)
		}
		l.drop() // the server had ended the idle connection: once more, with a new one
	}
	l, err := s.dial(ctx, deadline)
	if err != nil {
		return fmt.Errorf("connect to mail server: %w", err)
	}
	if err := l.begin(ctx, m, deadline); err != nil {
		s.keep(l, err)
		return classify(err)
	}
	return s.finish(ctx, l, m, deadline, mayStill)
}

// begin says who sends to whom.
func (l *line) begin(ctx context.Context, m Message, deadline time.Time) error {
	if err := l.raw.SetDeadline(deadline); err != nil {
		return err
	}
	defer l.endWith(ctx)()
	// Asked for without need, it makes relays that lack it refuse the mail.
	l.smtp.SkipSMTPUTF8(isASCII(m.To))
	if err := l.smtp.Mail("<" + m.From + ">"); err != nil {
		return err
	}
	return l.smtp.Rcpt("<" + m.To + ">")
}

func (s *Sender) finish(ctx context.Context, l *line, m Message, deadline time.Time, mayStill func(context.Context) error) error {
	if err := mayStill(ctx); err != nil {
		s.keep(l, err)
		return err
	}
	// The check itself took time, or the process stood still after it. The
	// runtime ends the connection at its deadline, but may be late in noticing.
	if !time.Now().Before(deadline) {
		l.drop()
		return fmt.Errorf("send mail: %w", context.DeadlineExceeded)
	}
	err := l.data(ctx, m)
	s.keep(l, err)
	return classify(err)
}

func (l *line) data(ctx context.Context, m Message) error {
	defer l.endWith(ctx)()
	w, err := l.smtp.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(m.Bytes); err != nil {
		return err // the connection is broken; without the final dot there is no mail
	}
	if err := w.Close(); err != nil {
		return err
	}
	l.sent++
	return nil
}

// endWith ends the conversation when ctx does, which the library would not
// notice, and returns how to stop watching.
func (l *line) endWith(ctx context.Context) func() {
	stop := context.AfterFunc(ctx, func() { l.raw.Close() }) //nolint:errcheck // to end a read or write
	return func() { stop() }
}

// take borrows the connection that was used last.
func (s *Sender) take() *line {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.idle) > 0 {
		l := s.idle[len(s.idle)-1]
		s.idle = s.idle[:len(s.idle)-1]
		if time.Since(l.used) < idleAfter {
			return l
		}
		go l.quit()
	}
	return nil
}

// keep puts a connection back that is in a known state, or ends it.
func (s *Sender) keep(l *line, err error) {
	if err != nil {
		var answer *textproto.Error
		if errors.As(err, &answer) && answer.Code == 421 || gone(err) {
			l.drop()
			return
		}
		if l.smtp.Reset() != nil { // forget the recipient that was refused
			l.drop()
			return
		}
	}
	l.used = time.Now()
	s.mu.Lock()
	if s.closed || l.sent >= perConn {
		s.mu.Unlock()
		go l.quit()
		return
	}
	s.idle = append(s.idle, l)
	s.mu.Unlock()
}

// Tidy ends connections that nobody has used for a while.
func (s *Sender) Tidy() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = slices.DeleteFunc(s.idle, func(l *line) bool {
		old := time.Since(l.used) >= idleAfter
		if old {
			go l.quit()
		}
		return old
	})
}

// Close ends every connection; one in use is ended when it comes back.
func (s *Sender) Close() {
	s.mu.Lock()
	idle := s.idle
	s.idle, s.closed = nil, true
	s.mu.Unlock()
	for _, l := range idle {
		l.quit()
	}
}

func (l *line) quit() {
	_ = l.raw.SetDeadline(time.Now().Add(time.Second))
	_ = l.smtp.Quit() // politeness
	l.drop()
}

func (l *line) drop() { _ = l.raw.Close() }

// gone reports whether the conversation can't go on, for whatever reason but
// an answer of the server.
func gone(err error) bool {
	var answer *textproto.Error
	if errors.As(err, &answer) {
		return answer.Code == 421
	}
	return !errors.Is(err, ErrNotOurs)
}

// classify tells the answers that are about this mail and final from those
// that are about us (not authenticated, no such command), which a corrected
// setting will heal, and from all that may pass.
func classify(err error) error {
	var answer *textproto.Error
	if !errors.As(err, &answer) || answer.Code < 500 || answer.Code > 599 {
		return err
	}
	switch answer.Code {
	case 500, 501, 502, 503, 504, 530, 534, 535, 538:
		return err
	}
	return &Refusal{Code: answer.Code, Text: answer.Msg}
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 126 })
}
