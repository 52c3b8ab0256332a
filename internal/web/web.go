// Package web is the HTML front: pages, forms and cookies over the same flows
// as the JSON front. A handler reads its input, calls one flow and draws what
// it answers; no rule of sign-in or security is decided here.
//
// A form that did something redirects (303), so that a reload does nothing
// again. A form that failed is drawn again with what was typed, but never a
// password or a code.
package web

import (
	"fmt"
	"net/url"

	"github.com/gin-gonic/gin"

	"latchkey/internal/admin"
	"latchkey/internal/edge"
	"latchkey/internal/mail"
	"latchkey/internal/pg"
	"latchkey/internal/seal"
	"latchkey/internal/session"
	"latchkey/internal/settings"
	"latchkey/internal/signin"
	"latchkey/internal/sso"
	"latchkey/internal/text"
	"latchkey/templates"
)

// Brand is what a deployment puts in place of our name and colours.
type Brand struct {
	Name         string
	Color        string // #rrggbb, empty: the stylesheet's own
	LogoFile     string // empty: none
	SupportEmail string // empty: none
}

// Options are what the front is built from.
type Options struct {
	DB       *pg.DB
	SignIn   *signin.Flow
	Settings *settings.Flow
	Admin    *admin.Flow
	SSO      *sso.Providers
	Sessions *session.Store
	Forms    edge.KeyStore  // remembers forms that were sent
	Digests  *seal.Digester // of those forms
	Cookies  *seal.Digester // signs the cookie of a known browser
	Words    *text.Catalogue
	BaseURL  *url.URL
	Brand    Brand

	// Gallery draws mails for the gallery of `dev`; nil: there is no gallery.
	Gallery *mail.Renderer
}

// Web answers with pages.
type Web struct {
	o      Options
	jar    jar
	pages  pages
	assets assets
}

// New parses every template and reads every asset: what is missing or broken
// stops the start.
func New(o Options) (*Web, error) {
	w := &Web{o: o, jar: newJar(o.BaseURL)}
	var err error
	if w.assets, err = loadAssets(templates.Static, o.Brand); err != nil {
		return nil, fmt.Errorf("load assets: %w", err)
	}
	if w.pages, err = parsePages(templates.Web, w.funcs()); err != nil {
		return nil, fmt.Errorf("parse pages: %w", err)
	}
	return w, nil
}

// Routes registers every page.
func (w *Web) Routes(r gin.IRouter) {
	pages := map[string]bool{}
	for _, one := range w.table() {
		if one.method == "GET" {
			pages[one.path] = true
		}
	}
	for _, one := range w.table() {
		one.back = pageOf(one.path, pages)
		r.Handle(one.method, one.path, w.handle(one))
	}
	if w.o.Gallery != nil {
		w.galleryRoutes(r)
	}
	w.assets.routes(r)
}
