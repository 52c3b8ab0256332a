package web

import (
	"slices"

	"latchkey/internal/admin"
	"latchkey/internal/webhook"
)

// hooksPage lists who hears of events.
type hooksPage struct {
	frame
	Hooks []hookRow
}

type hookRow struct {
	webhook.Endpoint
	Asked []string // kinds in words
}

// hookKinds are what an endpoint may ask for, in words.
var hookKinds = map[string]string{
	"method_on":         "web.admin.hook.kind.method_on",
	"method_off":        "web.admin.hook.kind.method_off",
	"two_factor_off":    "web.admin.hook.kind.two_factor_off",
	"app_reset":         "web.admin.hook.kind.app_reset",
	"frozen":            "web.admin.hook.kind.frozen",
	"unlocked":          "web.admin.hook.kind.unlocked",
	"new_device":        "web.admin.hook.kind.new_device",
	"recovery_key_used": "web.admin.hook.kind.recovery_key_used",
	webhook.Tested:      "web.admin.hook.kind.webhook_tested",
}

func (v *visit) hookRow(e webhook.Endpoint) hookRow {
	r := hookRow{Endpoint: e}
	for _, k := range e.Kinds {
		r.Asked = append(r.Asked, v.kindWords(k))
	}
	return r
}

func (v *visit) kindWords(kind string) string {
	if id, ok := hookKinds[kind]; ok {
		return v.o.Words.T(id, nil)
	}
	return kind
}

func hooks(v *visit) error {
	all, err := v.o.Admin.Webhooks(v.ctx(), v.by, v.in)
	if err != nil {
		return err
	}
	p := &hooksPage{}
	p.Here = "webhooks"
	for _, e := range all {
		p.Hooks = append(p.Hooks, v.hookRow(e))
	}
	return v.draw("admin_webhooks", p)
}

// hookFormPage asks where to send what.
type hookFormPage struct {
	frame
	ID    string // empty: a new one
	URL   string
	Kinds []ruleOption
}

// hookKeyPage shows a key, this once.
type hookKeyPage struct {
	frame
	Hook  hookRow
	Key   string
	Fresh bool // beside an old one
}

func (v *visit) hookForm(id, url string, asked []string) *hookFormPage {
	p := &hookFormPage{ID: id, URL: url}
	p.Here = "webhooks"
	for i, k := range webhook.Kinds() {
		o := ruleOption{ID: "kinds-" + k, Value: k, Label: v.kindWords(k), Chosen: slices.Contains(asked, k)}
		if i == 0 {
			o.ID = "kinds" // where the list of faults leads
		}
		p.Kinds = append(p.Kinds, o)
	}
	return p
}

func hookNew(v *visit) error {
	if err := v.confirmed(); err != nil {
		return err
	}
	return v.draw("admin_webhook_form", v.hookForm("", "", webhook.Kinds()))
}

// hookAdd makes it and shows its key in this very answer: a redirect would have
// to keep it somewhere. A second press makes no second one.
func hookAdd(v *visit) error {
	first, done, err := v.once()
	if err != nil {
		return err
	}
	if !first {
		v.notice(noticeAlready, "")
		return v.to("/admin/webhooks")
	}
	w := admin.Wish{URL: v.form("url"), Kinds: v.c.Request.PostForm["kinds"]}
	e, key, err := v.o.Admin.AddWebhook(v.ctx(), v.by, v.in, w)
	done(err)
	if err != nil {
		return v.redraw("admin_webhook_form", v.hookForm("", w.URL, w.Kinds), err)
	}
	return v.showKey(e, key, false)
}

func (v *visit) showKey(e webhook.Endpoint, key string, fresh bool) error {
	p := &hookKeyPage{Hook: v.hookRow(e), Key: key, Fresh: fresh}
	p.Here = "webhooks"
	return v.draw("admin_webhook_key", p)
}

// hookOf reads the endpoint that the path names.
func (v *visit) hookOf() (webhook.Endpoint, error) {
	id, err := v.pathID()
	if err != nil {
		return webhook.Endpoint{}, err
	}
	return v.o.Admin.Webhook(v.ctx(), v.by, v.in, id)
}

// hookPage is one endpoint and what was sent to it.
type hookPage struct {
	frame
	Hook        hookRow
	State       webhook.State
	Acts        []hookActLink
	Filters     []filterLink
	Sent        []sentRow
	Next, First string
}

type sentRow struct {
	webhook.Item
	KindName, StateName, Why string
}

// Waits reports whether it is to be tried by itself.
func (s sentRow) Waits() bool { return s.State == webhook.Queued }

var hookStates = []webhook.State{"", webhook.Queued, webhook.Sent, webhook.Failed, webhook.Expired}

var hookStateNames = map[webhook.State]string{
	"":              "web.admin.filter.all",
	webhook.Queued:  "web.admin.hook.state.queued",
	webhook.Sent:    "web.admin.hook.state.sent",
	webhook.Failed:  "web.admin.hook.state.failed",
	webhook.Expired: "web.admin.hook.state.expired",
}

// hookOutcomes say how an attempt ended.
var hookOutcomes = map[webhook.Outcome]string{
	webhook.Accepted:   "web.admin.hook.outcome.accepted",
	webhook.Answered:   "web.admin.hook.outcome.answered",
	webhook.Redirected: "web.admin.hook.outcome.redirected",
	webhook.NotAllowed: "web.admin.hook.outcome.not_allowed",
	webhook.NotTLS:     "web.admin.hook.outcome.not_tls",
	webhook.TooSlow:    "web.admin.hook.outcome.too_slow",
	webhook.BadTLS:     "web.admin.hook.outcome.bad_tls",
	webhook.NoName:     "web.admin.hook.outcome.no_name",
	webhook.Broken:     "web.admin.hook.outcome.broken",
	webhook.Sealed:     "web.admin.hook.outcome.sealed",
	webhook.Lost:       "web.admin.hook.outcome.lost",
}

func hook(v *visit) error {
	e, err := v.hookOf()
	if err != nil {
		return err
	}
	p, err := v.hookPage(e)
	if err != nil {
		return v.redrawList("admin_webhook", p, err)
	}
	return v.draw("admin_webhook", p)
}

func (v *visit) hookPage(e webhook.Endpoint) (*hookPage, error) {
	s := admin.DeliverySearch{State: webhook.State(v.query("state")), Cursor: v.query("cursor")}
	p, path := &hookPage{Hook: v.hookRow(e), State: s.State}, "/admin/webhooks/"+e.ID.String()
	p.Here, p.Acts = "webhooks", v.hookActLinks(e)
	for _, state := range hookStates {
		p.Filters = append(p.Filters, filterLink{
			string(state), v.o.Words.T(hookStateNames[state], nil), listPath(path, "state", string(state)), state == s.State,
		})
	}
	list, next, err := v.o.Admin.Deliveries(v.ctx(), v.by, v.in, e.ID, s)
	if err != nil {
		return p, err
	}
	for _, d := range list {
		row := sentRow{Item: d, KindName: v.kindWords(d.Kind), StateName: v.o.Words.T(hookStateNames[d.State], nil)}
		if id, ok := hookOutcomes[d.Outcome]; ok {
			row.Why = v.o.Words.T(id, map[string]any{"Status": d.Status})
		}
		p.Sent = append(p.Sent, row)
	}
	if next != "" {
		p.Next = listPath(path, "state", string(s.State), "cursor", next)
	}
	if s.Cursor != "" {
		p.First = listPath(path, "state", string(s.State))
	}
	return p, nil
}

// hookAgain sends one delivery again.
func hookAgain(v *visit) error {
	e, err := v.hookOf()
	if err != nil {
		return err
	}
	delivery, err := idFrom(v.c.Param("delivery"))
	if err != nil {
		return err
	}
	if err := v.o.Admin.SendAgain(v.ctx(), v.by, v.in, e.ID, delivery); err != nil {
		return err
	}
	v.notice(noticeHookAgain, "")
	return v.to("/admin/webhooks/" + e.ID.String())
}
