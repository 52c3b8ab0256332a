package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"latchkey/internal/devstack"
	"latchkey/internal/pg/pgtest"
)

func sender(t *testing.T, box *devstack.Mailbox, mode TLSMode, roots *x509.CertPool) *Sender {
	t.Helper()
	host, port, err := net.SplitHostPort(box.Addr())
	if err != nil {
		t.Fatal(err)
	}
	s := NewSender(SMTP{Host: host, Port: port, TLS: mode, TLSConfig: &tls.Config{RootCAs: roots}})
	t.Cleanup(s.Close)
	return s
}

func send(t *testing.T, s *Sender, to string, mayStill error) error {
	t.Helper()
	m := Message{From: "no-reply@id.example.com", To: to, Bytes: []byte("Subject: hello\r\n\r\nhello\r\n")}
	return s.Send(t.Context(), m, time.Now().Add(time.Minute), func(context.Context) error { return mayStill })
}

// certificate is one for 127.0.0.1 and the roots that vouch for it.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return &tls.Config{Certificates: s.TLS.Certificates}, roots
}

func TestMailGoesOverTLS(t *testing.T) {
	t.Parallel()
	config, roots := certificate(t)
	box := pgtest.Mailbox(t, devstack.WithTLS(config))
	s := sender(t, box, StartTLS, roots)
	if err := send(t, s, "ann@example.com", ErrNotOurs); !errors.Is(err, ErrNotOurs) {
		t.Errorf("without a lease: %v", err)
	}
	if n := len(box.Mails()); n != 0 {
		t.Errorf("%d mails were sent without a lease", n)
	}
	before := box.Connections()
	for range 3 {
		if err := send(t, s, "ann@example.com", nil); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(box.Mails()); n != 3 || box.Connections() != before {
		t.Errorf("%d mails over %d new connections, want 3 over the one that was there", n, box.Connections()-before)
	}
}

func TestUnprotectedServerIsNotTrusted(t *testing.T) {
	t.Parallel()
	config, _ := certificate(t)
	for what, box := range map[string]*devstack.Mailbox{
		"no STARTTLS":         pgtest.Mailbox(t),
		"unknown certificate": pgtest.Mailbox(t, devstack.WithTLS(config)),
	} {
		err := send(t, sender(t, box, StartTLS, x509.NewCertPool()), "ann@example.com", nil)
		var no *Refusal
		if err == nil || errors.As(err, &no) {
			t.Errorf("%s: %v, want a failure that may pass", what, err)
		}
		if len(box.Mails()) != 0 {
			t.Errorf("%s: the mail went out all the same", what)
		}
	}
}

func TestConnectionThatTheServerEndedIsReplaced(t *testing.T) {
	t.Parallel()
	box := pgtest.Mailbox(t)
	s := sender(t, box, NoTLS, nil)
	if err := send(t, s, "ann@example.com", nil); err != nil {
		t.Fatal(err)
	}
	s.idle[0].drop()
	if err := send(t, s, "ann@example.com", nil); err != nil {
		t.Errorf("after the connection was lost: %v", err)
	}
	if n := box.Connections(); n != 2 {
		t.Errorf("%d connections, want a second one", n)
	}
	s.idle[0].used = time.Now().Add(-time.Hour)
	s.Tidy()
	if len(s.idle) != 0 {
		t.Error("an idle connection was kept for an hour")
	}
}

func TestAnswersAreToldApart(t *testing.T) {
	t.Parallel()
	for code, final := range map[int]bool{550: true, 554: true, 451: false, 421: false, 530: false} {
		box := pgtest.Mailbox(t)
		box.Refuse(devstack.Refusal{Code: code, Times: 1})
		s := sender(t, box, NoTLS, nil)
		err := send(t, s, "ann@example.com", nil)
		var no *Refusal
		if err == nil || errors.As(err, &no) != final {
			t.Errorf("%d: %v, want final %v", code, err, final)
		}
		if no != nil && (no.Code != code || strings.Contains(err.Error(), no.Text)) {
			t.Errorf("%d: %+v is told as %q", code, no, err)
		}
		if err := send(t, s, "ann@example.com", nil); err != nil {
			t.Errorf("%d: the next mail: %v", code, err)
		}
	}
}

// A server that takes the mail and never answers must not hold a sender up.
func TestSilentServerIsLeftAtTheDeadline(t *testing.T) {
	t.Parallel()
	box := pgtest.Mailbox(t)
	release := box.Stall("ann@example.com")
	defer release()
	s := sender(t, box, NoTLS, nil)
	m := Message{From: "a@example.com", To: "ann@example.com", Bytes: []byte("Subject: x\r\n\r\nx\r\n")}
	ok := func(context.Context) error { return nil }
	began := time.Now()
	if err := s.Send(t.Context(), m, began.Add(200*time.Millisecond), ok); err == nil {
		t.Error("no failure at the deadline")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := s.Send(ctx, m, began.Add(time.Minute), ok); err == nil {
		t.Error("no failure when the context ended")
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}
