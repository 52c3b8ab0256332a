package metrics

import (
	"log/slog"
	"net/url"
	"slices"
	"testing"

	"latchkey/internal/app"
	"latchkey/internal/config"
	"latchkey/internal/pg/pgtest"
	"latchkey/internal/seal"
)

// TestStepsAreRoutes: a route that was renamed would count for nothing.
func TestStepsAreRoutes(t *testing.T) {
	t.Parallel()
	raw, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.Load(raw)
	if err != nil {
		t.Fatal(err)
	}
	house, err := app.New(t.Context(), app.Options{
		Config: &config.Config{BaseURL: &url.URL{Scheme: "http", Host: "localhost:8080"}, Brand: config.Brand{Name: "Latchkey"}},
		DB:     pgtest.New(t), Keys: keys, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	for route := range steps {
		if !slices.Contains(house.Routes(), route) {
			t.Errorf("no route %s", route)
		}
	}
}
