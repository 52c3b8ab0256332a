package worker

import (
	"slices"
	"testing"
	"time"

	"latchkey/internal/devstack"
	outbox "latchkey/internal/mail"
)

// What a person waits for: from the queueing transaction's begin to the moment
// at which the mail server has the mail. Not parallel: an idle system is what
// the figure is about.
func TestMedianFromQueueToServer(t *testing.T) {
	h := build(t)
	h.work(t)
	h.until(t, h.queue(t, "first@example.com", code(1), time.Minute), outbox.Sent, 10*time.Second)
	came := make(chan time.Time, 1)
	h.box.OnAccept(func(devstack.Mail) { came <- time.Now() })
	var took []time.Duration
	for i := range 100 {
		began := time.Now()
		h.queue(t, "ann@example.com", code(i), time.Minute)
		select {
		case at := <-came:
			took = append(took, at.Sub(began))
		case <-time.After(10 * time.Second * slack):
			t.Fatalf("mail %d did not come\n%s", i, h.log)
		}
	}
	slices.Sort(took)
	median := took[len(took)/2]
	t.Logf("queue to SMTP acceptance over %d mails: median %s, p99 %s, worst %s", len(took),
		median.Round(100*time.Microsecond), took[98].Round(100*time.Microsecond), took[99].Round(100*time.Microsecond))
	limit := tick / 2 // without the notification, each mail waits for the next tick
	if figures {
		limit = 30 * time.Millisecond
	}
	if median > limit {
		t.Errorf("median is %s, want at most %s", median, limit)
	}
}
