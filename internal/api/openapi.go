package api

import (
	_ "embed"
	"fmt"
	"net/http"
	"sync"

	"github.com/gin-gonic/gin"
	"github.com/goccy/go-yaml"

	"latchkey/internal/edge"
	"latchkey/internal/text"
)

//go:embed openapi.yaml
var openAPI []byte

// OpenAPI is the description of the API as it was written.
func OpenAPI() []byte { return openAPI }

// Describe serves the description: /openapi.json for programs and /docs for
// people, with a stylesheet of its own since the policy allows no inline one.
// Each is made when somebody first asks for it: most processes are never asked.
func Describe(r gin.IRouter, words *text.Catalogue) {
	page := func() ([]byte, error) { return docsPage(words) }
	serveMade(r, "/openapi.json", "application/json", asJSON)
	serveMade(r, "/docs", "text/html; charset=utf-8", sync.OnceValues(page))
	serveMade(r, "/docs.css", "text/css; charset=utf-8", func() ([]byte, error) { return docsCSS, nil })
}

var asJSON = sync.OnceValues(func() ([]byte, error) { return yaml.YAMLToJSON(openAPI) })

func serveMade(r gin.IRouter, path, kind string, made func() ([]byte, error)) {
	r.GET(path, func(c *gin.Context) {
		body, err := made()
		if err != nil {
			edge.Fail(c, fmt.Errorf("make %s: %w", path, err))
			return
		}
		edge.Cacheable(c)
		c.Data(http.StatusOK, kind, body)
	})
}
