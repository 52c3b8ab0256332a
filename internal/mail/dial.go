package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// dial connects, protects the connection and signs in.
func (s *Sender) dial(ctx context.Context, deadline time.Time) (*line, error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	d := net.Dialer{Timeout: dialTimeout}
	raw, err := d.DialContext(ctx, "tcp", net.JoinHostPort(s.to.Host, s.to.Port))
	if err != nil {
		return nil, err
	}
	l := &line{raw: raw, used: time.Now()}
	if err := raw.SetDeadline(deadline); err != nil {
		l.drop()
		return nil, err
	}
	stop := l.endWith(ctx)
	defer stop()
	if err := s.greet(ctx, l); err != nil {
		l.drop()
		return nil, err
	}
	return l, nil
}

func (s *Sender) greet(ctx context.Context, l *line) error {
	conn := l.raw
	if s.to.TLS == Implicit {
		c := tls.Client(l.raw, s.tlsConfig())
		if err := c.HandshakeContext(ctx); err != nil {
			return fmt.Errorf("TLS: %w", err)
		}
		conn = c
	}
	var err error
	if l.smtp, err = smtp.NewClient(conn, s.to.Host); err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	hello := s.to.Hello
	if hello == "" {
		hello = "localhost" // the host's own name is nobody's business
	}
	if err := l.smtp.Hello(hello); err != nil {
		return fmt.Errorf("EHLO: %w", err)
	}
	if s.to.TLS == StartTLS {
		if ok, _ := l.smtp.Extension("STARTTLS"); !ok {
			return errors.New("mail server does not offer STARTTLS")
		}
		if err := l.smtp.StartTLS(s.tlsConfig()); err != nil {
			return fmt.Errorf("STARTTLS: %w", err)
		}
	}
	if s.to.User == "" {
		return nil
	}
	if err := l.smtp.Auth(s.auth(l)); err != nil {
		return fmt.Errorf("sign in to mail server: %w", err)
	}
	return nil
}

// auth picks PLAIN unless the server has LOGIN alone. Without TLS the library
// sends no password except to this machine.
func (s *Sender) auth(l *line) smtp.Auth {
	_, offered := l.smtp.Extension("AUTH")
	if !strings.Contains(" "+offered+" ", " PLAIN ") && strings.Contains(" "+offered+" ", " LOGIN ") {
		return smtp.LoginAuth(s.to.User, s.to.Password, s.to.Host, false)
	}
	return smtp.PlainAuth("", s.to.User, s.to.Password, s.to.Host, false)
}

func (s *Sender) tlsConfig() *tls.Config {
	c := &tls.Config{}
	if s.to.TLSConfig != nil {
		c = s.to.TLSConfig.Clone()
	}
	if c.ServerName == "" {
		c.ServerName = s.to.Host
	}
	c.MinVersion = max(c.MinVersion, tls.VersionTLS12)
	return c
}
