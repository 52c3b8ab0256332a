package edge

import (
	"time"

	"github.com/gin-gonic/gin"
)

// Observation is what became of one request, for whoever counts: names of ours only,
// so that nothing a client sent becomes a label.
type Observation struct {
	Method string // of HTTP; "other" for invented ones
	Route  string // the pattern; "-" for a path that matches none
	Status int
	Code   string // of the problem that was answered; empty: none
	Tried  string // method of the code that was judged; empty: none was
	Took   time.Duration
}

// Tried notes which method's code a request gave.
func Tried(c *gin.Context, method string) {
	switch method {
	case "email", "app", "recovery_key", "recovery_pass":
		stateOf(c).tried = method
	case "":
	default:
		stateOf(c).tried = "other"
	}
}
