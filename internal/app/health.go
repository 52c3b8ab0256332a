package app

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"latchkey/internal/policy"
)

const readyWithin = time.Second

// health registers the probes: /healthz says that the process lives, /readyz
// that it can sign people in, and which dependency is missing if not. Redis and
// the mail server are not among them: sign-in works without.
func (a *App) health() {
	a.edge.Engine.GET("/healthz", func(c *gin.Context) { c.String(http.StatusOK, "ok\n") })
	a.edge.Engine.GET("/readyz", func(c *gin.Context) {
		ctx, cancel := context.WithTimeout(c.Request.Context(), readyWithin)
		defer cancel()
		if err := a.DB.PingContext(ctx); err != nil {
			notReady(c, "database does not answer")
			return
		}
		if _, err := policy.Current(ctx, a.DB); err != nil {
			notReady(c, "database is not migrated")
			return
		}
		c.String(http.StatusOK, "ready\n")
	})
}

func notReady(c *gin.Context, why string) {
	c.Header("Retry-After", "1")
	c.String(http.StatusServiceUnavailable, why+"\n")
}
