package main

import (
	"context"
	"errors"
	"testing"
)

func TestWhenOnePartEndsAllDo(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	ended := false
	err := together(t.Context(),
		func(context.Context) error { return broken },
		func(ctx context.Context) error { <-ctx.Done(); ended = true; return ctx.Err() },
	)
	if !errors.Is(err, broken) || errors.Is(err, context.Canceled) || !ended {
		t.Errorf("together = %v, other part ended: %v", err, ended)
	}
}
