package edge

import (
	"context"

	"github.com/gin-gonic/gin"
)

// Optional handles a call whose fields may all be left out, the body with them.
func Optional[Req, Ans any](status int, f func(context.Context, *Call, Req) (Ans, error)) gin.HandlerFunc {
	return handle(status, func(ctx context.Context, c *Call) (any, error) {
		var req Req
		if c.Gin.Request.ContentLength != 0 {
			if err := decodeJSON(c.Gin.Request, &req); err != nil {
				return nil, err
			}
		}
		return f(ctx, c, req)
	})
}
