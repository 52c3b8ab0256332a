package web

import "latchkey/internal/account"

// reportPage says what "this wasn't me" will do. It works signed out, and its
// button is what does it: scanners of mail open links, but press no buttons.
type reportPage struct {
	frame
	Undo   bool // an address change is undone with it
	Change account.LinkData
	Action string
}

// reportedPage says what to do next.
type reportedPage struct {
	frame
	Undo bool
}

func notMeAsk(v *visit) error { return v.reportAsk(account.NotMeLink) }
func notMe(v *visit) error    { return v.report(account.NotMeLink, "/not-me/done") }

func undoAsk(v *visit) error   { return v.reportAsk(account.EmailUndoLink) }
func undoEmail(v *visit) error { return v.report(account.EmailUndoLink, "/email-changes/undone") }

func reported(v *visit) error { return v.draw("reported", &reportedPage{}) }
func undone(v *visit) error   { return v.draw("reported", &reportedPage{Undo: true}) }

func (v *visit) reportAsk(k account.LinkKind) error {
	p, err := v.reportPage(k)
	if err != nil {
		return v.linkOver(reportLink, err)
	}
	return v.draw("report", p)
}

func (v *visit) reportPage(k account.LinkKind) (*reportPage, error) {
	r, err := v.o.Settings.Report(v.ctx(), k, v.c.Param("token"))
	return &reportPage{Undo: k == account.EmailUndoLink, Change: r.Data, Action: v.c.Request.URL.Path}, err
}

func (v *visit) report(k account.LinkKind, done string) error {
	err := v.o.Settings.NotMe(v.ctx(), v.by, k, v.c.Param("token"))
	switch {
	case err == nil:
		return v.to(done)
	case isPast(err): // all was done but the address, which is another's by now
		return v.redraw("reported", &reportedPage{}, err)
	}
	return v.linkOver(reportLink, err)
}
