package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"

	"latchkey/internal/app"
	"latchkey/internal/sso"
	"latchkey/worker"
)

func (x *doctor) redis() {
	if !x.cfg.RedisURL.IsSet() {
		x.skip("redis", "REDIS_URL is not set here; only the worker needs it")
		return
	}
	ctx, cancel := context.WithTimeout(x.ctx, checkTime)
	defer cancel()
	if err := worker.ProbeRedis(ctx, x.cfg.RedisURL.Reveal()); err != nil {
		x.todo("redis", err.Error(), "start it, and see that REDIS_URL is right; mails wait in Postgres meanwhile")
		return
	}
	x.ok("redis", "Redis answers")
}

func (x *doctor) mail() {
	s := x.cfg.SMTP
	if s.Host == "" {
		x.skip("mail", "SMTP_URL is not set here; only the worker needs it")
		return
	}
	ctx, cancel := context.WithTimeout(x.ctx, checkTime)
	defer cancel()
	where := fmt.Sprintf("%s:%d (%s)", s.Host, s.Port, s.TLS)
	if err := worker.ProbeMail(ctx, s); err != nil {
		x.todo("mail", where+": "+err.Error(), "see that SMTP_URL names host, port, login and the kind of TLS that this mail server speaks")
		return
	}
	x.ok("mail", "%s greets, and lets us in; nothing was sent", where)
}

// providers reads what each provider of single sign-on says of itself.
func (x *doctor) providers() {
	if len(x.cfg.SSO) == 0 {
		x.skip("sso", "OIDC_PROVIDERS names nobody")
	}
	for _, p := range x.cfg.SSO {
		if p.Issuer == "" {
			continue // said with the settings
		}
		ctx, cancel := context.WithTimeout(x.ctx, checkTime)
		err := sso.Probe(ctx, app.ProviderOf(p))
		cancel()
		where := fmt.Sprintf("%s (%s)", p.Slug, p.Issuer)
		if err != nil {
			x.todo("sso", where+": "+err.Error(), fmt.Sprintf(
				"see that OIDC_%s_ISSUER is the issuer in the provider's /.well-known/openid-configuration, to the letter, and that this machine may reach it",
				strings.ToUpper(p.Slug)))
			continue
		}
		x.ok("sso", "%s says where to sign in; its client is not tried", where)
	}
}

// site asks our own front door. Somebody else's host is asked on request only.
func (x *doctor) site() {
	u := x.cfg.BaseURL
	if u == nil {
		x.skip("site", "no BASE_URL to ask")
		return
	}
	addr, err := netip.ParseAddr(u.Hostname())
	if u.Hostname() != "localhost" && (err != nil || !addr.IsLoopback()) && !x.in.Reach {
		x.skip("site", "%s was not asked: --reach asks it", u)
		return
	}
	ctx, cancel := context.WithTimeout(x.ctx, checkTime)
	defer cancel()
	says, err := health(ctx, u.JoinPath("/healthz").String())
	if err != nil {
		x.todo("site", fmt.Sprintf("%s does not answer: %s", u, err), "start latchkey serve, and the proxy in front of it; see that BASE_URL is the address that people open")
		return
	}
	if says != "ok" {
		x.todo("site", fmt.Sprintf("%s answers, but it is not Latchkey", u), "point the proxy of that host to LISTEN")
		return
	}
	x.ok("site", "%s answers", u)
}

func health(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close() //nolint:errcheck // read only
	body, err := io.ReadAll(io.LimitReader(res.Body, 100))
	return strings.TrimSpace(string(body)), err
}
