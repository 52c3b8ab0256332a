package api

import (
	"net/http"
	"strconv"
	"testing"

	"github.com/gin-gonic/gin"

	"latchkey/internal/edge"
)

// FuzzIfMatch: a version is named by the very tag that we sent with it: one
// that is weak, a list, a star or written otherwise names none.
func FuzzIfMatch(f *testing.F) {
	for _, s := range []string{`"7"`, `W/"7"`, `*`, `"7", "8"`, `"+7"`, `"007"`, `"-7"`, `7`, `""`, `" 7"`, `"9223372036854775808"`, `"7_0"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, tag string) {
		h := http.Header{"If-Match": {tag}}
		got := ifMatch(&edge.Call{Gin: &gin.Context{Request: &http.Request{Header: h}}})
		if got != 0 && tag != strconv.Quote(strconv.Itoa(got)) {
			t.Errorf("%q names version %d", tag, got)
		}
		if n, err := strconv.Atoi(tag); err == nil && n > 0 {
			h.Set("If-Match", strconv.Quote(strconv.Itoa(n)))
			if got := ifMatch(&edge.Call{Gin: &gin.Context{Request: &http.Request{Header: h}}}); got != n {
				t.Errorf("version %d is read as %d", n, got)
			}
		}
	})
}
