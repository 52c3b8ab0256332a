// Package worker sends the mails and the webhooks that the flows queued, and
// clears up.
//
// The outbox in Postgres is the truth. The relay leases what is due and offers
// it to asynq; the deliverer takes an offer, checks that the lease still
// holds, and hands the mail to the SMTP server, or the event to whoever asked
// for it. Redis holds ids of rows and leases, and nothing else: flushed or lost,
// it costs a lease of time.
//
// It is the only package that speaks to Redis and the only one that imports
// asynq. Any number of workers may run on one database and one Redis.
package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/mail"
	"strconv"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"latchkey/internal/config"
	outbox "latchkey/internal/mail"
	"latchkey/internal/pg"
	"latchkey/internal/seal"
	"latchkey/internal/trace"
	"latchkey/internal/webhook"
)

// Each figure is below the next: a connection to the mail server ends before
// asynq gives the handler up, and that before the lease ends and someone else
// may try.
const (
	smtpDeadline  = 8 * time.Second
	asynqTimeout  = 10 * time.Second
	codeLease     = 15 * time.Second
	noticeLease   = 25 * time.Second
	shutdownGrace = postTimeout + time.Second // the longest of the handlers'
)

// Options are what a worker needs.
type Options struct {
	DB          *pg.DB
	DatabaseURL string // for LISTEN: direct, not through a transaction pooler
	RedisURL    string
	Keys        *seal.Keys
	Config      *config.Config // SMTP, sender, brand, BASE_URL, DKIM, MAIL_RATE
	Log         *slog.Logger
	Trace       *trace.Tracer // nil: nobody traces

	terms outbox.Terms // tests shorten the leases
}

// Worker relays and delivers until its context ends.
type Worker struct {
	log     *slog.Logger
	ledger  *outbox.Ledger
	redis   redis.UniversalClient
	client  *asynq.Client
	sender  *outbox.Sender
	relay   *relay // of mails
	deliver *deliverer
	codes   *asynq.Server
	notices *asynq.Server
	hooks   *webhook.Ledger
	told    *relay // of webhooks
	post    *posting
	posts   *asynq.Server
	dbURL   string
	db      *pg.DB
	chores  []chore
}

// New makes a worker. It connects to nothing: a worker may start before what
// it depends on.
func New(o Options) (*Worker, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	composer, err := compose(o.Config)
	if err != nil {
		return nil, err
	}
	rdb, err := connect(o.RedisURL)
	if err != nil {
		return nil, err
	}
	if o.terms == (outbox.Terms{}) {
		o.terms = terms(o.Config.MailRate)
	}
	w := &Worker{
		log:    o.Log,
		ledger: outbox.NewLedger(o.DB, o.Keys.Mail),
		redis:  rdb,
		client: asynq.NewClientFromRedisClient(rdb),
		sender: outbox.NewSender(server(o.Config.SMTP)),
		dbURL:  o.DatabaseURL,
		db:     o.DB,
		chores: chores(outbox.NewOutbox(o.Keys.Mail)),
	}
	w.relay = &relay{
		what: "mail", key: trace.MailKey, from: mails{w.ledger, o.terms}, half: int64(max(1, min(o.terms.Codes, o.terms.Notices)/2)),
		timeout: asynqTimeout, client: w.client, trace: o.Trace, log: o.Log, wake: make(chan struct{}, 1),
	}
	w.deliver = &deliverer{
		db: o.DB, ledger: w.ledger, composer: composer, sender: w.sender,
		pace: newPace(o.Config.MailRate), done: w.relay.delivered, trace: o.Trace, log: o.Log,
	}
	// Two servers, so that a code never waits for a notice to make room. The
	// codes' looks every 10 ms, which is what a person waits for; the notices'
	// may take its time, and so costs an idle machine nothing.
	w.codes = w.server(string(outbox.Codes), codeSenders, 10*time.Millisecond)
	w.notices = w.server(string(outbox.Notices), noticeSenders, 200*time.Millisecond)
	w.hooks = webhook.NewLedger(o.DB, o.Keys.Mail)
	w.told = &relay{
		what: "webhook", key: trace.WebhookKey, from: webhooks{w.hooks}, half: postsEach / 2,
		timeout: postTimeout, client: w.client, trace: o.Trace, log: o.Log, wake: make(chan struct{}, 1),
	}
	w.post = &posting{
		db: o.DB, ledger: w.hooks, poster: webhook.NewPoster(webhook.NewReach(o.Config.WebhookAllowPrivate), nil),
		done: w.told.delivered, trace: o.Trace, log: o.Log,
	}
	w.posts = w.server(webhookQueue, postsAtAll, 200*time.Millisecond)
	return w, nil
}

// Mails on the way at once, each over a connection of its own.
const (
	codeSenders   = 10
	noticeSenders = 6
)

func (w *Worker) server(queue string, senders int, every time.Duration) *asynq.Server {
	return asynq.NewServerFromRedisClient(w.redis, asynq.Config{
		Concurrency:              senders,
		Queues:                   map[string]int{queue: 1},
		TaskCheckInterval:        every,
		DelayedTaskCheckInterval: 200 * time.Millisecond,
		RetryDelayFunc:           func(int, error, *asynq.Task) time.Duration { return time.Second },
		ShutdownTimeout:          shutdownGrace,
		Logger:                   quiet{w.log},
		LogLevel:                 asynq.WarnLevel,
	})
}

// Run works until ctx ends, then finishes what it has begun. What it has not
// begun stays in the outbox.
func (w *Worker) Run(ctx context.Context) error {
	for s, h := range map[*asynq.Server]asynq.Handler{w.codes: w.deliver, w.notices: w.deliver, w.posts: w.post} {
		if err := s.Start(h); err != nil {
			return fmt.Errorf("start worker: %w", err)
		}
	}
	w.log.Info("worker started")
	var wg sync.WaitGroup
	wg.Go(func() { w.listen(ctx) })
	wg.Go(func() { w.relay.run(ctx) })
	wg.Go(func() { w.told.run(ctx) }) // by its tick: nobody waits at a screen for it
	wg.Go(func() { w.sweep(ctx) })
	wg.Go(func() { room(ctx, w.db, w.chores, w.log) })
	<-ctx.Done()
	wg.Wait() // nothing more is offered
	wg.Go(w.codes.Shutdown)
	wg.Go(w.notices.Shutdown)
	wg.Go(w.posts.Shutdown)
	wg.Wait()
	w.sender.Close()
	w.log.Info("worker stopped")
	if err := w.redis.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
		return fmt.Errorf("close Redis: %w", err)
	}
	return nil
}

// Ready reports what the worker can't reach.
func (w *Worker) Ready(ctx context.Context) error {
	if err := w.redis.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("reach Redis: %w", err)
	}
	return nil
}

// listen wakes the relay at each commit that queued a mail. Without it the
// relay still looks every second.
func (w *Worker) listen(ctx context.Context) {
	for ctx.Err() == nil {
		err := pg.Listen(ctx, w.dbURL, outbox.Channel, w.relay.poke)
		if ctx.Err() != nil {
			return
		}
		w.log.Warn("listening for mails ended; looking every second", "reason", outbox.Plain(fmt.Sprint(err)))
		pause(ctx, time.Second)
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

func compose(c *config.Config) (*outbox.Composer, error) {
	r, err := outbox.NewRenderer(outbox.Brand{
		Name:         c.Brand.Name,
		BaseURL:      c.BaseURL.String(),
		SupportEmail: c.Brand.SupportEmail,
		Color:        c.Brand.Color,
		From:         (&mail.Address{Name: c.MailFrom.Name, Address: c.MailFrom.Address}).String(),
		OTPToken:     c.MailOTPToken,
	})
	if err != nil {
		return nil, err
	}
	composer := &outbox.Composer{Renderer: r}
	if c.DKIM != nil {
		key, err := c.DKIM.Signer()
		if err != nil {
			return nil, fmt.Errorf("read DKIM key: %w", err)
		}
		composer.DKIM = &outbox.DKIM{Domain: c.DKIM.Domain, Selector: c.DKIM.Selector, Key: key}
	}
	return composer, nil
}

func server(s config.SMTP) outbox.SMTP {
	return outbox.SMTP{
		Host: s.Host, Port: strconv.Itoa(s.Port),
		User: s.User, Password: s.Password.Reveal(),
		TLS: outbox.TLSMode(s.TLS),
	}
}
