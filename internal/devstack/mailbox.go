package devstack

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"
)

// kept is how many mails a mailbox holds; older ones go.
const kept = 200

// Mailbox is a mail server in this process. It delivers nothing: it keeps the
// last mails, shows them (Handler), and for tests can be told to misbehave.
type Mailbox struct {
	server *smtp.Server
	addr   string
	closed chan struct{}
	conns  atomic.Int64

	mu       sync.Mutex
	mails    []Mail // oldest first
	seq      int
	arrived  chan struct{} // closed and replaced at each mail
	hooks    map[int]func(Mail)
	refusals map[int]*Refusal
	stalls   map[int]stall
	nextID   int
}

// Refusal is a rule by which the server says no.
type Refusal struct {
	To     string // recipient, as a pattern of path.Match; empty is everyone
	Code   int    // 550 is for good, 451 is for now
	AtData bool   // only after the message was sent, not at the recipient
	Times  int    // how often; 0 is until the rule is lifted
}

type stall struct {
	to      string
	release chan struct{}
}

// MailboxOption changes how a mailbox is served.
type MailboxOption func(*smtp.Server)

// WithTLS offers STARTTLS.
func WithTLS(c *tls.Config) MailboxOption {
	return func(s *smtp.Server) { s.TLSConfig = c }
}

// NewMailbox starts a mail server on a free loopback port.
func NewMailbox(options ...MailboxOption) (*Mailbox, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start mailbox: %w", err)
	}
	m := &Mailbox{
		addr: l.Addr().String(), closed: make(chan struct{}), arrived: make(chan struct{}),
		hooks: map[int]func(Mail){}, refusals: map[int]*Refusal{}, stalls: map[int]stall{},
	}
	m.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		m.conns.Add(1)
		return &session{box: m}, nil
	}))
	m.server.Domain = "localhost"
	m.server.ReadTimeout, m.server.WriteTimeout = 5*time.Minute, time.Minute
	m.server.MaxMessageBytes, m.server.MaxRecipients = 10<<20, 100
	m.server.EnableSMTPUTF8 = true
	m.server.ErrorLog = quiet{}
	for _, o := range options {
		o(m.server)
	}
	go m.server.Serve(l) //nolint:errcheck // it ends by Close
	return m, nil
}

// URL is where the server takes mails, as SMTP_URL wants it.
func (m *Mailbox) URL() string {
	if m.server.TLSConfig != nil {
		return "smtp://" + m.addr + "?tls=starttls"
	}
	return "smtp://" + m.addr + "?tls=none"
}

// Addr is the same as host:port.
func (m *Mailbox) Addr() string { return m.addr }

// Connections counts those made so far, for tests of their reuse.
func (m *Mailbox) Connections() int { return int(m.conns.Load()) }

// Close ends the server and whatever it holds back.
func (m *Mailbox) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-m.closed:
		return nil
	default:
	}
	close(m.closed)
	if err := m.server.Close(); err != nil && !errors.Is(err, smtp.ErrServerClosed) {
		return fmt.Errorf("stop mailbox: %w", err)
	}
	return nil
}

// Mails gives what is kept, newest first.
func (m *Mailbox) Mails() []Mail {
	m.mu.Lock()
	defer m.mu.Unlock()
	mails := slices.Clone(m.mails)
	slices.Reverse(mails)
	return mails
}

// Mail gives one by its id.
func (m *Mailbox) Mail(id string) (Mail, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.mails, func(mail Mail) bool { return mail.ID == id })
	if i < 0 {
		return Mail{}, false
	}
	return m.mails[i], true
}

// Clear forgets all mails.
func (m *Mailbox) Clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mails = nil
}

// Wait gives the newest mail that matches, or the first to come. To wait for
// one later than another, compare Seq.
func (m *Mailbox) Wait(ctx context.Context, match func(Mail) bool) (Mail, error) {
	seen := 0
	for {
		m.mu.Lock()
		arrived := m.arrived
		for _, mail := range slices.Backward(m.mails) {
			if mail.Seq <= seen {
				break
			}
			if match(mail) {
				m.mu.Unlock()
				return mail, nil
			}
		}
		seen = m.seq
		m.mu.Unlock()
		select {
		case <-arrived:
		case <-m.closed:
			return Mail{}, errors.New("wait for mail: the mailbox is closed")
		case <-ctx.Done():
			return Mail{}, fmt.Errorf("wait for mail (%d came so far): %w", seen, ctx.Err())
		}
	}
}

// OnAccept calls hook for each accepted mail, kept already and not yet
// acknowledged to the sender, until stop is called.
func (m *Mailbox) OnAccept(hook func(Mail)) (stop func()) {
	return register(m, m.hooks, hook)
}

// Refuse adds a rule; lift ends it.
func (m *Mailbox) Refuse(r Refusal) (lift func()) {
	return register(m, m.refusals, &r)
}

// Stall holds back the answer to each message for a matching recipient (see
// Refusal.To) until release is called. The message then counts as accepted,
// whether the sender still waits or not.
func (m *Mailbox) Stall(to string) (release func()) {
	s := stall{to: to, release: make(chan struct{})}
	remove := register(m, m.stalls, s)
	return sync.OnceFunc(func() { remove(); close(s.release) })
}

func register[T any](m *Mailbox, rules map[int]T, rule T) (remove func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.nextID++
	id := m.nextID
	rules[id] = rule
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(rules, id)
	}
}

// refusal gives the answer that a rule asks for, if any.
func (m *Mailbox) refusal(to string, atData bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, r := range m.refusals {
		if r.AtData != atData || !fits(r.To, to) {
			continue
		}
		if r.Times > 0 {
			if r.Times--; r.Times == 0 {
				delete(m.refusals, id)
			}
		}
		return &smtp.SMTPError{
			Code: r.Code, EnhancedCode: smtp.EnhancedCode{r.Code / 100, 1, 0}, Message: "refused by the test mailbox",
		}
	}
	return nil
}

// hold waits while a stall stands for the recipient.
func (m *Mailbox) hold(to string) {
	m.mu.Lock()
	var waits []chan struct{}
	for _, s := range m.stalls {
		if fits(s.to, to) {
			waits = append(waits, s.release)
		}
	}
	m.mu.Unlock()
	for _, w := range waits {
		select {
		case <-w:
		case <-m.closed:
			return
		}
	}
}

func (m *Mailbox) keep(mail Mail) {
	m.mu.Lock()
	m.seq++
	mail.Seq, mail.ID, mail.ReceivedAt = m.seq, fmt.Sprint(m.seq), time.Now().UTC()
	m.mails = append(m.mails, mail)
	if len(m.mails) > kept {
		m.mails = slices.Delete(m.mails, 0, len(m.mails)-kept)
	}
	hooks := make([]func(Mail), 0, len(m.hooks))
	for _, h := range m.hooks {
		hooks = append(hooks, h)
	}
	close(m.arrived)
	m.arrived = make(chan struct{})
	m.mu.Unlock()
	for _, h := range hooks {
		h(mail)
	}
}

func fits(pattern, to string) bool {
	if pattern == "" {
		return true
	}
	ok, err := path.Match(strings.ToLower(pattern), strings.ToLower(to))
	return ok && err == nil
}
