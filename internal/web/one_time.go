package web

import (
	"context"

	"github.com/google/uuid"

	"latchkey/internal/edge"
)

// oneTime does what a form asks for, unless this very form did it already: by
// a second press of the button, or back and send again. A try that failed did
// nothing, so the form may be sent again as it is.
func (v *visit) oneTime(do func() error) (again bool, err error) {
	id, bad := uuid.Parse(v.form("form"))
	if bad != nil {
		return false, do()
	}
	digests := v.o.Digests.All("form", v.c.FullPath(), id.String())
	key := edge.Key{Digests: digests, Requests: digests}
	seen, _, err := v.o.Forms.Begin(v.ctx(), key)
	if err != nil || seen != edge.Fresh {
		return err == nil, err
	}
	// What was done is done, whether or not this is kept.
	ctx := context.WithoutCancel(v.ctx())
	if err := do(); err != nil {
		_ = v.o.Forms.Release(ctx, key)
		return false, err
	}
	_ = v.o.Forms.Finish(ctx, key, nil)
	return false, nil
}
