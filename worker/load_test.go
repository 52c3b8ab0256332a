package worker

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	outbox "latchkey/internal/mail"
	"latchkey/internal/pg"
)

func TestBurst(t *testing.T) {
	t.Parallel()
	h, s := build(t), newSink(t, nil, nil)
	h.smtp = s.addr
	h.work(t)
	h.until(t, h.queue(t, "first@example.com", code(1), time.Minute), outbox.Sent, 10*time.Second)
	const n = 1000
	var came atomic.Int64
	all := make(chan struct{})
	s.onAccept(func(string) {
		if came.Add(1) == n {
			close(all)
		}
	})
	began := time.Now()
	h.queueMany(t, n, func(i int) outbox.Kind {
		if i%2 == 1 {
			return outbox.PasswordChanged{Device: "Firefox", At: began}
		}
		return code(i)
	})
	queued := time.Now()
	select {
	case <-all:
	case <-time.After(30 * time.Second * slack):
		t.Fatalf("%d of %d mails came\n%s", came.Load(), n, h.log)
	}
	t.Logf("%d mails queued in %s, the last accepted %s after the commit", n,
		queued.Sub(began).Round(time.Millisecond), time.Since(queued).Round(time.Millisecond))
}

// A reminder to everybody must not delay anybody's sign-in.
func TestBacklogOfNoticesDelaysNoCode(t *testing.T) {
	t.Parallel()
	h, s := build(t), newSink(t, nil, nil)
	h.smtp = s.addr
	slow := 20 * time.Millisecond // what a real server takes for a mail
	came := make(chan struct{}, 1)
	var notices atomic.Int64
	s.onAccept(func(to string) {
		if to == "ann@example.com" {
			came <- struct{}{}
			return
		}
		notices.Add(1)
		time.Sleep(slow) // stands for the server, not for a wait of the test
	})
	const n = 5000
	h.queueMany(t, n, func(int) outbox.Kind { return outbox.TwoFactorRequiredFrom{From: time.Now()} })
	h.work(t)
	var took []time.Duration
	for i := range 40 {
		began := time.Now()
		h.queue(t, "ann@example.com", code(i), time.Minute)
		select {
		case <-came:
			took = append(took, time.Since(began))
		case <-time.After(10 * time.Second * slack):
			t.Fatalf("code %d did not come\n%s", i, h.log)
		}
	}
	slices.Sort(took)
	sent := notices.Load()
	t.Logf("with %d notices waiting, %d sent meanwhile: median of a code %s, worst %s", n, sent,
		took[len(took)/2].Round(100*time.Microsecond), took[len(took)-1].Round(100*time.Microsecond))
	if sent == 0 || sent == n {
		t.Errorf("%d notices were sent meanwhile: nothing was measured", sent)
	}
	limit := 2 * time.Second
	if figures {
		limit = 250 * time.Millisecond
	}
	if m := took[len(took)/2]; m > limit {
		t.Errorf("the median code took %s", m)
	}
}

func (h *house) queueMany(t *testing.T, n int, kind func(int) outbox.Kind) {
	t.Helper()
	const commit = 250 // a transaction has two seconds, on slow machines too
	for from := 0; from < n; from += commit {
		err := h.db.InTx(t.Context(), func(tx *pg.Tx) error {
			for i := from; i < min(from+commit, n); i++ {
				if _, err := h.out.QueueTx(t.Context(), tx, outbox.Envelope{To: fmt.Sprintf("u%d@example.com", i)}, kind(i)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
