package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/textproto"
	"time"

	"github.com/hibiken/asynq"

	outbox "latchkey/internal/mail"
	"latchkey/internal/pg"
	"latchkey/internal/trace"
)

// deliverer handles one offer. Running it twice is harmless: the second run
// finds that the lease is over.
type deliverer struct {
	db       *pg.DB
	ledger   *outbox.Ledger
	composer *outbox.Composer
	sender   *outbox.Sender
	pace     *pace
	done     func() // some room is free
	trace    *trace.Tracer
	log      *slog.Logger
}

// What asynq keeps of an error lies open in Redis, so these say nothing.
var (
	errLater   = errors.New("database is away")
	errPayload = fmt.Errorf("not a task of ours: %w", asynq.RevokeTask)
)

// ProcessTask sends one mail, or finds that it is not to be sent. Only a
// missing database is left to asynq's own retries: every other failure is
// written into the row.
func (d *deliverer) ProcessTask(ctx context.Context, t *asynq.Task) error {
	defer d.done()
	var offer task
	if err := json.Unmarshal(t.Payload(), &offer); err != nil {
		return errPayload
	}
	ctx, span := d.trace.Start(trace.Continue(ctx, t.Headers()[traceHeader]), "deliver mail", trace.Consumer)
	span.Note(trace.MailKey, offer.ID.String())
	outcome, err := d.deliver(ctx, offer)
	span.Note(trace.OutcomeKey, outcome)
	span.End(outcome != sent)
	return err
}

// What becomes of an offer.
const (
	sent      = "sent"
	refused   = "refused"
	putOff    = "put off"
	givenUp   = "not ours" // finished, expired, or another worker's
	givenBack = "given back"
)

func (d *deliverer) deliver(ctx context.Context, offer task) (outcome string, err error) {
	m, err := d.ledger.Open(ctx, offer.ID, offer.Lease)
	switch {
	case errors.Is(err, outbox.ErrNotOurs):
		return givenUp, nil
	case errors.Is(err, outbox.ErrSealed):
		d.log.Error("mail can't be opened", append(about(ctx, m), "reason", err)...)
		d.putOff(ctx, m, err)
		return putOff, nil
	case err != nil:
		return putOff, errLater
	}
	return d.send(ctx, m), nil
}

// about says in a log line which mail it is, and for which request.
func about(ctx context.Context, m outbox.Letter) []any {
	out := []any{"mail", m.ID, "request_id", m.Request}
	if m.Mail != nil {
		out = append(out, "kind", m.Mail.Name(), "attempt", m.Attempts+1)
	}
	if id := trace.ID(ctx); id != "" {
		out = append(out, "trace_id", id)
	}
	return out
}

func (d *deliverer) send(ctx context.Context, m outbox.Letter) (outcome string) {
	left := m.LeaseEnd.Sub(d.db.Now()) - time.Second // to write down what became of it
	if left < time.Second {
		return givenUp // it waited in line for too long and is offered again
	}
	if !d.pace.wait(ctx, m.Mail.Queue(), left-time.Second) {
		d.finish(ctx, m, "give back", func(ctx context.Context) error {
			return d.ledger.GiveBack(ctx, []outbox.Offer{{ID: m.ID, Lease: m.Lease}})
		})
		return givenBack
	}
	left = min(smtpDeadline, m.LeaseEnd.Sub(d.db.Now())-time.Second)
	msg, err := d.composer.Compose(m, d.db.Now())
	if err == nil {
		err = d.dialogue(ctx, m, msg, time.Now().Add(left))
	}
	var no *outbox.Refusal
	switch {
	case err == nil:
		d.finish(ctx, m, "sent", func(ctx context.Context) error { return d.ledger.Sent(ctx, m.ID) })
		d.log.Debug("mail sent", about(ctx, m)...)
		return sent
	case errors.Is(err, outbox.ErrNotOurs):
		d.log.Warn("lease was lost before the mail was sent", about(ctx, m)...)
		return givenUp
	case errors.As(err, &no):
		reason := fmt.Sprintf("%d %s", no.Code, no.Text)
		d.finish(ctx, m, "refused", func(ctx context.Context) error {
			return d.ledger.Refused(ctx, m.ID, m.Lease, reason)
		})
		d.log.Info("mail refused", append(about(ctx, m), "code", no.Code)...)
		return refused
	default:
		d.log.Warn("mail put off", append(about(ctx, m), "reason", forLog(err))...)
		d.putOff(ctx, m, err)
		return putOff
	}
}

// dialogue is what the mail server hears: a span of its own, since it is most
// of the time that a mail takes.
func (d *deliverer) dialogue(ctx context.Context, m outbox.Letter, msg outbox.Message, deadline time.Time) error {
	ctx, span := d.trace.Start(ctx, "SMTP", trace.Client)
	span.Note(trace.KindKey, m.Mail.Name())
	err := d.sender.Send(ctx, msg, deadline, func(ctx context.Context) error {
		return d.ledger.Holds(ctx, m.ID, m.Lease)
	})
	span.End(err != nil)
	return err
}

func (d *deliverer) putOff(ctx context.Context, m outbox.Letter, reason error) {
	d.finish(ctx, m, "put off", func(ctx context.Context) error {
		return d.ledger.PutOff(ctx, m, reason.Error())
	})
}

// finish writes the outcome, whatever happens to the handler meanwhile. A
// verdict that can't be written costs a duplicate, so it is tried for as long
// as a duplicate can still be avoided.
func (d *deliverer) finish(ctx context.Context, m outbox.Letter, verdict string, write func(context.Context) error) {
	if err := persist(ctx, m.LeaseEnd.Sub(d.db.Now()), write); err != nil {
		d.log.Error("what became of a mail can't be written",
			append(about(ctx, m), "verdict", verdict, "reason", outbox.Plain(err.Error()))...)
	}
}

// persist tries a write until it succeeds, for as long as the lease lasts.
func persist(ctx context.Context, lease time.Duration, write func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), max(time.Second, lease))
	defer cancel()
	for {
		err := write(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		pause(ctx, 100*time.Millisecond)
	}
}

// forLog keeps the server's words out of the log: they may quote the address
// or the mail. The row has them, made plain, for an admin to read.
func forLog(err error) string {
	var answer *textproto.Error
	if errors.As(err, &answer) {
		return fmt.Sprintf("mail server answered %d", answer.Code)
	}
	return outbox.Plain(err.Error())
}
