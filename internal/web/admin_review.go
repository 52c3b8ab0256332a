package web

import (
	"strconv"
	"time"

	"latchkey/internal/admin"
	"latchkey/internal/fault"
	"latchkey/internal/policy"
)

// reviewPage says what rules would do before they are saved, and asks.
type reviewPage struct {
	frame
	Over     int    // the version that was read
	Packed   string // the rules, for the form and for the way back
	Changes  []ruleChange
	Required policy.Require
	Starts   *time.Time
	admin.Rehearsal
	People []affected
	More   int // touched, and not listed here
	Myself bool
}

type ruleChange struct{ Label, From, To string }

type affected struct {
	admin.Affected
	RoleName string
	Effects  []string
}

var effectNames = map[admin.Effect]string{
	admin.MustEnrol:      "web.admin.effect.must_enrol",
	admin.LoseOnlyMethod: "web.admin.effect.lose_only_method",
	admin.EmailOnly:      "web.admin.effect.email_only",
}

// policyReview reads the form and leads to the page about it, which can be
// read again, confirmed for and gone back from.
func policyReview(v *visit) error {
	now, err := v.o.Admin.Policy(v.ctx(), v.by, v.in)
	if err != nil {
		return err
	}
	rules, bad := v.typedRules(now.Rules)
	if bad != nil {
		return v.redrawPolicy(now, rules, bad)
	}
	over, err := strconv.Atoi(v.form("over"))
	if err != nil {
		over = now.Version
	}
	return v.to(reviewPath(over, packed(rules)))
}

func reviewPath(over int, rules string) string {
	return "/admin/policy/review?over=" + strconv.Itoa(over) + "&rules=" + rules
}

// proposed reads the rules that a page is about.
func (v *visit) proposed(over, rules string) (int, policy.Rules, bool) {
	n, err := strconv.Atoi(over)
	r, ok := unpacked(rules)
	return n, r, ok && err == nil && n > 0
}

func policyReviewed(v *visit) error {
	over, rules, ok := v.proposed(v.c.Query("over"), v.c.Query("rules"))
	if !ok {
		v.notice(noticeBeginAgain, "")
		return v.to("/admin/policy")
	}
	p, err := v.reviewPage(over, rules)
	if err != nil {
		return v.refusedRules(rules, err)
	}
	return v.draw("admin_review", p)
}

// refusedRules leads back into the form with what is wrong.
func (v *visit) refusedRules(rules policy.Rules, why error) error {
	f, ok := fault.As(why)
	if !ok || f.Kind != fault.Invalid {
		return why
	}
	now, err := v.o.Admin.Policy(v.ctx(), v.by, v.in)
	if err != nil {
		return err
	}
	return v.redrawPolicy(now, rules, why)
}

func (v *visit) reviewPage(over int, rules policy.Rules) (*reviewPage, error) {
	r, err := v.o.Admin.Rehearse(v.ctx(), v.by, v.in, rules)
	if err != nil {
		return nil, err
	}
	now, err := v.o.Admin.Policy(v.ctx(), v.by, v.in)
	if err != nil {
		return nil, err
	}
	p := &reviewPage{Over: over, Packed: packed(rules), Required: rules.Require, Starts: rules.StartsAt, Rehearsal: r}
	p.Here, p.Changes = "policy", v.changes(policy.Diff(now.Rules, rules))
	for _, u := range r.Users {
		one := affected{Affected: u, RoleName: v.o.Words.T(roleNames[u.Role], nil)}
		for _, e := range u.Effects {
			one.Effects = append(one.Effects, v.o.Words.T(effectNames[e], nil))
		}
		p.People = append(p.People, one)
		p.Myself = p.Myself || (u.ID == v.in.User && one.Asked())
	}
	return p, nil
}

// Asked: something is asked of them that was not before.
func (a affected) Asked() bool {
	for _, e := range a.Affected.Effects {
		if e != admin.EmailOnly {
			return true
		}
	}
	return false
}

func (v *visit) changes(all []policy.Change) []ruleChange {
	var out []ruleChange
	for _, c := range all {
		out = append(out, ruleChange{v.ruleLabel(c.Field), v.ruleValue(c.Field, c.From), v.ruleValue(c.Field, c.To)})
	}
	return out
}

// policyRehearsal is everybody whom the rules would touch, as a file.
func policyRehearsal(v *visit) error {
	_, rules, ok := v.proposed(v.c.Query("over"), v.c.Query("rules"))
	if !ok {
		return errNoSuch
	}
	out := v.download("latchkey-rehearsal.csv", "text/csv; charset=utf-8")
	return out.end(v.o.Admin.RehearsalCSV(out.ctx(), v.by, v.in, rules, out))
}

// policySave saves what was reviewed. Where a confirmation is asked for, it
// leads back to the review and not to an empty form.
func policySave(v *visit) error {
	over, rules, ok := v.proposed(v.form("over"), v.form("rules"))
	if !ok {
		v.notice(noticeBeginAgain, "")
		return v.to("/admin/policy")
	}
	v.back = reviewPath(over, packed(rules))
	_, err := v.o.Admin.SavePolicy(v.ctx(), v.by, v.in, admin.Saving{
		Rules: rules, Over: over, EndSessions: v.form("end_sessions") == "yes",
	})
	switch {
	case err == nil:
		v.notice(noticePolicySaved, "")
		return v.to("/admin/policy")
	case hasCode(err, fault.StaleVersion):
		return v.stalePolicy(over, rules)
	}
	return v.refusedRules(rules, err)
}
