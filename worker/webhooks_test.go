package worker

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/audit"
	"latchkey/internal/pg"
	"latchkey/internal/webhook"
)

// receiver is a service that hears of events, and what came to it.
type receiver struct {
	url  string
	mu   sync.Mutex
	came []heard
	with http.HandlerFunc // after the request is noted; nil: 200
}

type heard struct {
	id, signature string
	at            int64
	body          []byte
}

func newReceiver(t *testing.T, with http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{with: with}
	s := httptest.NewServer(http.HandlerFunc(r.hear))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	r.url = s.URL + "/hook"
	return r
}

func (r *receiver) hear(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	at, _ := strconv.ParseInt(req.Header.Get("Webhook-Timestamp"), 10, 64)
	r.mu.Lock()
	r.came = append(r.came, heard{req.Header.Get("Webhook-Id"), req.Header.Get("Webhook-Signature"), at, body})
	with := r.with
	r.mu.Unlock()
	if with != nil {
		with(w, req)
	}
}

func (r *receiver) answer(with http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.with = with
}

func (r *receiver) all() []heard {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]heard(nil), r.came...)
}

// hook names an endpoint and gives its id.
func (h *house) hook(t *testing.T, url string, kinds ...string) (id uuid.UUID) {
	t.Helper()
	err := h.db.InTx(t.Context(), func(tx *pg.Tx) error {
		e, _, err := webhook.NewStore(h.keys.Mail).AddTx(t.Context(), tx, uuid.Nil, url, kinds)
		id = e.ID
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (h *house) happens(t *testing.T, e audit.Event) {
	t.Helper()
	by := audit.Actor{Kind: audit.User, ID: e.Subject, Address: "192.0.2.1", Device: "Firefox on Windows"}
	if err := h.db.InTx(t.Context(), func(tx *pg.Tx) error { return audit.RecordTx(t.Context(), tx, by, e) }); err != nil {
		t.Fatal(err)
	}
}

// becomes waits until the one delivery of an endpoint is as it should be. What
// waits for its next attempt is made due meanwhile.
func (h *house) becomes(t *testing.T, hook uuid.UUID, within time.Duration, is func(webhook.Item) bool) webhook.Item {
	t.Helper()
	deadline := time.Now().Add(within * slack)
	for {
		all, err := webhook.Deliveries(t.Context(), h.db, webhook.Listing{Webhook: hook, Limit: 2})
		if err != nil || len(all) != 1 {
			t.Fatalf("%d deliveries, %v", len(all), err)
		}
		if is(all[0]) {
			return all[0]
		}
		if time.Now().After(deadline) {
			t.Fatalf("it is %+v\n%s", all[0], h.log)
		}
		if _, err := h.db.ExecContext(t.Context(), `UPDATE webhook_deliveries SET due_at = $1 WHERE state = 'queued' AND lease IS NULL`, h.db.Now()); err != nil {
			t.Fatal(err)
		}
		pause(t.Context(), 20*time.Millisecond)
	}
}

func wasSent(i webhook.Item) bool { return i.State == webhook.Sent }

func TestAnEventReachesItsReceiver(t *testing.T) {
	t.Parallel()
	h := build(t)
	r := newReceiver(t, nil)
	hook := h.hook(t, r.url, "method_on")
	user := someone(t, h.db)
	h.happens(t, audit.Event{Action: "method_on", Subject: user, Data: map[string]any{"method": "app"}})
	h.work(t)
	done := h.becomes(t, hook, 20*time.Second, wasSent)
	all := r.all()
	if len(all) != 1 || done.Attempts != 1 || done.Status != 200 || done.Outcome != webhook.Accepted {
		t.Fatalf("%d came, %+v", len(all), done)
	}
	var m struct {
		ID, Type string
		At       time.Time
		User     struct{ ID, Email string }
		Actor    struct{ Kind, ID string }
		Address  string
		Device   string
		Data     map[string]string
	}
	if err := json.Unmarshal(all[0].body, &m); err != nil {
		t.Fatal(err)
	}
	if m.ID != all[0].id || m.ID != "evt_"+strconv.FormatInt(done.Event, 10) || m.Type != "method_on" || m.User.ID != user.String() ||
		!strings.Contains(m.User.Email, "@") || m.Actor.Kind != "user" || m.Actor.ID != user.String() || m.Address != "192.0.2.1" ||
		m.Device != "Firefox on Windows" || m.Data["method"] != "app" || !m.At.Equal(done.CreatedAt) {
		t.Errorf("%s", all[0].body)
	}
	if age := time.Now().Unix() - all[0].at; age < 0 || age > 60 || !strings.HasPrefix(all[0].signature, "v1,") {
		t.Errorf("%+v", all[0])
	}
	// Once the account is gone its address leaves no more.
	if _, err := h.db.ExecContext(t.Context(), `DELETE FROM users WHERE id = $1`, user); err != nil {
		t.Fatal(err)
	}
	err := h.db.InTx(t.Context(), func(tx *pg.Tx) error {
		_, err := webhook.AgainTx(t.Context(), tx, hook, done.ID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	h.becomes(t, hook, 20*time.Second, wasSent)
	all = r.all()
	if len(all) != 2 || all[1].id != all[0].id || strings.Contains(string(all[1].body), "email") {
		t.Errorf("%d came, the last %s", len(all), all[len(all)-1].body)
	}
}

func TestAReceiverThatFailsIsTriedUntilItIsGivenUpAndThenSentAgain(t *testing.T) {
	t.Parallel()
	h := build(t)
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no room", 500) })
	hook := h.hook(t, r.url, "frozen")
	h.work(t)
	h.happens(t, audit.Event{Action: "frozen"})
	failed := h.becomes(t, hook, 60*time.Second, func(i webhook.Item) bool { return i.State == webhook.Failed })
	if failed.Attempts != webhook.Attempts || len(r.all()) != webhook.Attempts || failed.Status != 500 || failed.Answer != "no room" {
		t.Errorf("%d came, %+v", len(r.all()), failed)
	}
	r.answer(nil)
	err := h.db.InTx(t.Context(), func(tx *pg.Tx) error {
		_, err := webhook.AgainTx(t.Context(), tx, hook, failed.ID)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	h.becomes(t, hook, 20*time.Second, wasSent)
	for _, one := range r.all() {
		if one.id != r.all()[0].id {
			t.Errorf("another id: %s", one.id)
		}
	}
}

// The worker is killed while the receiver has the message and has not answered.
func TestAWebhookSurvivesAWorkerKilledWhilePosting(t *testing.T) {
	t.Parallel()
	h, hold := build(t), newGate()
	r := newReceiver(t, func(http.ResponseWriter, *http.Request) { hold.pass() })
	hook := h.hook(t, r.url, "frozen")
	victim := h.spawn(t)
	h.happens(t, audit.Event{Action: "frozen"})
	reached(t, h, hold)
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	close(hold.open)
	h.spawn(t)
	h.becomes(t, hook, time.Minute, wasSent)
	t.Logf("sent %s after the kill", time.Since(killed).Round(10*time.Millisecond))
	all := r.all()
	if len(all) != 2 || all[0].id == "" || all[0].id != all[1].id {
		t.Errorf("%d came: %+v", len(all), all)
	}
}

// One that stalls must not hold the others up: there are more of its deliveries
// than may be out at all.
func TestAReceiverThatStallsHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	h, hold := build(t), newGate()
	defer close(hold.open) // before anything is waited for
	slow := newReceiver(t, func(http.ResponseWriter, *http.Request) { <-hold.open })
	quick := newReceiver(t, nil)
	h.hook(t, slow.url, "frozen")
	hook := h.hook(t, quick.url, "app_reset")
	for range 2 * postsAtAll {
		h.happens(t, audit.Event{Action: "frozen"})
	}
	h.work(t)
	for deadline := time.Now().Add(20 * time.Second * slack); len(slow.all()) == 0; pause(t.Context(), 10*time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing came to the slow one")
		}
	}
	h.happens(t, audit.Event{Action: "app_reset"})
	h.becomes(t, hook, 20*time.Second, wasSent)
	if n := len(slow.all()); n > postsAtAll/2 {
		t.Errorf("%d came to the slow one", n)
	}
}

func TestWebhooksReachNoPrivateAddressThatIsNotNamed(t *testing.T) {
	t.Parallel()
	h := build(t)
	h.reach = []netip.Prefix{}
	r := newReceiver(t, nil)
	hook := h.hook(t, r.url, "frozen")
	h.work(t)
	h.happens(t, audit.Event{Action: "frozen"})
	i := h.becomes(t, hook, 20*time.Second, func(i webhook.Item) bool { return i.Attempts > 0 })
	if i.State != webhook.Queued || i.Outcome != webhook.NotTLS || len(r.all()) != 0 {
		t.Errorf("%d came, %+v", len(r.all()), i)
	}
}
