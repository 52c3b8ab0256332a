package admin

import (
	"context"
	"errors"
	"net/url"

	"github.com/google/uuid"

	"latchkey/internal/audit"
	"latchkey/internal/fault"
	"latchkey/internal/session"
	"latchkey/internal/webhook"
)

// Webhooks lists the endpoints that hear of events.
func (f *Flow) Webhooks(ctx context.Context, by audit.Actor, in session.Session) ([]webhook.Endpoint, error) {
	if err := f.look(ctx, by, in, false); err != nil {
		return nil, err
	}
	return webhook.List(ctx, f.DB)
}

// Webhook reads one.
func (f *Flow) Webhook(ctx context.Context, by audit.Actor, in session.Session, id uuid.UUID) (webhook.Endpoint, error) {
	if err := f.look(ctx, by, in, false); err != nil {
		return webhook.Endpoint{}, err
	}
	e, err := webhook.ByID(ctx, f.DB, id)
	return e, hookFault(err)
}

// DeliverySearch asks for a page of an endpoint's deliveries.
type DeliverySearch struct {
	State  webhook.State // empty: all
	Cursor string
}

const deliveriesPerPage = 30

// Deliveries lists what was sent to an endpoint, newest first. next is empty on
// the last page.
func (f *Flow) Deliveries(ctx context.Context, by audit.Actor, in session.Session, id uuid.UUID, s DeliverySearch) (list []webhook.Item, next string, err error) {
	if err := f.look(ctx, by, in, false); err != nil {
		return nil, "", err
	}
	all := &fault.Fault{Kind: fault.Invalid, Code: fault.InvalidRequest}
	switch s.State {
	case "", webhook.Queued, webhook.Sent, webhook.Failed, webhook.Expired:
	default:
		all.Fields = append(all.Fields, fault.Field{Name: "state", Message: "admin.state_unknown"})
	}
	l := webhook.Listing{Webhook: id, State: s.State, Limit: deliveriesPerPage + 1}
	if s.Cursor != "" {
		at, beside, ok := cursorFrom(s.Cursor)
		if !ok {
			all.Fields = append(all.Fields, fault.Field{Name: "cursor", Message: "field.cursor.unknown"})
		}
		l.Before, l.Beside = &at, beside
	}
	if len(all.Fields) > 0 {
		return nil, "", all
	}
	list, err = webhook.Deliveries(ctx, f.DB, l)
	if err == nil && len(list) > deliveriesPerPage {
		list = list[:deliveriesPerPage]
		next = cursorOf(list[deliveriesPerPage-1].CreatedAt, list[deliveriesPerPage-1].ID)
	}
	return list, next, err
}

// Wish is what an endpoint is to be, as typed.
type Wish struct {
	URL   string
	Kinds []string
}

func (f *Flow) judgeWish(w Wish) (to string, kinds []string, err error) {
	all := &fault.Fault{Kind: fault.Invalid, Code: fault.InvalidRequest}
	to, bad := f.Reach.Judge(w.URL)
	if bad != nil {
		all.Fields = append(all.Fields, bad.Fields...)
	}
	if kinds = webhook.Asked(w.Kinds); len(kinds) == 0 {
		all.Fields = append(all.Fields, fault.Field{Name: "kinds", Message: "webhook.kinds_missing"})
	}
	if len(all.Fields) > 0 {
		return "", nil, all
	}
	return to, kinds, nil
}

// AddWebhook makes an endpoint and gives its key, this once.
func (f *Flow) AddWebhook(ctx context.Context, by audit.Actor, in session.Session, w Wish) (e webhook.Endpoint, key string, err error) {
	to, kinds, err := f.judgeWish(w)
	if err != nil {
		return e, "", err
	}
	err = f.ruleHook(ctx, by, in, "webhook_added", func(ctx context.Context, a *act) (webhook.Endpoint, error) {
		e, key, err = f.Hooks.AddTx(ctx, a.tx, a.by.ID, to, kinds)
		return e, err
	})
	return e, key, err
}

// ChangeWebhook changes where to send what.
func (f *Flow) ChangeWebhook(ctx context.Context, by audit.Actor, in session.Session, id uuid.UUID, w Wish) error {
	to, kinds, err := f.judgeWish(w)
	if err != nil {
		return err
	}
	return f.ruleHook(ctx, by, in, "webhook_changed", func(ctx context.Context, a *act) (webhook.Endpoint, error) {
		return webhook.ChangeTx(ctx, a.tx, id, to, kinds)
	})
}

// TurnWebhook turns an endpoint on or off.
func (f *Flow) TurnWebhook(ctx context.Context, by audit.Actor, in session.Session, id uuid.UUID, on bool) error {
	action := "webhook_off"
	if on {
		action = "webhook_on"
	}
	return f.ruleHook(ctx, by, in, action, func(ctx context.Context, a *act) (webhook.Endpoint, error) {
		return webhook.TurnTx(ctx, a.tx, id, on)
	})
}

// DeleteWebhook deletes an endpoint and its log.
func (f *Flow) DeleteWebhook(ctx context.Context, by audit.Actor, in session.Session, id uuid.UUID) error {
	return f.ruleHook(ctx, by, in, "webhook_deleted", func(ctx context.Context, a *act) (webhook.Endpoint, error) {
		return webhook.DeleteTx(ctx, a.tx, id)
	})
}

// RotateWebhook gives an endpoint a fresh key, told this once; the old one
// signs beside it until DropWebhookKey.
func (f *Flow) RotateWebhook(ctx context.Context, by audit.Actor, in session.Session, id uuid.UUID) (key string, err error) {
	err = f.ruleHook(ctx, by, in, "webhook_key_made", func(ctx context.Context, a *act) (e webhook.Endpoint, err error) {
		e, key, err = f.Hooks.RotateTx(ctx, a.tx, id)
		return e, err
	})
	return key, err
}

// DropWebhookKey ends the old key.
func (f *Flow) DropWebhookKey(ctx context.Context, by audit.Actor, in session.Session, id uuid.UUID) error {
	return f.ruleHook(ctx, by, in, "webhook_key_off", func(ctx context.Context, a *act) (webhook.Endpoint, error) {
		return webhook.DropOldTx(ctx, a.tx, id)
	})
}

// TestWebhook sends an endpoint an event of its own; it must be on.
func (f *Flow) TestWebhook(ctx context.Context, by audit.Actor, in session.Session, id uuid.UUID) error {
	return f.within(ctx, by, in, want{confirmed: true}, func(ctx context.Context, a *act) error {
		e, err := webhook.ByID(ctx, a.tx, id)
		if err == nil && !e.Enabled {
			err = webhook.ErrNotNow
		}
		if err != nil {
			return hookFault(err)
		}
		return audit.RecordTx(ctx, a.tx, a.by, audit.Event{Action: webhook.Tested, Webhook: id, Data: hookData(e)})
	})
}

// SendAgain sends a delivery again, whatever became of it.
func (f *Flow) SendAgain(ctx context.Context, by audit.Actor, in session.Session, id, delivery uuid.UUID) error {
	return f.within(ctx, by, in, want{confirmed: true}, func(ctx context.Context, a *act) error {
		d, err := webhook.AgainTx(ctx, a.tx, id, delivery)
		if err != nil {
			return hookFault(err)
		}
		return audit.RecordTx(ctx, a.tx, a.by, audit.Event{
			Action: "webhook_sent_again", Data: map[string]any{"webhook": id, "event": d.Event, "kind": d.Kind},
		})
	})
}

// ruleHook does one change to an endpoint (🔒) and writes it down.
func (f *Flow) ruleHook(ctx context.Context, by audit.Actor, in session.Session, action string, do func(context.Context, *act) (webhook.Endpoint, error)) error {
	return f.within(ctx, by, in, want{confirmed: true}, func(ctx context.Context, a *act) error {
		e, err := do(ctx, a)
		if err != nil {
			return hookFault(err)
		}
		return audit.RecordTx(ctx, a.tx, a.by, audit.Event{Action: action, Data: hookData(e)})
	})
}

// hookData names an endpoint in an event: by its host, since a path may hold a
// secret of the receiver's.
func hookData(e webhook.Endpoint) map[string]any {
	out := map[string]any{"webhook": e.ID, "kinds": e.Kinds}
	if u, err := url.Parse(e.URL); err == nil {
		out["host"] = u.Host
	}
	return out
}

// hookFault says to the caller what they may be told.
func hookFault(err error) error {
	switch {
	case errors.Is(err, webhook.ErrNone):
		return absent
	case errors.Is(err, webhook.ErrTooMany):
		return fault.New(fault.Conflict, fault.StateConflict).Say("fault.webhook_many", nil)
	case errors.Is(err, webhook.ErrNotNow):
		return fault.New(fault.Conflict, fault.StateConflict).Say("fault.webhook_state", nil)
	}
	return err
}
