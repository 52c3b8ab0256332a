package api

import (
	_ "embed"
	"fmt"
	"net/http"

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
// Both are made once, so a mistake in the file stops the start.
func Describe(r gin.IRouter, words *text.Catalogue) error {
	asJSON, err := yaml.YAMLToJSON(openAPI)
	if err != nil {
		return fmt.Errorf("read openapi.yaml: %w", err)
	}
	page, err := docsPage(words)
	if err != nil {
		return fmt.Errorf("draw /docs: %w", err)
	}
	for path, file := range map[string]struct {
		kind string
		body []byte
	}{
		"/openapi.json": {"application/json", asJSON},
		"/docs":         {"text/html; charset=utf-8", page},
		"/docs.css":     {"text/css; charset=utf-8", docsCSS},
	} {
		r.GET(path, func(c *gin.Context) {
			edge.Cacheable(c)
			c.Data(http.StatusOK, file.kind, file.body)
		})
	}
	return nil
}
