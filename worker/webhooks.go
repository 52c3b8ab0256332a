package worker

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/hibiken/asynq"

	"latchkey/internal/account"
	"latchkey/internal/audit"
	outbox "latchkey/internal/mail"
	"latchkey/internal/pg"
	"latchkey/internal/trace"
	"latchkey/internal/webhook"
)

// Each figure is below the next, as those of mails are.
const (
	postDeadline = 10 * time.Second
	postTimeout  = 12 * time.Second
	postLease    = 25 * time.Second

	webhookQueue = "webhooks"
	// Of one endpoint so many are out at a time, and so many of all: five that
	// stall leave room for the others.
	postsEach  = 5
	postsAtAll = 30
)

// webhooks is the outbox of webhooks as a relay empties it.
type webhooks struct{ ledger *webhook.Ledger }

func (w webhooks) claim(ctx context.Context, probe bool) ([]offer, bool, error) {
	most := postsAtAll
	if probe {
		most = 1
	}
	due, err := w.ledger.Claim(ctx, most, postsEach, postLease)
	out := make([]offer, len(due))
	for i, o := range due {
		out[i] = offer{task{o.ID, o.Lease}, webhookQueue, o.ExpiresAt, ""}
	}
	return out, len(due) == most, err
}

func (w webhooks) giveBack(ctx context.Context, offers []offer) error {
	leases := make([]uuid.UUID, len(offers))
	for i, o := range offers {
		leases[i] = o.Lease
	}
	return w.ledger.GiveBack(ctx, leases)
}

// posting handles one offer of a webhook. Like that of a mail it may run twice.
type posting struct {
	db     *pg.DB
	ledger *webhook.Ledger
	poster *webhook.Poster
	done   func()
	trace  *trace.Tracer
	log    *slog.Logger
}

// ProcessTask posts one event to one endpoint. Whatever becomes of that is
// written into the row; only a missing database is left to asynq's retries.
func (p *posting) ProcessTask(ctx context.Context, t *asynq.Task) error {
	defer p.done()
	var o task
	if err := json.Unmarshal(t.Payload(), &o); err != nil {
		return errPayload
	}
	ctx, span := p.trace.Start(trace.Continue(ctx, t.Headers()[traceHeader]), "deliver webhook", trace.Consumer)
	span.Note(trace.WebhookKey, o.ID.String())
	outcome, err := p.deliver(ctx, o)
	span.Note(trace.OutcomeKey, outcome)
	span.End(outcome != string(webhook.Accepted))
	return err
}

func (p *posting) deliver(ctx context.Context, o task) (outcome string, err error) {
	parcel, err := p.ledger.Open(ctx, o.ID, o.Lease)
	switch {
	case errors.Is(err, webhook.ErrNotOurs):
		return givenUp, nil
	case errors.Is(err, webhook.ErrSealed):
		p.log.Error("webhook can't be signed", "delivery", o.ID, "reason", err)
		return p.finish(ctx, parcel, webhook.Result{Outcome: webhook.Sealed}), nil
	case err != nil:
		return putOff, errLater
	}
	m, err := p.message(ctx, parcel)
	switch {
	case errors.Is(err, pg.ErrNoRows):
		return p.finish(ctx, parcel, webhook.Result{Outcome: webhook.Lost}), nil
	case err != nil:
		return putOff, errLater
	}
	return p.send(ctx, parcel, m)
}

// message reads what there is to tell. The address is the account's of now:
// once it is deleted, nothing of it leaves any more.
func (p *posting) message(ctx context.Context, parcel webhook.Parcel) (webhook.Message, error) {
	e, err := audit.ByID(ctx, p.db, parcel.Event, parcel.EventAt)
	if err != nil {
		return webhook.Message{}, err
	}
	m := webhook.Message{
		Event: e.ID, Type: e.Action, At: e.At, User: e.Subject, ActorKind: string(e.ActorKind), Actor: e.ActorID,
		Address: e.Address, Device: e.Device, Data: e.Data,
	}
	if e.Subject != uuid.Nil {
		names, err := account.Labels(ctx, p.db, []uuid.UUID{e.Subject})
		if err != nil {
			return webhook.Message{}, err
		}
		m.Email = names[e.Subject].Email
	}
	return m, nil
}

func (p *posting) send(ctx context.Context, parcel webhook.Parcel, m webhook.Message) (outcome string, err error) {
	body, err := m.Body()
	if err != nil {
		return givenUp, errPayload // what the audit log holds is JSON
	}
	left := min(postDeadline, parcel.LeaseEnd.Sub(p.db.Now())-time.Second) // a second to write down what became of it
	if left < time.Second {
		return givenUp, nil // it waited in line for too long and is offered again
	}
	posting, cancel := context.WithTimeout(ctx, left)
	r := p.poster.Post(posting, parcel.URL, parcel.Keys, m.ID(), p.db.Now(), body)
	cancel()
	return p.finish(ctx, parcel, r), nil
}

func (p *posting) finish(ctx context.Context, parcel webhook.Parcel, r webhook.Result) (outcome string) {
	var state webhook.State
	err := persist(ctx, parcel.LeaseEnd.Sub(p.db.Now()), func(ctx context.Context) (err error) {
		state, err = p.ledger.Finish(ctx, parcel, r)
		return err
	})
	log := p.log.With("delivery", parcel.ID, "outcome", string(r.Outcome), "status", r.Status, "attempt", parcel.Attempts+1)
	switch {
	case err != nil:
		log.Error("what became of a webhook can't be written", "reason", outbox.Plain(err.Error()))
	case state == webhook.Failed:
		log.Warn("webhook given up")
	case state == webhook.Queued:
		log.Info("webhook put off")
	default:
		log.Debug("webhook sent")
	}
	return string(r.Outcome)
}
