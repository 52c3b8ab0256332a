package admin

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"latchkey/internal/audit"
	"latchkey/internal/fault"
	"latchkey/internal/mail"
	"latchkey/internal/pg"
	"latchkey/internal/session"
)

// Events lists what happened, newest first: at most limit of those before the
// given id; 0 starts at the newest.
func (f *Flow) Events(ctx context.Context, by audit.Actor, in session.Session, which audit.Filter, before int64, limit int) ([]audit.Line, error) {
	if err := f.look(ctx, by, in, false); err != nil {
		return nil, err
	}
	return audit.Search(ctx, f.DB, which, before, limit)
}

// ExportEvents hands out all events of a filter in batches, newest first. That
// they were taken out is an event itself. An error of each ends it: the caller
// has hung up.
func (f *Flow) ExportEvents(ctx context.Context, by audit.Actor, in session.Session, which audit.Filter, format string, each func([]audit.Line) error) error {
	if err := f.look(ctx, by, in, false); err != nil {
		return err
	}
	if by.Kind != audit.Host {
		by.Kind, by.ID = audit.Admin, in.User
	}
	err := f.DB.InTx(ctx, func(tx *pg.Tx) error {
		return audit.RecordTx(ctx, tx, by, audit.Event{Action: "events_exported", Data: map[string]any{"format": format}})
	})
	if err != nil {
		return err
	}
	return audit.Export(ctx, f.DB, which, each)
}

// MailSearch asks for a page of mails.
type MailSearch struct {
	State  mail.State // empty: all
	To     string     // a whole address; empty: all
	Cursor string
	Limit  int // 1 to 200; 0: 50
}

// Mails lists mails, newest first, never with what they say. next is empty on
// the last page.
func (f *Flow) Mails(ctx context.Context, by audit.Actor, in session.Session, s MailSearch) (list []mail.Item, next string, err error) {
	if err := f.look(ctx, by, in, false); err != nil {
		return nil, "", err
	}
	all := &fault.Fault{Kind: fault.Invalid, Code: fault.InvalidRequest}
	switch s.State {
	case "", mail.Queued, mail.Sent, mail.Refused, mail.Expired:
	default:
		all.Fields = append(all.Fields, fault.Field{Name: "state", Message: "admin.state_unknown"})
	}
	limit, bad := pageSize(s.Limit)
	all.Fields = append(all.Fields, bad...)
	l := mail.Listing{State: s.State, To: s.To, Limit: limit + 1}
	if s.Cursor != "" {
		at, id, ok := cursorFrom(s.Cursor)
		if !ok {
			all.Fields = append(all.Fields, fault.Field{Name: "cursor", Message: "field.cursor.unknown"})
		}
		l.Before, l.Beside = &at, id
	}
	if len(all.Fields) > 0 {
		return nil, "", all
	}
	list, err = mail.List(ctx, f.DB, l, f.DB.Now())
	if err == nil && len(list) > limit {
		list = list[:limit]
		next = cursorOf(list[limit-1].CreatedAt, list[limit-1].ID)
	}
	return list, next, err
}

// RetryMail makes a waiting mail due at once. One that was sent, refused or
// expired is a conflict: what it said was wiped.
func (f *Flow) RetryMail(ctx context.Context, by audit.Actor, in session.Session, id uuid.UUID) (mail.Item, error) {
	var out mail.Item
	err := f.within(ctx, by, in, want{}, func(ctx context.Context, a *act) error {
		var err error
		out, err = mail.RetryTx(ctx, a.tx, id)
		switch {
		case errors.Is(err, mail.ErrNoMail):
			return absent
		case errors.Is(err, mail.ErrFinished):
			return fault.New(fault.Conflict, fault.StateConflict).Say("fault.mail_finished", nil)
		case err != nil:
			return err
		}
		return audit.RecordTx(ctx, a.tx, a.by, audit.Event{
			Action: "mail_retried", Subject: out.User, Data: map[string]any{"mail": id, "kind": out.Kind},
		})
	})
	return out, err
}
