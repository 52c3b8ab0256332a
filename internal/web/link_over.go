package web

import (
	"latchkey/internal/edge"
	"latchkey/internal/fault"
)

// mailedLink is what an old link was for; what to do instead depends on it.
type mailedLink string

const (
	resetLink  mailedLink = "reset"
	reportLink mailedLink = "report"
)

// linkOverPage is what a link shows that was used or has run out. Nobody did
// anything wrong: mails are opened twice, and late.
type linkOverPage struct {
	frame
	For  mailedLink
	Used bool
}

func isLinkOver(err error) bool {
	return hasCode(err, fault.CodeExpired) || hasCode(err, fault.CodeUsed)
}

func (v *visit) linkOver(l mailedLink, err error) error {
	if !isLinkOver(err) {
		return err
	}
	p := &linkOverPage{For: l, Used: hasCode(err, fault.CodeUsed)}
	return v.drawAs(edge.AnswerTo(v.c, err).Status, "link_over", p)
}
