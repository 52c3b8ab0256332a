package api_test

import (
	"log/slog"
	"net/url"
	"testing"

	"latchkey/internal/api"
	"latchkey/internal/api/apitest"
	"latchkey/internal/edge"
	"latchkey/internal/text"
)

func TestEveryRouteIsDescribedAndNoOther(t *testing.T) {
	t.Parallel()
	words, err := text.Load()
	if err != nil {
		t.Fatal(err)
	}
	e, err := edge.New(edge.Options{
		BaseURL: &url.URL{Scheme: "https", Host: "id.example.com"}, Words: words, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	(&api.API{}).Routes(e.Engine)
	apitest.CheckRoutes(t, e.Routes())
}
