package web

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"latchkey/internal/edge"
)

// once reports whether a form is sent for the first time. Each drawing of a
// form has an id of its own, so that a second press of the button, or a back
// and send again, is told apart from a second try. done is told how the first
// one ended: after a failure nothing was begun, and the same form may be sent
// again. It is for forms whose flow
// can't know that by itself, since it mails or begins something each time.
//
// A form without an id is sent for the first time always: whoever leaves it
// out gains nothing that filling in the form again would not give.
func (v *visit) once() (first bool, done func(error), err error) {
	first, _, keep, err := v.onceKept()
	return first, func(failed error) { keep(failed, nil) }, err
}

// onceKept also keeps what a first press began, for a second press that comes
// because the answer of the first was lost. It is no secret: it only names.
func (v *visit) onceKept() (first bool, kept []byte, done func(failed error, keep []byte), err error) {
	id, bad := uuid.Parse(v.form("form"))
	if bad != nil {
		return true, nil, func(error, []byte) {}, nil
	}
	digests := v.o.Digests.All("form", v.c.FullPath(), id.String())
	key := edge.Key{Digests: digests, Requests: digests}
	seen, before, err := v.o.Forms.Begin(v.ctx(), key)
	if err != nil {
		return false, nil, func(error, []byte) {}, err
	}
	return seen == edge.Fresh, before.Body, func(failed error, keep []byte) {
		// What it did is done, and what was refused is refused, whether or not
		// this is kept: at worst the form has to be filled in anew.
		ctx := context.WithoutCancel(v.ctx())
		switch {
		case failed != nil:
			_ = v.o.Forms.Release(ctx, key)
		case keep == nil:
			_ = v.o.Forms.Finish(ctx, key, nil)
		default:
			_ = v.o.Forms.Finish(ctx, key, &edge.Kept{Status: http.StatusSeeOther, ContentType: "text/plain", Body: keep})
		}
	}, nil
}

func newFormID() string { return uuid.NewString() }
