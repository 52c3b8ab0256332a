package worker

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	outbox "latchkey/internal/mail"
	"latchkey/internal/pg"
	"latchkey/internal/seal"
)

// childVariable makes this test binary a worker process, to be killed.
const childVariable = "LATCHKEY_TEST_WORKER"

type childSettings struct {
	Database, Redis, SMTP string
	Keyset                []byte
}

func child() int {
	var s childSettings
	if err := json.Unmarshal([]byte(os.Getenv(childVariable)), &s); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	keys, err := seal.Load(s.Keyset)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	db, err := pg.Open(s.Database, pg.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	c, err := settings(s.SMTP)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	w, err := New(Options{DB: db, DatabaseURL: s.Database, RedisURL: s.Redis, Keys: keys, Config: c,
		Log: slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := w.Run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// spawn starts a worker as a process of its own and waits until it runs.
func (h *house) spawn(t *testing.T) *exec.Cmd {
	t.Helper()
	s, err := json.Marshal(childSettings{h.url, h.redis.URL, h.smtp, h.keyset})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+string(s))
	cmd.Stderr = h.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	started := make(chan struct{})
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "worker started") {
				close(started)
			}
			fmt.Fprintln(h.log, lines.Text())
		}
	}()
	select {
	case <-started:
	case <-time.After(20 * time.Second * slack):
		t.Fatalf("the worker did not start\n%s", h.log)
	}
	return cmd
}

func TestMailSurvivesAWorkerKilledWhileSending(t *testing.T) {
	t.Parallel()
	h, hold := build(t), newGate()
	s := newSink(t, nil, hold)
	h.smtp = s.addr
	victim := h.spawn(t)
	id := h.queue(t, "ann@example.com", code(123456), 10*time.Minute)
	reached(t, h, hold)
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	close(hold.open) // the server has the mail; the worker never heard that it has
	h.spawn(t)
	h.until(t, id, outbox.Sent, 30*time.Second)
	t.Logf("sent %s after the kill", time.Since(killed).Round(10*time.Millisecond))
	h.atMostTwice(t, s, id)
}

// A worker that stands still between its look at the row and the handing over
// comes back after someone else has sent the mail.
func TestFrozenWorkerDoesNotSendAgain(t *testing.T) {
	t.Parallel()
	h, hold := build(t), newGate()
	s := newSink(t, hold, nil)
	h.smtp = s.addr
	frozen := h.spawn(t)
	id := h.queue(t, "ann@example.com", code(123456), 10*time.Minute)
	reached(t, h, hold) // it has said RCPT; DATA would be next
	if err := frozen.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	close(hold.open)
	h.spawn(t)
	h.until(t, id, outbox.Sent, 30*time.Second)
	if err := frozen.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	// Awake, it gives up: either its connection is past its deadline or it
	// finds its lease gone, and it says so.
	h.says(t, 10*time.Second, "mail put off", "lease was lost")
	if ids := s.accepted(); len(ids) != 1 {
		t.Errorf("the mail was sent %d times", len(ids))
	}
	if d := h.delivery(t, id); d.State != outbox.Sent {
		t.Errorf("the mail is %s after the frozen worker came back", d.State)
	}
}

// The fence alone, with no deadline to help: the lease moves on while the
// server takes its time over RCPT.
func TestLeaseIsCheckedRightBeforeData(t *testing.T) {
	t.Parallel()
	h, hold := build(t), newGate()
	s := newSink(t, hold, nil)
	h.smtp = s.addr
	h.work(t)
	id := h.queue(t, "ann@example.com", code(123456), 10*time.Minute)
	reached(t, h, hold)
	if _, err := h.db.Exec(`UPDATE mails SET lease = gen_random_uuid(), due_at = due_at + interval '1 minute' WHERE id = $1`, id); err != nil {
		t.Fatal(err)
	}
	close(hold.open)
	h.says(t, 10*time.Second, "lease was lost")
	if ids := s.accepted(); len(ids) != 0 {
		t.Errorf("the mail was sent %d times without a lease", len(ids))
	}
	if d := h.delivery(t, id); d.State != outbox.Queued || d.Attempts != 0 {
		t.Errorf("delivery is %+v: it was written without a lease", d)
	}
}

func reached(t *testing.T, h *house, g *gate) {
	t.Helper()
	select {
	case <-g.reached:
	case <-time.After(20 * time.Second * slack):
		t.Fatalf("no mail came that far\n%s", h.log)
	}
}

func (h *house) atMostTwice(t *testing.T, s *sink, id uuid.UUID) {
	t.Helper()
	ids := s.accepted()
	if len(ids) == 0 || len(ids) > 2 {
		t.Errorf("%d mails came, want one or two", len(ids))
	}
	for _, got := range ids {
		if want := outbox.MessageID(id, "id.example.com"); got != want {
			t.Errorf("Message-ID is %q, want %q", got, want)
		}
	}
}

func TestMailsWaitWhileRedisIsAway(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.work(t)
	h.until(t, h.queue(t, "first@example.com", code(1), time.Minute), outbox.Sent, 10*time.Second)
	h.redis.Crash()
	id := h.queue(t, "ann@example.com", code(123456), 10*time.Minute)
	h.says(t, 10*time.Second, "they wait in the outbox") // given back after a failed offer, not left on its lease
	if err := h.redis.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	back := time.Now()
	h.until(t, id, outbox.Sent, 5*time.Second)
	t.Logf("sent %s after the return of Redis", time.Since(back).Round(10*time.Millisecond))
}
