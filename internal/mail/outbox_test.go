package mail

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/pg"
	"latchkey/internal/pg/pgtest"
	"latchkey/internal/seal"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

type post struct {
	db     *pg.DB
	clock  *pgtest.Clock
	out    *Outbox
	ledger *Ledger
}

var anyTerms = Terms{Codes: 10, Notices: 10, Round: 10, CodeLease: 15 * time.Second, NoticeLease: 25 * time.Second}

func open(t *testing.T) *post {
	t.Helper()
	db := pgtest.New(t, pgtest.At("2026-01-02 03:04:05"))
	set, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.Load(set)
	if err != nil {
		t.Fatal(err)
	}
	return &post{db, pgtest.ClockOf(db), NewOutbox(keys.Mail), NewLedger(db, keys.Mail)}
}

func (p *post) queue(t *testing.T, e Envelope, k Kind) uuid.UUID {
	t.Helper()
	var id uuid.UUID
	err := p.db.InTx(t.Context(), func(tx *pg.Tx) (err error) {
		id, err = p.out.QueueTx(t.Context(), tx, e, k)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (p *post) state(t *testing.T, id uuid.UUID) (d Delivery) {
	t.Helper()
	err := p.db.InTx(t.Context(), func(tx *pg.Tx) (err error) {
		d, err = p.out.DeliveryTx(t.Context(), tx, id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (p *post) claim(t *testing.T, terms Terms) []Offer {
	t.Helper()
	offers, err := p.ledger.Claim(t.Context(), terms)
	if err != nil {
		t.Fatal(err)
	}
	return offers
}

func TestQueuedMailReadsAsExpiredWithoutASweep(t *testing.T) {
	t.Parallel()
	p := open(t)
	id := p.queue(t, Envelope{To: "ann@example.com", ExpiresAt: p.clock.Now().Add(time.Minute)}, SignInCode{Code: "123456"})
	if s := p.state(t, id).State; s != Queued {
		t.Errorf("it is %s", s)
	}
	p.clock.Advance(time.Minute)
	if s := p.state(t, id).State; s != Expired {
		t.Errorf("past its expiry it is %s", s)
	}
	if offers := p.claim(t, anyTerms); len(offers) != 0 {
		t.Error("it was claimed past its expiry")
	}
	if n, err := p.ledger.Expire(t.Context()); n != 1 || err != nil {
		t.Errorf("sweep: %d, %v", n, err)
	}
	if err := p.db.InTx(t.Context(), func(tx *pg.Tx) error {
		_, err := p.out.DeliveryTx(t.Context(), tx, uuid.New())
		return err
	}); !errors.Is(err, ErrNoMail) {
		t.Errorf("a mail that is none: %v", err)
	}
}

func TestMailOfARolledBackChangeIsNeverSeen(t *testing.T) {
	t.Parallel()
	p := open(t)
	undo := errors.New("undo")
	err := p.db.InTx(t.Context(), func(tx *pg.Tx) error {
		if _, err := p.out.QueueTx(t.Context(), tx, Envelope{To: "ann@example.com"}, PasswordChanged{}); err != nil {
			return err
		}
		return undo
	})
	if !errors.Is(err, undo) {
		t.Fatal(err)
	}
	if offers := p.claim(t, anyTerms); len(offers) != 0 {
		t.Error("it was claimed")
	}
}

func TestContentLiesSealedAndBoundToItsRow(t *testing.T) {
	t.Parallel()
	p := open(t)
	id := p.queue(t, Envelope{To: "ann@example.com", Name: "Ann"}, SignInCode{Code: "918273", Device: "Firefox"})
	var sealed []byte
	if err := p.db.Get(&sealed, `SELECT sealed FROM mails WHERE id = $1`, id); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"918273", "Firefox", "Ann"} {
		if bytes.Contains(sealed, []byte(secret)) {
			t.Errorf("%q lies open", secret)
		}
	}
	offer := p.claim(t, anyTerms)[0]
	m, err := p.ledger.Open(t.Context(), offer.ID, offer.Lease)
	if err != nil {
		t.Fatal(err)
	}
	if k, ok := m.Mail.(SignInCode); !ok || k.Code != "918273" || m.Name != "Ann" {
		t.Errorf("it opens as %+v", m)
	}
	// Whoever can write to the table can't have the code sent elsewhere.
	if _, err := p.db.Exec(`UPDATE mails SET recipient = 'eve@example.net' WHERE id = $1`, id); err != nil {
		t.Fatal(err)
	}
	if _, err := p.ledger.Open(t.Context(), offer.ID, offer.Lease); !errors.Is(err, ErrSealed) {
		t.Errorf("with another recipient: %v", err)
	}
}

func TestRecipientThatIsNoBareAddressIsRefused(t *testing.T) {
	t.Parallel()
	p := open(t)
	for _, to := range []string{"", "ann", "ann@example.com\r\nBcc: eve@example.net", "ann@example.com\x00", strings.Repeat("a", 255) + "@b.c"} {
		err := p.db.InTx(t.Context(), func(tx *pg.Tx) error {
			_, err := p.out.QueueTx(t.Context(), tx, Envelope{To: to}, PasswordChanged{})
			return err
		})
		if err == nil {
			t.Errorf("%q was queued", to)
		}
	}
}

func TestCodesAreClaimedBeforeNotices(t *testing.T) {
	t.Parallel()
	p := open(t)
	for range 3 {
		p.queue(t, Envelope{To: "ann@example.com"}, PasswordChanged{})
	}
	p.clock.Advance(time.Second)
	for range 2 {
		p.queue(t, Envelope{To: "ann@example.com"}, SignInCode{})
	}
	terms := anyTerms
	terms.Round, terms.Notices = 4, 1
	got := map[Queue]int{}
	for _, o := range p.claim(t, terms) {
		got[o.Queue]++
	}
	if got[Codes] != 2 || got[Notices] != 1 {
		t.Errorf("claimed %v, want both codes and the one notice that there is room for", got)
	}
	if more := p.claim(t, terms); len(more) != 0 {
		t.Errorf("%d more were claimed while there was no room", len(more))
	}
	terms.Notices = 3
	if more := p.claim(t, terms); len(more) != 2 {
		t.Errorf("%d more were claimed, want the two notices left", len(more))
	}
}

func TestLeaseThatEndsIsOfferedAgainUnderAnother(t *testing.T) {
	t.Parallel()
	p := open(t)
	id := p.queue(t, Envelope{To: "ann@example.com"}, SignInCode{})
	first := p.claim(t, anyTerms)[0]
	p.clock.Advance(15*time.Second - time.Microsecond)
	if len(p.claim(t, anyTerms)) != 0 {
		t.Fatal("it was offered twice at a time")
	}
	if err := p.ledger.Holds(t.Context(), id, first.Lease); err != nil {
		t.Errorf("within the lease: %v", err)
	}
	p.clock.Advance(time.Microsecond)
	if err := p.ledger.Holds(t.Context(), id, first.Lease); !errors.Is(err, ErrNotOurs) {
		t.Errorf("past the lease: %v", err)
	}
	second := p.claim(t, anyTerms)
	if len(second) != 1 || second[0].Lease == first.Lease {
		t.Fatalf("offered again: %+v", second)
	}
	// The first holder comes back late with bad news: nobody listens.
	if err := p.ledger.Refused(t.Context(), id, first.Lease, "no"); err != nil {
		t.Fatal(err)
	}
	if s := p.state(t, id).State; s != Queued {
		t.Errorf("it is %s", s)
	}
	// With good news it is believed: the mail has gone out.
	if err := p.ledger.Sent(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := p.ledger.Holds(t.Context(), id, second[0].Lease); !errors.Is(err, ErrNotOurs) {
		t.Errorf("after it was sent: %v", err)
	}
}

func TestManyRelaysClaimEachMailOnce(t *testing.T) {
	t.Parallel()
	p := open(t)
	for range 60 {
		p.queue(t, Envelope{To: "ann@example.com"}, SignInCode{})
	}
	terms := anyTerms
	terms.Codes, terms.Round = 1000, 7
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		times = map[uuid.UUID]int{}
	)
	for range 8 {
		wg.Go(func() {
			for {
				offers, err := p.ledger.Claim(context.Background(), terms)
				if err != nil {
					t.Error(err)
					return
				}
				if len(offers) == 0 {
					return
				}
				mu.Lock()
				for _, o := range offers {
					times[o.ID]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for _, o := range p.claim(t, terms) { // what SKIP LOCKED made everyone skip at the end
		times[o.ID]++
	}
	if len(times) != 60 {
		t.Errorf("%d of 60 were claimed", len(times))
	}
	for id, n := range times {
		if n != 1 {
			t.Errorf("%s was claimed %d times", id, n)
		}
	}
}

func TestMailIsPutOffForLongerEachTime(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.queue(t, Envelope{To: "ann@example.com"}, SignInCode{})
	for attempt, wait := range []time.Duration{time.Second, 3 * time.Second, 10 * time.Second, 10 * time.Second} {
		o := p.claim(t, anyTerms)
		if len(o) != 1 {
			t.Fatalf("attempt %d: not due", attempt)
		}
		m, err := p.ledger.Open(t.Context(), o[0].ID, o[0].Lease)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.ledger.PutOff(t.Context(), m, "451 later\r\n"); err != nil {
			t.Fatal(err)
		}
		p.clock.Advance(wait - time.Microsecond)
		if len(p.claim(t, anyTerms)) != 0 {
			t.Fatalf("attempt %d: due before %s", attempt, wait)
		}
		p.clock.Advance(time.Microsecond)
	}
}

func TestFinishedMailsAreForgotten(t *testing.T) {
	t.Parallel()
	p := open(t)
	user := uuid.Must(uuid.NewV7())
	if _, err := p.db.Exec(`INSERT INTO users (id, email, name, created_at) VALUES ($1, 'ann@example.com', 'Ann', $2)`, user, p.clock.Now()); err != nil {
		t.Fatal(err)
	}
	sent := p.queue(t, Envelope{To: "ann@example.com"}, PasswordChanged{})
	if err := p.ledger.Sent(t.Context(), sent); err != nil {
		t.Fatal(err)
	}
	p.queue(t, Envelope{User: user, To: "ann@example.com"}, PasswordChanged{})
	p.clock.Advance(31 * 24 * time.Hour)
	if n, err := p.ledger.Purge(t.Context(), 30*24*time.Hour); n != 1 || err != nil {
		t.Errorf("purged %d, %v; want the one that was sent", n, err)
	}
	if err := p.db.InTx(t.Context(), func(tx *pg.Tx) error { return p.out.ForgetTx(t.Context(), tx, user) }); err != nil {
		t.Fatal(err)
	}
	var left int
	if err := p.db.Get(&left, `SELECT count(*) FROM mails`); err != nil || left != 0 {
		t.Errorf("%d rows are left (%v)", left, err)
	}
}
