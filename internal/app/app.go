// Package app assembles the house: configuration and database in, the
// http.Handler out that tests and the server both start.
package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"latchkey/internal/account"
	"latchkey/internal/admin"
	"latchkey/internal/api"
	"latchkey/internal/config"
	"latchkey/internal/edge"
	"latchkey/internal/factor"
	"latchkey/internal/forwardauth"
	"latchkey/internal/guard"
	"latchkey/internal/mail"
	"latchkey/internal/pg"
	"latchkey/internal/policy"
	"latchkey/internal/proof"
	"latchkey/internal/seal"
	"latchkey/internal/session"
	"latchkey/internal/settings"
	"latchkey/internal/signin"
	"latchkey/internal/sso"
	"latchkey/internal/text"
	"latchkey/internal/trace"
	"latchkey/internal/web"
	"latchkey/internal/webhook"
)

// Options are what the house is built from.
type Options struct {
	Config *config.Config
	DB     *pg.DB
	Keys   *seal.Keys
	Log    *slog.Logger

	Gallery bool // `dev` only: /dev/gallery shows all screens and mails

	Observe func(edge.Observation) // counts requests; nil: nobody does
	Trace   *trace.Tracer          // nil: nobody traces
}

// App holds the flows, for commands that call them, and the handler.
type App struct {
	DB       *pg.DB
	SignIn   *signin.Flow
	Settings *settings.Flow
	Admin    *admin.Flow

	edge *edge.Edge
}

// New assembles everything and makes sure that there is a policy. A database
// that is down stops no start: /readyz says so until it is there.
func New(ctx context.Context, o Options) (*App, error) {
	words, err := text.Load()
	if err != nil {
		return nil, fmt.Errorf("load words: %w", err)
	}
	var pages *web.Web
	e, err := edge.New(edge.Options{
		Page:    func(c *gin.Context, a edge.Answer) { pages.Failure(c, a) },
		BaseURL: o.Config.BaseURL, Dev: loopback(o.Config.BaseURL), TrustedProxies: o.Config.TrustedProxies,
		Words: words, Log: o.Log, Observe: o.Observe, Trace: o.Trace,
	})
	if err != nil {
		return nil, err
	}
	a := &App{DB: o.DB, edge: e}
	a.flows(o)
	a.health()
	front := &api.API{
		DB: o.DB, SignIn: a.SignIn, Settings: a.Settings, Admin: a.Admin, Sessions: a.SignIn.Sessions,
		Keys: edge.Keys{DB: o.DB}, Digests: o.Keys.Tokens, Brand: o.Config.Brand.Name,
	}
	front.Routes(e.Engine)
	api.Describe(e.Engine, words)
	if pages, err = a.pages(o, words); err != nil {
		return nil, err
	}
	pages.Routes(e.Engine)
	a.gate(o, pages).Routes(e.Engine)
	go a.SignIn.Answer(ctx, o.Log)
	go a.Admin.Upkeep(ctx, o.Log)
	return a, ensurePolicy(ctx, o)
}

func (a *App) flows(o Options) {
	outbox := mail.NewOutbox(o.Keys.Mail)
	sessions := session.NewStore(o.Keys.Tokens)
	factors := factor.NewStore(o.Keys, outbox)
	links := account.NewLinks(o.Keys.Tokens)
	judge := &proof.Judge{Factors: factors, Sessions: sessions, Outbox: outbox, Links: links}
	passwords := account.NewPasswords()
	var limits *guard.Limits // per client address
	if o.Config.IPLimits {
		limits = guard.NewLimits(o.Config.IPLimitsExempt)
	}
	factors.Limits = limits
	brand := o.Config.Brand.Name
	providers := sso.New(providersOf(o.Config), o.Config.BaseURL, o.Keys.Cookies, o.Log)
	a.SignIn = signin.New(signin.Flow{
		DB: o.DB, Keys: o.Keys, Passwords: passwords, Sessions: sessions, Factors: factors,
		Outbox: outbox, Judge: judge, Links: links, SSO: providers, Limits: limits, Brand: brand,
	})
	a.Settings = &settings.Flow{
		DB: o.DB, Passwords: passwords, Sessions: sessions, Factors: factors, Outbox: outbox, Judge: judge, Links: links,
		SSO: providers, Brand: brand, Host: o.Config.BaseURL.Host,
		ManageURL: o.Config.BaseURL.JoinPath("/account/security").String(), Wake: a.SignIn.Wake,
	}
	a.Admin = admin.New(admin.Flow{
		DB: o.DB, Keys: o.Keys, Passwords: passwords, Sessions: sessions, Factors: factors, Outbox: outbox,
		Judge: judge, Links: links, Brand: brand,
		Hooks: webhook.NewStore(o.Keys.Mail), Reach: webhook.NewReach(o.Config.WebhookAllowPrivate),
	})
}

// providersOf are the providers of single sign-on as the settings name them.
func providersOf(c *config.Config) []sso.Settings {
	var out []sso.Settings
	for _, p := range c.SSO {
		out = append(out, ProviderOf(p))
	}
	return out
}

// ProviderOf is one of them.
func ProviderOf(p config.SSOProvider) sso.Settings {
	return sso.Settings{
		Slug: p.Slug, Name: p.Name, Issuer: p.Issuer, ClientID: p.ClientID, ClientSecret: p.ClientSecret.Reveal(),
		SecondFactor: sso.Rule(p.SecondFactor), ProofAMR: p.ProofAMR, ProofACR: p.ProofACR, SignUp: p.SignUp, Scopes: p.Scopes,
	}
}

// pages is the HTML front.
func (a *App) pages(o Options, words *text.Catalogue) (*web.Web, error) {
	b := o.Config.Brand
	shown, err := o.gallery()
	if err != nil {
		return nil, err
	}
	return web.New(web.Options{
		DB: o.DB, SignIn: a.SignIn, Settings: a.Settings, Admin: a.Admin, Sessions: a.SignIn.Sessions, SSO: a.SignIn.SSO,
		Forms: edge.Keys{DB: o.DB}, Digests: o.Keys.Tokens, Cookies: o.Keys.Cookies,
		Words: words, BaseURL: o.Config.BaseURL,
		Brand:   web.Brand{Name: b.Name, Color: b.Color, LogoFile: b.LogoFile, SupportEmail: b.SupportEmail},
		Gallery: shown,
	})
}

// gate is the front for reverse proxies.
func (a *App) gate(o Options, pages *web.Web) *forwardauth.Gate {
	return forwardauth.New(forwardauth.Options{
		DB: o.DB, Sessions: a.SignIn.Sessions, Pages: pages, BaseURL: o.Config.BaseURL,
		CookieDomain: o.Config.CookieDomain, Rules: o.Config.AppRules, SessionCookie: web.SessionCookie(o.Config.BaseURL),
	})
}

// Handler is the whole service as a server calls it.
func (a *App) Handler() http.Handler { return a.edge.Handler() }

// Routes lists what is registered, as "METHOD /path/:id".
func (a *App) Routes() []string { return a.edge.Routes() }

// ensurePolicy writes the first policy version. While the database is down it
// goes on trying beside the server.
func ensurePolicy(ctx context.Context, o Options) error {
	err := policy.Ensure(ctx, o.DB, o.Config.SignUpOpen)
	if err == nil || !pg.Down(err) {
		return err
	}
	o.Log.Warn("database is not there yet", "error", err)
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for err != nil {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				err = policy.Ensure(ctx, o.DB, o.Config.SignUpOpen)
			}
		}
	}()
	return nil
}

// loopback: on one's own machine localhost and 127.0.0.1 are both the service.
func loopback(u *url.URL) bool {
	addr, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || (err == nil && addr.IsLoopback())
}
