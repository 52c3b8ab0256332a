package web

import (
	"github.com/google/uuid"

	"latchkey/internal/admin"
	"latchkey/internal/fault"
	"latchkey/internal/webhook"
)

// hookAct is one thing that is done to a webhook, on a page of its own that says
// what it does.
type hookAct struct {
	title, text, button string
	said                string
	danger              bool
	fits                func(webhook.Endpoint) bool // when it is offered
	do                  func(*visit, uuid.UUID) error
}

func always(webhook.Endpoint) bool     { return true }
func isOn(e webhook.Endpoint) bool     { return e.Enabled }
func isOff(e webhook.Endpoint) bool    { return !e.Enabled }
func oneKey(e webhook.Endpoint) bool   { return !e.OldKey }
func bothKeys(e webhook.Endpoint) bool { return e.OldKey }

// hookActOrder is that of the page; the form that changes it comes first.
var hookActOrder = []string{"test", "new-key", "old-key-off", "off", "on", "delete"}

var hookActs = map[string]hookAct{
	"test": {
		title: "web.admin.hook.test.title", text: "web.admin.hook.test.text", button: "web.admin.hook.test.title",
		said: noticeHookTested, fits: isOn,
		do: func(v *visit, id uuid.UUID) error { return v.o.Admin.TestWebhook(v.ctx(), v.by, v.in, id) },
	},
	"new-key": {
		title: "web.admin.hook.new_key.title", text: "web.admin.hook.new_key.text", button: "web.admin.hook.new_key.title",
		fits: oneKey, do: hookRotate,
	},
	"old-key-off": {
		title: "web.admin.hook.old_key_off.title", text: "web.admin.hook.old_key_off.text", button: "web.admin.hook.old_key_off.title",
		said: noticeHookOldKeyOff, danger: true, fits: bothKeys,
		do: func(v *visit, id uuid.UUID) error { return v.o.Admin.DropWebhookKey(v.ctx(), v.by, v.in, id) },
	},
	"off": {
		title: "web.admin.hook.off.title", text: "web.admin.hook.off.text", button: "web.admin.hook.off.title",
		said: noticeHookOff, fits: isOn,
		do: func(v *visit, id uuid.UUID) error { return v.o.Admin.TurnWebhook(v.ctx(), v.by, v.in, id, false) },
	},
	"on": {
		title: "web.admin.hook.on.title", text: "web.admin.hook.on.text", button: "web.admin.hook.on.title",
		said: noticeHookOn, fits: isOff,
		do: func(v *visit, id uuid.UUID) error { return v.o.Admin.TurnWebhook(v.ctx(), v.by, v.in, id, true) },
	},
	"delete": {
		title: "web.admin.hook.delete.title", text: "web.admin.hook.delete.text", button: "web.admin.hook.delete.title",
		said: noticeHookDeleted, danger: true, fits: always,
		do: func(v *visit, id uuid.UUID) error { return v.o.Admin.DeleteWebhook(v.ctx(), v.by, v.in, id) },
	},
}

// hookRotate shows the new key in this very answer. A second press finds two
// keys, and is refused.
func hookRotate(v *visit, id uuid.UUID) error {
	key, err := v.o.Admin.RotateWebhook(v.ctx(), v.by, v.in, id)
	if err != nil {
		return err
	}
	e, err := v.o.Admin.Webhook(v.ctx(), v.by, v.in, id)
	if err != nil {
		return err
	}
	return v.showKey(e, key, true)
}

// hookActLink leads to the page of an act.
type hookActLink struct {
	Name, Words string
	Danger      bool
}

// hookActLinks are what fits an endpoint now.
func (v *visit) hookActLinks(e webhook.Endpoint) []hookActLink {
	var out []hookActLink
	for _, name := range hookActOrder {
		if a := hookActs[name]; a.fits(e) {
			out = append(out, hookActLink{name, v.o.Words.T(a.title, nil), a.danger})
		}
	}
	return out
}

// hookActPage asks before something is done.
type hookActPage struct {
	frame
	Hook                hookRow
	Name                string
	Title, Text, Button string
	Danger              bool
}

func (v *visit) hookActPage(e webhook.Endpoint, a hookAct) *hookActPage {
	p := &hookActPage{
		Hook: v.hookRow(e), Name: v.c.Param("act"), Title: v.o.Words.T(a.title, nil), Text: v.o.Words.T(a.text, nil),
		Button: v.o.Words.T(a.button, nil), Danger: a.danger,
	}
	p.Here = "webhooks"
	return p
}

func hookActForm(v *visit) error {
	e, err := v.hookOf()
	if err != nil {
		return err
	}
	a, known := hookActs[v.c.Param("act")]
	edit := v.c.Param("act") == "edit"
	if !known && !edit {
		return errNoSuch
	}
	if err := v.confirmed(); err != nil {
		return err
	}
	if edit {
		return v.draw("admin_webhook_form", v.hookForm(e.ID.String(), e.URL, e.Kinds))
	}
	return v.draw("admin_webhook_act", v.hookActPage(e, a))
}

func hookActSubmit(v *visit) error {
	e, err := v.hookOf()
	if err != nil {
		return err
	}
	if v.c.Param("act") == "edit" {
		return v.hookChange(e)
	}
	a, known := hookActs[v.c.Param("act")]
	if !known {
		return errNoSuch
	}
	err = a.do(v, e.ID)
	if hasCode(err, fault.StateConflict) {
		return v.redraw("admin_webhook_act", v.hookActPage(e, a), err)
	}
	if err != nil || v.c.Writer.Written() {
		return err
	}
	v.notice(a.said, "")
	if v.c.Param("act") == "delete" {
		return v.to("/admin/webhooks")
	}
	return v.to("/admin/webhooks/" + e.ID.String())
}

func (v *visit) hookChange(e webhook.Endpoint) error {
	w := admin.Wish{URL: v.form("url"), Kinds: v.c.Request.PostForm["kinds"]}
	if err := v.o.Admin.ChangeWebhook(v.ctx(), v.by, v.in, e.ID, w); err != nil {
		return v.redraw("admin_webhook_form", v.hookForm(e.ID.String(), w.URL, w.Kinds), err)
	}
	v.notice(noticeHookChanged, "")
	return v.to("/admin/webhooks/" + e.ID.String())
}
