package devstack

import (
	"io"
	"slices"

	"github.com/emersion/go-smtp"
)

// session is one connection's talk.
type session struct {
	box  *Mailbox
	from string
	to   []string
}

func (s *session) Reset() { s.from, s.to = "", nil }

func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := s.box.refusal(to, false); err != nil {
		return err
	}
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	for _, to := range s.to {
		s.box.hold(to)
		if err := s.box.refusal(to, true); err != nil {
			return err
		}
	}
	s.box.keep(readMail(s.from, slices.Clone(s.to), raw))
	return nil
}

// quiet drops the server's log: a sender that hangs up is a test's business.
type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}
