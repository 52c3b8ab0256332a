package worker

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	outbox "latchkey/internal/mail"
)

// While a mail waits, is being sent and was refused, Redis knows ids only.
func TestRedisLearnsNothing(t *testing.T) {
	t.Parallel()
	h, hold := build(t), newGate()
	s := newSink(t, hold, nil)
	h.smtp = s.addr
	h.work(t)
	id := h.queue(t, "ann@example.com", code(918273), 10*time.Minute)
	h.queue(t, "bob@example.com", outbox.PasswordReset{Token: "a-token-that-is-secret"}, 10*time.Minute)
	reached(t, h, hold)
	reached(t, h, hold)
	during := contents(t, h.redis.URL)
	if !strings.Contains(during, id.String()) {
		t.Fatalf("the offer was not found in Redis: nothing was looked at\n%s", during)
	}
	close(hold.open)
	h.until(t, id, outbox.Sent, 10*time.Second)
	for _, secret := range []string{"918273", "a-token-that-is-secret", "example.com", "Firefox", "192.0.2.7", "K7"} {
		if strings.Contains(during, secret) || strings.Contains(contents(t, h.redis.URL), secret) {
			t.Errorf("Redis knows %q", secret)
		}
	}
}

// contents is everything that Redis holds.
func contents(t *testing.T, url string) string {
	t.Helper()
	c, err := connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // the test is over
	ctx, b := t.Context(), &strings.Builder{}
	keys := c.Scan(ctx, 0, "*", 1000).Iterator()
	for keys.Next(ctx) {
		fmt.Fprintln(b, keys.Val(), value(ctx, c, keys.Val()))
	}
	if err := keys.Err(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func value(ctx context.Context, c redis.UniversalClient, key string) any {
	switch c.Type(ctx, key).Val() {
	case "string":
		return c.Get(ctx, key).Val()
	case "hash":
		return c.HGetAll(ctx, key).Val()
	case "list":
		return c.LRange(ctx, key, 0, -1).Val()
	case "set":
		return c.SMembers(ctx, key).Val()
	default:
		return c.ZRange(ctx, key, 0, -1).Val()
	}
}
