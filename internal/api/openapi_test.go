package api_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"latchkey/internal/api"
	"latchkey/internal/edge"
	"latchkey/internal/text"
)

func described(t *testing.T) http.Handler {
	t.Helper()
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
	api.Describe(e.Engine, words)
	return e.Handler()
}

func get(h http.Handler, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "https://id.example.com"+path, nil)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestTheDescriptionIsServedForPrograms(t *testing.T) {
	t.Parallel()
	w := get(described(t), "/openapi.json")
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]any
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v: %.200s", w.Code, err, w.Body)
	}
	if doc.OpenAPI != "3.1.0" || doc.Paths["/sign-ins"]["post"] == nil {
		t.Errorf("%+v", doc)
	}
}

func TestTheDescriptionIsReadable(t *testing.T) {
	t.Parallel()
	h := described(t)
	page := get(h, "/docs").Body.String()
	for _, part := range []string{
		"<b>POST</b> /sign-ins/current/verify", `id="wrong_code"`, `id="internal"`, `id="schema-SignIn"`,
		"second_factor · enrolment · complete", "decide by <code>code</code>,", "list of MethodHint", "null or Time", "Wait for the next one",
	} {
		if !strings.Contains(page, part) {
			t.Errorf("/docs lacks %q", part)
		}
	}
	for _, never := range []string{"style=", "<style", "<script", "<no value>", "`", "map[", "[fault.", "[title."} {
		if strings.Contains(page, never) {
			t.Errorf("/docs has %q", never)
		}
	}
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if ids[m[1]] {
			t.Errorf("/docs has two #%s", m[1])
		}
		ids[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if !ids[m[1]] {
			t.Errorf("/docs links to #%s, which it lacks", m[1])
		}
	}
	if css := get(h, "/docs.css"); css.Code != 200 || !strings.HasPrefix(css.Header().Get("Content-Type"), "text/css") {
		t.Errorf("/docs.css: %d", css.Code)
	}
}
