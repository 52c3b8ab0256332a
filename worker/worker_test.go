package worker

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/config"
	"latchkey/internal/devstack"
	outbox "latchkey/internal/mail"
	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
	"latchkey/internal/seal"
)

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(child())
	}
	os.Exit(pgtest.Main(m))
}

// house is a worker's surroundings, all real.
type house struct {
	db     *pg.DB
	url    string
	redis  *devstack.Redis
	box    *devstack.Mailbox
	keyset []byte
	keys   *seal.Keys
	out    *outbox.Outbox
	smtp   string // the box, or what a test puts in its place
	log    *lines
	terms  outbox.Terms
	reach  []netip.Prefix // of webhooks; nil: 127.0.0.1
}

func build(t *testing.T) *house {
	t.Helper()
	h := &house{url: pgtest.URL(t), redis: pgtest.RedisServer(t), box: pgtest.Mailbox(t), log: &lines{}}
	h.db = pgtest.Open(t, h.url)
	var err error
	if h.keyset, err = seal.Generate(); err != nil {
		t.Fatal(err)
	}
	if h.keys, err = seal.Load(h.keyset); err != nil {
		t.Fatal(err)
	}
	h.out = outbox.NewOutbox(h.keys.Mail)
	h.smtp = h.box.Addr()
	h.terms = terms(0)
	return h
}

// settings are those of a deployment without TLS to its mail server.
func settings(smtp string) (*config.Config, error) {
	host, port, err := net.SplitHostPort(smtp)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	return &config.Config{
		BaseURL:  &url.URL{Scheme: "https", Host: "id.example.com"},
		Brand:    config.Brand{Name: "Latchkey"},
		SMTP:     config.SMTP{Host: host, Port: n, TLS: config.NoTLS},
		MailFrom: mail.Address{Name: "Latchkey", Address: "no-reply@id.example.com"},

		WebhookAllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
	}, nil
}

func (h *house) options(t *testing.T) Options {
	t.Helper()
	c, err := settings(h.smtp)
	if err != nil {
		t.Fatal(err)
	}
	if h.reach != nil {
		c.WebhookAllowPrivate = h.reach
	}
	return Options{
		DB: h.db, DatabaseURL: h.url, RedisURL: h.redis.URL, Keys: h.keys, Config: c,
		Log: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})), terms: h.terms,
	}
}

// work runs a worker until the test ends, or until stop is called.
func (h *house) work(t *testing.T) (stop func()) {
	t.Helper()
	w, err := New(h.options(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("worker: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// queue queues a mail as a flow does.
func (h *house) queue(t testing.TB, to string, k outbox.Kind, life time.Duration) uuid.UUID {
	t.Helper()
	var id uuid.UUID
	err := h.db.InTx(t.Context(), func(tx *pg.Tx) (err error) {
		e := outbox.Envelope{To: to, Name: "Ann"}
		if life != 0 {
			e.ExpiresAt = tx.Now.Add(life)
		}
		id, err = h.out.QueueTx(t.Context(), tx, e, k)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (h *house) delivery(t testing.TB, id uuid.UUID) outbox.Delivery {
	t.Helper()
	var d outbox.Delivery
	err := h.db.InTx(t.Context(), func(tx *pg.Tx) (err error) {
		d, err = h.out.DeliveryTx(t.Context(), tx, id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// slack is how many times longer than on a quiet machine anything may take
// before it counts as failed. Figures are held to their goals only where they
// are asked for, with LATCHKEY_FIGURES=1 on a machine that does nothing else.
const slack = 6

var figures = os.Getenv("LATCHKEY_FIGURES") != ""

// until waits for a state of a mail: the deliverer writes it after the server
// has answered, and nothing announces that.
func (h *house) until(t testing.TB, id uuid.UUID, want outbox.State, within time.Duration) outbox.Delivery {
	t.Helper()
	within *= slack
	deadline := time.Now().Add(within)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		d := h.delivery(t, id)
		if d.State == want {
			return d
		}
		if time.Now().After(deadline) {
			t.Fatalf("mail is %s after %s, want %s\n%s", d.State, within, want, h.log)
		}
		<-tick.C
	}
}

func (h *house) arrives(t testing.TB, to string, within time.Duration) devstack.Mail {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within*slack)
	defer cancel()
	m, err := h.box.Wait(ctx, devstack.SentTo(to))
	if err != nil {
		t.Fatalf("%v\n%s", err, h.log)
	}
	return m
}

// says waits until the log has one of these.
func (h *house) says(t testing.TB, within time.Duration, words ...string) {
	t.Helper()
	h.log.wait(within*slack, func(s string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(s, w) })
	})
	log := h.log.String()
	if !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(log, w) }) {
		t.Fatalf("nobody said any of %q\n%s", words, log)
	}
}

// wiped checks that nothing of a finished mail's content is left.
func (h *house) wiped(t testing.TB, id uuid.UUID) {
	t.Helper()
	var left int
	err := h.db.Get(&left, `SELECT count(*) FROM mails WHERE id = $1 AND (sealed IS NOT NULL OR lease IS NOT NULL)`, id)
	if err != nil || left != 0 {
		t.Errorf("content of a finished mail is still there (%v)", err)
	}
}

func code(n int) outbox.SignInCode {
	return outbox.SignInCode{
		Code: fmt.Sprintf("%06d", n), Reference: "K7", ValidUntil: time.Now().Add(10 * time.Minute),
		Device: "Firefox on Windows", Address: "192.0.2.7", At: time.Now(),
	}
}

// lines collects a log and wakes who waits for a line of it.
type lines struct {
	mu   sync.Mutex
	b    bytes.Buffer
	more chan struct{}
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.more != nil {
		close(l.more)
		l.more = nil
	}
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *lines) wait(within time.Duration, enough func(string) bool) {
	over := time.After(within)
	for {
		l.mu.Lock()
		if enough(l.b.String()) {
			l.mu.Unlock()
			return
		}
		if l.more == nil {
			l.more = make(chan struct{})
		}
		more := l.more
		l.mu.Unlock()
		select {
		case <-more:
		case <-over:
			return
		}
	}
}
