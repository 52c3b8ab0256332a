package admin

import (
	"context"

	"latchkey/internal/audit"
	"latchkey/internal/pg"
	"latchkey/internal/session"
)

// ExportUsers hands every account of a search to each, newest first, a page at
// a time: memory stays flat however many there are. It is for admins, and that
// it was done is written down first.
func (f *Flow) ExportUsers(ctx context.Context, by audit.Actor, in session.Session, s Search, each func([]User) error) error {
	if err := f.look(ctx, by, in, false); err != nil {
		return err
	}
	if _, err := s.picked(); err != nil {
		return err
	}
	note := by
	if note.Kind != audit.Host {
		note.Kind, note.ID = audit.Admin, in.User
	}
	err := f.DB.InTx(ctx, func(tx *pg.Tx) error {
		return audit.RecordTx(ctx, tx, note, audit.Event{Action: "users_exported"})
	})
	s.Cursor, s.Limit = "", maxPerPage
	for more := true; more && err == nil; more = s.Cursor != "" {
		var list []User
		if list, s.Cursor, err = f.Users(ctx, by, in, s); err == nil {
			err = each(list)
		}
	}
	return err
}
