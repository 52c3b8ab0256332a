package worker

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"latchkey/internal/config"
	outbox "latchkey/internal/mail"
)

// ProbeRedis asks the worker's Redis once.
func ProbeRedis(ctx context.Context, url string) error {
	c, err := connect(url)
	if err != nil {
		return err
	}
	err = c.Ping(ctx).Err()
	if closed := c.Close(); closed != nil && !errors.Is(closed, redis.ErrClosed) {
		err = errors.Join(err, closed)
	}
	if err != nil {
		return fmt.Errorf("reach Redis: %w", err)
	}
	return nil
}

// ProbeMail greets the mail server as a mail would be sent, TLS and login
// included, and sends nothing.
func ProbeMail(ctx context.Context, s config.SMTP) error { return outbox.Probe(ctx, server(s)) }
