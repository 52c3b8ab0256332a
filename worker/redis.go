package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	outbox "latchkey/internal/mail"
)

// connect makes a client that fails fast: with its own settings go-redis
// tries for seconds, while the mail could long be given back.
func connect(url string) (redis.UniversalClient, error) {
	silence()
	opt, err := asynq.ParseRedisURI(url)
	if err != nil {
		return nil, errors.New("read Redis address: not a redis:// URL") // its text quotes the password
	}
	var c redis.UniversalClient
	switch o := opt.(type) {
	case asynq.RedisClientOpt:
		c = redis.NewClient(&redis.Options{
			Network: o.Network, Addr: o.Addr, Username: o.Username, Password: o.Password, DB: o.DB, TLSConfig: o.TLSConfig,
			DialTimeout: dialTimeout, ReadTimeout: ioTimeout, WriteTimeout: ioTimeout, PoolSize: poolSize,
			MaxRetries: 1, DialerRetries: 1, ContextTimeoutEnabled: true,
		})
	case asynq.RedisFailoverClientOpt:
		c = redis.NewFailoverClient(&redis.FailoverOptions{
			MasterName: o.MasterName, SentinelAddrs: o.SentinelAddrs, SentinelUsername: o.SentinelUsername,
			SentinelPassword: o.SentinelPassword, Username: o.Username, Password: o.Password, DB: o.DB, TLSConfig: o.TLSConfig,
			DialTimeout: dialTimeout, ReadTimeout: ioTimeout, WriteTimeout: ioTimeout, PoolSize: poolSize,
			MaxRetries: 1, DialerRetries: 1, ContextTimeoutEnabled: true,
		})
	default:
		return nil, fmt.Errorf("read Redis address: %T is not supported", opt)
	}
	c.AddHook(patience{})
	return c, nil
}

const (
	dialTimeout = 500 * time.Millisecond
	ioTimeout   = time.Second
	poolSize    = 40
)

// patience slows commands down that find no Redis: asynq asks again at once
// when it could not look for a task, and would keep a core busy with that.
type patience struct{}

func (patience) DialHook(next redis.DialHook) redis.DialHook { return next }

func (patience) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (patience) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		var answer redis.Error
		if err == nil || errors.As(err, &answer) {
			return err
		}
		pause(ctx, 50*time.Millisecond)
		return err
	}
}

var silence = sync.OnceFunc(func() { redis.SetLogger(mute{}) })

// mute drops what go-redis prints to standard error; whatever matters comes
// back as an error.
type mute struct{}

func (mute) Printf(context.Context, string, ...any) {}

// quiet gives asynq's log to ours. Addresses of Redis are all that it knows.
type quiet struct{ log *slog.Logger }

func (q quiet) Debug(...any)      {}
func (q quiet) Info(...any)       {}
func (q quiet) Warn(args ...any)  { q.say(slog.LevelDebug, args) }
func (q quiet) Error(args ...any) { q.say(slog.LevelDebug, args) }
func (q quiet) Fatal(args ...any) { q.say(slog.LevelError, args) }
func (q quiet) say(l slog.Level, args []any) {
	q.log.Log(context.Background(), l, "asynq", "said", outbox.Plain(fmt.Sprint(args...)))
}
