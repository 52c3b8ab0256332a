package devstack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/smtp"
	"net/textproto"
	"strings"
	"testing"
	"time"
)

func testMailbox(t *testing.T) *Mailbox {
	t.Helper()
	m, err := NewMailbox()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

const twoParts = "From: Latchkey <no-reply@example.com>\r\nTo: %s\r\nSubject: =?utf-8?q?Your_c=C3=B6de?=\r\n" +
	"Message-ID: <row-1@example.com>\r\nX-Kind: code\r\nMIME-Version: 1.0\r\n" +
	"Content-Type: multipart/alternative; boundary=b\r\n\r\n" +
	"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n123456\r\nSee http://localhost:8080/a/b. Or not.\r\n" +
	"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>123456</p><script>alert(1)</script>\r\n--b--\r\n"

func send(m *Mailbox, to ...string) error {
	return smtp.SendMail(m.Addr(), nil, "bounce@example.com", to, fmt.Appendf(nil, twoParts, strings.Join(to, ", ")))
}

func get(t *testing.T, m *Mailbox, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

func TestMailIsReadAndShown(t *testing.T) {
	t.Parallel()
	m := testMailbox(t)
	if err := send(m, "user@example.com"); err != nil {
		t.Fatal(err)
	}
	mail, err := m.Wait(t.Context(), SentTo("USER@example.com"))
	if err != nil {
		t.Fatal(err)
	}
	if mail.Subject != "Your cöde" || !strings.HasPrefix(mail.Text, "123456") || !strings.Contains(mail.HTML, "<p>123456</p>") ||
		mail.MessageID != "row-1@example.com" || mail.Header.Get("X-Kind") != "code" || mail.From != "bounce@example.com" {
		t.Errorf("read %+v", mail)
	}
	if got := mail.Links(); len(got) != 1 || got[0] != "http://localhost:8080/a/b" {
		t.Errorf("links %q", got)
	}

	page := get(t, m, "/dev/mailbox")
	for _, want := range []string{"Your cöde", "user@example.com", `<iframe src="/dev/mailbox/1/html" sandbox`, `href="http://localhost:8080/a/b"`} {
		if !strings.Contains(page.Body.String(), want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if strings.Contains(page.Body.String(), "<script>") {
		t.Error("the mail's script got into the page")
	}
	if got := page.Header().Get("Content-Security-Policy"); !strings.HasPrefix(got, "default-src 'none'; style-src 'self'") || !strings.Contains(got, "frame-src 'self'") {
		t.Errorf("the page's policy is %s", got)
	}
	frame := get(t, m, "/dev/mailbox/1/html")
	if got := frame.Header().Get("Content-Security-Policy"); got != framePolicy || !strings.Contains(frame.Body.String(), "<p>123456</p>") {
		t.Errorf("the frame's policy is %s", got)
	}
	if got := get(t, m, "/dev/mailbox/2"); got.Code != http.StatusNotFound || !strings.Contains(got.Body.String(), "not here any more") {
		t.Errorf("an unknown mail is %d", got.Code)
	}
	if got := get(t, m, "/dev/mailbox.css"); got.Code != http.StatusOK || !strings.HasPrefix(got.Header().Get("Content-Type"), "text/css") {
		t.Errorf("the stylesheet is %d", got.Code)
	}
}

func TestMailboxAsJSON(t *testing.T) {
	t.Parallel()
	m := testMailbox(t)
	if got := strings.TrimSpace(get(t, m, "/dev/mailbox.json").Body.String()); got != "[]" {
		t.Errorf("an empty mailbox is %s", got)
	}
	for _, to := range []string{"a@example.com", "b@example.com"} {
		if err := send(m, to); err != nil {
			t.Fatal(err)
		}
	}
	var mails []map[string]any
	if err := json.Unmarshal(get(t, m, "/dev/mailbox.json").Body.Bytes(), &mails); err != nil {
		t.Fatal(err)
	}
	if len(mails) != 2 || mails[0]["to"] != "b@example.com" {
		t.Fatalf("not newest first: %v", mails)
	}
	for _, key := range []string{"id", "to", "subject", "text", "html", "received_at"} {
		if s, ok := mails[0][key].(string); !ok || s == "" {
			t.Errorf("%s is %v", key, mails[0][key])
		}
	}
	if len(mails[0]) != 6 {
		t.Errorf("other keys than agreed: %v", mails[0])
	}
}

func TestMailboxKeepsTheLast(t *testing.T) {
	t.Parallel()
	m := testMailbox(t)
	for i := range kept + 3 {
		m.keep(Mail{Subject: fmt.Sprint(i)})
	}
	mails := m.Mails()
	if len(mails) != kept || mails[0].Subject != fmt.Sprint(kept+2) || mails[kept-1].Subject != "3" {
		t.Errorf("%d mails from %s to %s", len(mails), mails[0].Subject, mails[len(mails)-1].Subject)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	m := testMailbox(t)
	code := func(to string) int {
		var e *textproto.Error
		if err := send(m, to); errors.As(err, &e) {
			return e.Code
		} else if err != nil {
			t.Fatal(err)
		}
		return 250
	}
	m.Refuse(Refusal{To: "*@gone.example", Code: 550})
	lift := m.Refuse(Refusal{To: "later@example.com", Code: 451})
	m.Refuse(Refusal{To: "once@example.com", Code: 554, AtData: true, Times: 1})
	for _, c := range []struct {
		to   string
		want int
	}{
		{"a@gone.example", 550}, {"Later@example.com", 451}, {"else@example.com", 250},
		{"once@example.com", 554}, {"once@example.com", 250},
	} {
		if got := code(c.to); got != c.want {
			t.Errorf("%s: %d, want %d", c.to, got, c.want)
		}
	}
	lift()
	if got := code("later@example.com"); got != 250 {
		t.Errorf("after it was lifted: %d", got)
	}
	if n := len(m.Mails()); n != 3 {
		t.Errorf("%d mails were kept, want the 3 accepted", n)
	}
}

func TestStallHoldsTheAnswerBack(t *testing.T) {
	t.Parallel()
	m := testMailbox(t)
	accepted := make(chan Mail, 2)
	m.OnAccept(func(mail Mail) { accepted <- mail })
	release := m.Stall("slow@example.com")
	sent := make(chan error, 1)
	go func() { sent <- send(m, "slow@example.com") }()
	if err := send(m, "quick@example.com"); err != nil {
		t.Fatal(err)
	}
	if mail := <-accepted; !mail.IsTo("quick@example.com") {
		t.Errorf("%v came first", mail.To)
	}
	select {
	case err := <-sent:
		t.Fatalf("it was answered: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	release()
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if mail := <-accepted; !mail.IsTo("slow@example.com") || mail.ReceivedAt.IsZero() {
		t.Errorf("accepted %v", mail)
	}
}

func TestWaitIsWokenAndGivesUp(t *testing.T) {
	t.Parallel()
	m := testMailbox(t)
	if err := send(m, "user@example.com"); err != nil {
		t.Fatal(err)
	}
	first := m.Mails()[0]
	found := make(chan Mail)
	go func() {
		mail, _ := m.Wait(t.Context(), func(mail Mail) bool { return mail.Seq > first.Seq })
		found <- mail
	}()
	if err := send(m, "user@example.com"); err != nil {
		t.Fatal(err)
	}
	if mail := <-found; mail.Seq != 2 {
		t.Errorf("found number %d", mail.Seq)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := m.Wait(ctx, SentTo("nobody@example.com")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestUnreadableMailIsShownAllTheSame(t *testing.T) {
	t.Parallel()
	m := readMail("a@example.com", []string{"b@example.com"}, []byte("\x00 no message"))
	if m.Subject == "" && m.Text == "" {
		t.Errorf("nothing to see: %+v", m)
	}
}
