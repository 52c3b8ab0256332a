package worker

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/hibiken/asynq"

	outbox "latchkey/internal/mail"
	"latchkey/internal/trace"
)

const (
	taskType    = "mail"
	traceHeader = "traceparent"
	tick        = time.Second // the guarantee behind the notification
	// offerers put tasks into Redis side by side; each takes a round trip.
	offerers     = 4
	offerTimeout = 2 * time.Second
)

// terms are how many mails may be out at a time: few enough to be sent well
// within their lease, so that none is offered twice for having waited in line.
func terms(rate float64) outbox.Terms {
	t := outbox.Terms{Codes: 400, Notices: 200, Round: 200, CodeLease: codeLease, NoticeLease: noticeLease}
	if rate > 0 {
		t.Codes = max(1, min(t.Codes, int(4*rate)))
		t.Notices = max(1, min(t.Notices, int(4*rate)))
	}
	return t
}

// task is all that Redis learns.
type task struct {
	ID    uuid.UUID `json:"id"`
	Lease uuid.UUID `json:"lease"`
}

// relay leases what is due and offers it to asynq.
type relay struct {
	ledger *outbox.Ledger
	client *asynq.Client
	terms  outbox.Terms
	trace  *trace.Tracer
	log    *slog.Logger
	wake   chan struct{}

	room atomic.Int64 // mails delivered since the last round
	down bool         // the last offer failed: only the tick tries again
}

func newRelay(l *outbox.Ledger, c *asynq.Client, t outbox.Terms, spans *trace.Tracer, log *slog.Logger) *relay {
	return &relay{ledger: l, client: c, terms: t, trace: spans, log: log, wake: make(chan struct{}, 1)}
}

// poke asks for a round; pokes that come while one is due are one.
func (r *relay) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// delivered asks for another round when half of the room is free again.
func (r *relay) delivered() {
	if half := int64(max(1, min(r.terms.Codes, r.terms.Notices)/2)); r.room.Add(1) == half {
		r.poke()
	}
}

func (r *relay) run(ctx context.Context) {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
			if r.down {
				continue
			}
		case <-t.C:
		}
		r.rounds(ctx)
	}
}

// rounds claims until nothing is left or there is no room.
func (r *relay) rounds(ctx context.Context) {
	for ctx.Err() == nil {
		terms := r.terms
		if r.down {
			terms.Round = 1 // ask with one mail whether Redis is back
		}
		r.room.Store(0)
		offers, err := r.ledger.Claim(ctx, terms)
		if err != nil {
			if ctx.Err() == nil {
				r.log.Warn("can't claim mails", "reason", outbox.Plain(err.Error()))
			}
			return
		}
		if len(offers) == 0 || !r.offer(ctx, offers) || len(offers) < terms.Round {
			return
		}
	}
}

// offer puts the mails into Redis. Those that can't be are given back at
// once, so that another worker, or the next tick, offers them again.
func (r *relay) offer(ctx context.Context, offers []outbox.Offer) bool {
	var (
		wg     sync.WaitGroup
		next   atomic.Int64
		failed atomic.Bool
		mu     sync.Mutex
		back   []outbox.Offer
	)
	for range min(offerers, len(offers)) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(offers)); i = next.Add(1) - 1 {
				o := offers[i]
				if failed.Load() || r.enqueue(ctx, o) != nil {
					failed.Store(true)
					mu.Lock()
					back = append(back, o)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if len(back) == 0 {
		if r.down {
			r.log.Info("Redis is back; mails go out")
		}
		r.down = false
		return true
	}
	if !r.down && ctx.Err() == nil {
		r.log.Warn("Redis takes no mails; they wait in the outbox")
	}
	r.down = true
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), offerTimeout)
	defer cancel()
	if err := r.ledger.GiveBack(ctx, back); err != nil {
		r.log.Warn("can't give mails back; they wait for their lease to end", "reason", outbox.Plain(err.Error()))
	}
	return false
}

// headers hand the trace on to whoever delivers.
func headers(ctx context.Context) map[string]string {
	if parent := trace.Parent(ctx); parent != "" {
		return map[string]string{traceHeader: parent}
	}
	return nil
}

func (r *relay) enqueue(ctx context.Context, o outbox.Offer) (err error) {
	payload, err := json.Marshal(task{o.ID, o.Lease})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, offerTimeout)
	defer cancel()
	ctx, span := r.trace.Start(trace.Continue(ctx, o.Trace), "relay mail", trace.Producer)
	defer func() { span.End(err != nil) }()
	span.Note(trace.MailKey, o.ID.String())
	_, err = r.client.EnqueueContext(ctx, asynq.NewTaskWithHeaders(taskType, payload, headers(ctx)),
		asynq.TaskID(o.Lease.String()), // fresh per offer: an archived task blocks its id
		asynq.Queue(string(o.Queue)),
		asynq.MaxRetry(3), // a killed worker costs one
		asynq.Timeout(asynqTimeout),
		asynq.Deadline(o.ExpiresAt))
	return err
}
