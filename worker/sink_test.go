package worker

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
)

// sink is a mail server that a test holds up at a chosen point, and that says
// when that point is reached.
type sink struct {
	addr string
	mu   sync.Mutex
	ids  []string // Message-IDs that were accepted, each time

	atRcpt, atData *gate
	accept         func(to string) // called for each mail before it is acknowledged
}

// gate lets everyone through once it is open, and says that someone waits.
type gate struct{ reached, open chan struct{} }

func newGate() *gate { return &gate{make(chan struct{}, 100), make(chan struct{})} }

func (g *gate) pass() {
	if g == nil {
		return
	}
	g.reached <- struct{}{}
	<-g.open
}

func newSink(t *testing.T, atRcpt, atData *gate) *sink {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{addr: l.Addr().String(), atRcpt: atRcpt, atData: atData}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &talk{sink: s}, nil }))
	server.Domain = "localhost"
	server.ErrorLog = mutter{}
	go server.Serve(l)                   //nolint:errcheck // ends by Close
	t.Cleanup(func() { server.Close() }) //nolint:errcheck // the test is over
	return s
}

// onAccept names what is called for each mail.
func (s *sink) onAccept(f func(to string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accept = f
}

func (s *sink) accepted() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.ids...)
}

type talk struct {
	*sink
	to string
}

func (t *talk) Reset()                               {}
func (t *talk) Logout() error                        { return nil }
func (t *talk) Mail(string, *smtp.MailOptions) error { return nil }

func (t *talk) Rcpt(to string, _ *smtp.RcptOptions) error {
	t.to = to
	t.atRcpt.pass()
	return nil
}

func (t *talk) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	header, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(raw))).ReadMIMEHeader()
	if err != nil {
		return err
	}
	t.mu.Lock()
	t.ids = append(t.ids, strings.Trim(header.Get("Message-Id"), "<>"))
	accept := t.accept
	t.mu.Unlock()
	if accept != nil {
		accept(t.to)
	}
	t.atData.pass()
	return nil
}

type mutter struct{}

func (mutter) Printf(string, ...any) {}
func (mutter) Println(...any)        {}
