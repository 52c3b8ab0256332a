package devstack

import (
	"context"
	"os"
	"time"
)

// WatchParent calls gone, once, when the parent process has ended; it returns
// at once and watches until ctx ends. `go run` is the parent of what it runs
// and takes nobody along when it is killed.
func WatchParent(ctx context.Context, gone func()) {
	parent := os.Getppid()
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if os.Getppid() != parent {
					gone()
					return
				}
			}
		}
	}()
}
