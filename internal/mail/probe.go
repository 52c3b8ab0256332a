package mail

import (
	"context"
	"errors"
	"time"
)

// probeTime bounds a probe whose context has no deadline.
const probeTime = 10 * time.Second

// Probe connects, greets, protects the connection and signs in as for a mail,
// and sends none. Its error has passed Plain: a server may quote what it got.
func Probe(ctx context.Context, to SMTP) error {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(probeTime)
	}
	l, err := NewSender(to).dial(ctx, deadline)
	if err != nil {
		return errors.New(Plain(err.Error()))
	}
	l.quit()
	return nil
}
