package web

import (
	"strconv"
	"time"

	"latchkey/internal/policy"
)

// historyPage is who saved what, and when.
type historyPage struct {
	frame
	Versions []savedVersion
	Older    string
}

type savedVersion struct {
	Version int
	SavedAt time.Time
	Saver   string
	Preset  string
	Changes []ruleChange
}

const versionsPerPage = 20

var presetNames = map[policy.Preset]string{
	policy.Compatible: "web.admin.preset.compatible",
	policy.Standard:   "web.admin.preset.standard",
	policy.Strict:     "web.admin.preset.strict",
	policy.Custom:     "web.admin.preset.custom",
}

func policyHistory(v *visit) error {
	before, err := strconv.Atoi(v.c.Query("before"))
	if err != nil || before < 1 {
		before = 0
	}
	versions, err := v.o.Admin.History(v.ctx(), v.by, v.in, before, versionsPerPage)
	if err != nil {
		return err
	}
	savers, err := v.savers(versions...)
	if err != nil {
		return err
	}
	p := &historyPage{}
	p.Here = "policy"
	for i, one := range versions {
		p.Versions = append(p.Versions, savedVersion{
			one.Version, one.SavedAt, savers[i], v.o.Words.T(presetNames[one.Preset()], nil), v.changes(one.Changes),
		})
	}
	if n := len(versions); n == versionsPerPage && versions[n-1].Version > 1 {
		p.Older = strconv.Itoa(versions[n-1].Version)
	}
	return v.draw("admin_history", p)
}

// savers names who saved each of some versions.
func (v *visit) savers(versions ...policy.Version) ([]string, error) {
	known, err := v.o.Admin.Savers(v.ctx(), versions)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(versions))
	for i, one := range versions {
		u, found := known[one.SavedBy]
		switch {
		case one.SavedBy == "":
			out[i] = v.o.Words.T("web.admin.by_host", nil)
		case !found:
			out[i] = v.o.Words.T("web.admin.by_gone", nil)
		default:
			out[i] = u.Name
		}
	}
	return out, nil
}

func (v *visit) saver(p policy.Policy) (string, error) {
	names, err := v.savers(policy.Version{Policy: p})
	if err != nil {
		return "", err
	}
	return names[0], nil
}
