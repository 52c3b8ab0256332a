package worker

import (
	"strings"
	"testing"
	"time"

	"latchkey/internal/devstack"
	outbox "latchkey/internal/mail"
)

func TestQueuedMailReachesTheServer(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.work(t)
	id := h.queue(t, "ann@example.com", code(123456), 10*time.Minute)
	m := h.arrives(t, "ann@example.com", 10*time.Second)
	if !strings.Contains("\n"+strings.ReplaceAll(m.Text, "\r", "")+"\n", "\n123456\n") {
		t.Errorf("the code does not stand alone on a line:\n%s", m.Text)
	}
	if want := outbox.MessageID(id, "id.example.com"); m.MessageID != want {
		t.Errorf("Message-ID is %q, want %q", m.MessageID, want)
	}
	if !strings.Contains(m.Subject, "K7") || strings.Contains(m.Subject, "123456") {
		t.Errorf("subject is %q", m.Subject)
	}
	d := h.until(t, id, outbox.Sent, 5*time.Second)
	if d.SentAt == nil || d.Attempts != 1 {
		t.Errorf("delivery is %+v", d)
	}
	h.wiped(t, id)
}

func TestRefusedForGoodEndsTheMailAtOnce(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.box.Refuse(devstack.Refusal{To: "gone@example.com", Code: 550})
	h.work(t)
	id := h.queue(t, "gone@example.com", code(123456), 10*time.Minute)
	if d := h.until(t, id, outbox.Refused, 5*time.Second); d.Attempts != 1 {
		t.Errorf("delivery is %+v", d)
	}
	h.wiped(t, id)
	// The connection is still good for the next one.
	h.queue(t, "ann@example.com", code(123456), 10*time.Minute)
	h.arrives(t, "ann@example.com", 5*time.Second)
}

func TestRefusedAtDataEndsTheMailToo(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.box.Refuse(devstack.Refusal{Code: 554, AtData: true})
	h.work(t)
	id := h.queue(t, "ann@example.com", code(123456), 10*time.Minute)
	h.until(t, id, outbox.Refused, 5*time.Second)
	h.wiped(t, id)
}

func TestRefusedForNowIsTriedAgain(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.box.Refuse(devstack.Refusal{Code: 451, Times: 2})
	h.work(t)
	id := h.queue(t, "ann@example.com", code(123456), 10*time.Minute)
	h.arrives(t, "ann@example.com", 15*time.Second)
	if d := h.until(t, id, outbox.Sent, 5*time.Second); d.Attempts != 3 {
		t.Errorf("delivery is %+v, want the third attempt to succeed", d)
	}
}

func TestMailEndsWithItsExpiry(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.box.Refuse(devstack.Refusal{Code: 451})
	h.work(t)
	id := h.queue(t, "ann@example.com", code(123456), 2*time.Second)
	h.until(t, id, outbox.Expired, 5*time.Second)
	deadline := time.Now().Add(5 * time.Second * slack)
	for {
		var state string
		if err := h.db.Get(&state, `SELECT state FROM mails WHERE id = $1`, id); err != nil {
			t.Fatal(err)
		}
		if state == "expired" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no sweep wrote the expiry: %s", state)
		}
		pause(t.Context(), 20*time.Millisecond)
	}
	h.wiped(t, id)
	if n := len(h.box.Mails()); n != 0 {
		t.Errorf("%d mails came", n)
	}
}

func TestServerThatIsAwayIsTriedAgain(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.smtp = "127.0.0.1:1" // nobody listens there
	h.work(t)
	id := h.queue(t, "ann@example.com", code(123456), 10*time.Minute)
	deadline := time.Now().Add(10 * time.Second * slack)
	for h.delivery(t, id).Attempts < 2 {
		if time.Now().After(deadline) {
			t.Fatalf("not tried twice\n%s", h.log)
		}
		pause(t.Context(), 20*time.Millisecond)
	}
	if d := h.delivery(t, id); d.State != outbox.Queued {
		t.Errorf("mail is %s", d.State)
	}
}

func TestConnectionsAreKept(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.work(t)
	for range 5 {
		h.until(t, h.queue(t, "ann@example.com", code(1), time.Minute), outbox.Sent, 5*time.Second)
	}
	if n := h.box.Connections(); n != 1 {
		t.Errorf("%d connections for five mails, one after the other", n)
	}
}

func TestNothingTellingIsLoggedOrKept(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.box.Refuse(devstack.Refusal{To: "gone@example.com", Code: 550})
	h.box.Refuse(devstack.Refusal{To: "later@example.com", Code: 451, Times: 1})
	h.work(t)
	for _, to := range []string{"gone@example.com", "later@example.com", "ann@example.com"} {
		h.queue(t, to, code(918273), time.Minute)
	}
	h.arrives(t, "later@example.com", 10*time.Second)
	h.arrives(t, "ann@example.com", 10*time.Second)
	for _, secret := range []string{"918273", "@example.com"} {
		if strings.Contains(h.log.String(), secret) {
			t.Errorf("the log has %q:\n%s", secret, h.log)
		}
		var rows int
		if err := h.db.Get(&rows, `SELECT count(*) FROM mails WHERE last_error LIKE '%' || $1 || '%'`, secret); err != nil || rows != 0 {
			t.Errorf("%d rows keep %q (%v)", rows, secret, err)
		}
	}
}
