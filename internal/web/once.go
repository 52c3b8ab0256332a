package web

import (
	"context"

	"github.com/google/uuid"

	"latchkey/internal/edge"
)

// once reports whether a form is sent for the first time. Each drawing of a
// form has an id of its own, so that a second press of the button, or a back
// and send again, is told apart from a second try. It is for forms whose flow
// can't know that by itself, since it mails or begins something each time.
//
// A form without an id is sent for the first time always: whoever leaves it
// out gains nothing that filling in the form again would not give.
func (v *visit) once() (first bool, done func(), err error) {
	id, bad := uuid.Parse(v.form("form"))
	if bad != nil {
		return true, func() {}, nil
	}
	digests := v.o.Digests.All("form", v.c.FullPath(), id.String())
	key := edge.Key{Digests: digests, Requests: digests}
	seen, _, err := v.o.Forms.Begin(v.ctx(), key)
	if err != nil {
		return false, func() {}, err
	}
	finish := func() {
		// The form was judged: what it did is done, whether or not this is kept.
		_ = v.o.Forms.Finish(context.WithoutCancel(v.ctx()), key, nil)
	}
	return seen == edge.Fresh, finish, nil
}

func newFormID() string { return uuid.NewString() }
