package web_test

import (
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"net/url"
	"strings"
	"testing"

	"latchkey/internal/app"
	"latchkey/internal/config"
	"latchkey/internal/edge"
	"latchkey/templates"
)

// withGallery starts the house again as dev does.
func (h *house) withGallery() {
	h.t.Helper()
	srv := httptest.NewUnstartedServer(nil)
	at := &url.URL{Scheme: "http", Host: srv.Listener.Addr().String()}
	cfg := &config.Config{
		BaseURL: at, Brand: config.Brand{Name: "Latchkey"}, MailFrom: mail.Address{Address: "no-reply@example.com"},
	}
	var err error
	h.app, err = app.New(h.t.Context(), app.Options{
		Config: cfg, DB: h.db, Keys: h.keys, Log: slog.New(slog.DiscardHandler), Gallery: true,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	srv.Config = edge.Server(h.app.Handler())
	srv.Start()
	h.t.Cleanup(srv.Close)
	h.base = at.String()
}

// The gallery is of dev alone; there every screen and every mail is drawn.
func TestTheGalleryIsOfDevAlone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, path := range []string{"/dev/gallery", "/dev/gallery/screens/sign-in", "/dev/gallery/mails/0", "/dev/gallery/mails/0/html"} {
		if got := h.browser().get(path); got.Status != http.StatusNotFound {
			t.Errorf("%s: %d in production", path, got.Status)
		}
	}
	h.withGallery()
	b := h.browser()
	index := b.get("/dev/gallery").want("gallery", 200)
	b.get("/dev/gallery/screens/sessions").says("main", "Password and app code or recovery key")
	links := index.Doc.Find("#screens a, #mails a")
	if links.Length() < 70 {
		t.Errorf("%d things to see", links.Length())
	}
	drawn := map[string]bool{}
	for _, a := range links.EachIter() {
		path := a.AttrOr("href", "")
		got := b.get(path)
		if got.Status != 200 {
			t.Errorf("%s: %d", path, got.Status)
			continue
		}
		drawn[got.name()] = true
		if !strings.HasPrefix(path, "/dev/gallery/mails/") {
			continue
		}
		frame := b.get(path + "/html")
		if csp := frame.Header.Get("Content-Security-Policy"); frame.Status != 200 || !strings.HasPrefix(csp, "sandbox;") {
			t.Errorf("%s: %d, %q", path, frame.Status, csp)
		}
	}
	// The admin pages are looked at with the demo accounts.
	for _, file := range files(t) {
		if name := strings.TrimSuffix(file, ".html"); !drawn[name] && name != "gallery" && !strings.HasPrefix(name, "admin") {
			t.Errorf("%s is not in it", name)
		}
	}
	if got := b.get("/dev/gallery/mails/999"); got.Status != http.StatusNotFound {
		t.Error("a mail out of nothing")
	}
}

// files are the templates of all pages.
func files(t *testing.T) (names []string) {
	t.Helper()
	all, err := fs.ReadDir(templates.Web, "web/pages")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		names = append(names, f.Name())
	}
	return names
}
