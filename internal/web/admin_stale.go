package web

import (
	"net/http"
	"time"

	"latchkey/internal/policy"
)

// stalePage shows what somebody else saved meanwhile beside what was to be
// saved.
type stalePage struct {
	frame
	Over, Now int
	Packed    string
	Saver     string
	SavedAt   time.Time
	Rows      []staleRow
}

type staleRow struct {
	Label, Read, Now, Yours string
	Theirs, Mine            bool // who changed it
}

// Both reports whether two people changed one rule, to different ends.
func (r staleRow) Both() bool { return r.Theirs && r.Mine && r.Now != r.Yours }

func (v *visit) stalePolicy(over int, rules policy.Rules) error {
	now, err := v.o.Admin.Policy(v.ctx(), v.by, v.in)
	if err != nil {
		return err
	}
	read, err := v.o.Admin.History(v.ctx(), v.by, v.in, over+1, 1)
	if err != nil {
		return err
	}
	before := now.Rules
	if len(read) > 0 {
		before = read[0].Rules
	}
	p := &stalePage{Over: over, Now: now.Version, Packed: packed(rules), SavedAt: now.SavedAt}
	p.Here = "policy"
	if p.Saver, err = v.saver(now); err != nil {
		return err
	}
	for _, f := range policy.Fields() {
		was, is, mine := f.Value(before), f.Value(now.Rules), f.Value(rules)
		if was == is && is == mine {
			continue
		}
		p.Rows = append(p.Rows, staleRow{
			v.ruleLabel(f.Name), v.ruleValue(f.Name, was), v.ruleValue(f.Name, is), v.ruleValue(f.Name, mine), was != is, was != mine,
		})
	}
	return v.drawAs(http.StatusPreconditionFailed, "admin_stale", p)
}
