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
	traceHeader = "traceparent"
	tick        = time.Second // the guarantee behind the notification
	// offerers put tasks into Redis side by side; each takes a round trip.
	offerers     = 4
	offerTimeout = 2 * time.Second
)

// offer is one row that was leased for sending.
type offer struct {
	task
	queue     string
	expiresAt time.Time
	trace     string // of the request that queued it; empty: none
}

// task is all that Redis learns.
type task struct {
	ID    uuid.UUID `json:"id"`
	Lease uuid.UUID `json:"lease"`
}

// source is an outbox that a relay empties.
type source interface {
	// claim leases what is due; full: there may be more. probe asks for one, to
	// see whether Redis is back.
	claim(ctx context.Context, probe bool) (offers []offer, full bool, err error)
	giveBack(ctx context.Context, offers []offer) error
}

// relay leases what is due and offers it to asynq.
type relay struct {
	what    string // is relayed, for the log and as the type of the tasks
	key     string // of spans
	from    source
	half    int64         // of what may be out at a time: then there is room for another round
	timeout time.Duration // of a handler
	client  *asynq.Client
	trace   *trace.Tracer
	log     *slog.Logger
	wake    chan struct{}

	room atomic.Int64 // delivered since the last round
	down bool         // the last offer failed: only the tick tries again
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
	if r.room.Add(1) == r.half {
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
		r.room.Store(0)
		offers, full, err := r.from.claim(ctx, r.down)
		if err != nil {
			if ctx.Err() == nil {
				r.log.Warn("can't claim what is due", "of", r.what, "reason", outbox.Plain(err.Error()))
			}
			return
		}
		if len(offers) == 0 || !r.offer(ctx, offers) || !full {
			return
		}
	}
}

// offer puts them into Redis. Those that can't be are given back at
// once, so that another worker, or the next tick, offers them again.
func (r *relay) offer(ctx context.Context, offers []offer) bool {
	var (
		wg     sync.WaitGroup
		next   atomic.Int64
		failed atomic.Bool
		mu     sync.Mutex
		back   []offer
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
			r.log.Info("Redis is back", "of", r.what)
		}
		r.down = false
		return true
	}
	if !r.down && ctx.Err() == nil {
		r.log.Warn("Redis takes no tasks; they wait in the outbox", "of", r.what)
	}
	r.down = true
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), offerTimeout)
	defer cancel()
	if err := r.from.giveBack(ctx, back); err != nil {
		r.log.Warn("can't give leases back; they are waited for", "of", r.what, "reason", outbox.Plain(err.Error()))
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

func (r *relay) enqueue(ctx context.Context, o offer) (err error) {
	payload, err := json.Marshal(o.task)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, offerTimeout)
	defer cancel()
	ctx, span := r.trace.Start(trace.Continue(ctx, o.trace), "relay "+r.what, trace.Producer)
	defer func() { span.End(err != nil) }()
	span.Note(r.key, o.ID.String())
	_, err = r.client.EnqueueContext(ctx, asynq.NewTaskWithHeaders(r.what, payload, headers(ctx)),
		asynq.TaskID(o.Lease.String()), // fresh per offer: an archived task blocks its id
		asynq.Queue(o.queue),
		asynq.MaxRetry(3), // a killed worker costs one
		asynq.Timeout(r.timeout),
		asynq.Deadline(o.expiresAt))
	return err
}
