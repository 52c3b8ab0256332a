package web

import (
	"fmt"

	"latchkey/internal/fault"
	"latchkey/internal/policy"
)

// policyPage is the form of the policy. Nothing on it is saved at once: it
// leads to what would happen.
type policyPage struct {
	frame
	Policy  policy.Policy // in force
	Saver   string
	Presets []presetCard
	Groups  []ruleGroup
	Filled  string // which preset was filled in, in words; empty: none
	Open    bool   // some rule differs from the one in force
}

type presetCard struct {
	Preset     policy.Preset
	Name, Text string
	Points     []string
	InForce    bool
	Chosen     bool
}

type ruleGroup struct {
	Title string
	Rules []ruleInput
}

// ruleInput is one rule as the form shows it.
type ruleInput struct {
	Name, Label, Hint, Err string
	Kind                   string // choice, number, flag or day
	Value                  string
	Unit                   string
	Min, Max               int
	Options                []ruleOption
	On                     bool // of a flag
	Changed                bool // is not what is in force
	Now                    string
}

type ruleOption struct {
	ID, Value, Label string
	Chosen           bool
}

var presets = []struct {
	preset     policy.Preset
	name, text string
	points     []string
}{
	{policy.Compatible, "web.admin.preset.compatible", "web.admin.preset.compatible_text", []string{
		"web.admin.preset.compatible_1", "web.admin.preset.compatible_2", "web.admin.preset.compatible_3",
	}},
	{policy.Standard, "web.admin.preset.standard", "web.admin.preset.standard_text", []string{
		"web.admin.preset.standard_1", "web.admin.preset.standard_2", "web.admin.preset.standard_3",
	}},
	{policy.Strict, "web.admin.preset.strict", "web.admin.preset.strict_text", []string{
		"web.admin.preset.strict_1", "web.admin.preset.strict_2", "web.admin.preset.strict_3",
	}},
}

// policyForm shows the rules in force, or those of a preset or of a rehearsal
// that somebody came back from.
func policyForm(v *visit) error {
	now, err := v.o.Admin.Policy(v.ctx(), v.by, v.in)
	if err != nil {
		return err
	}
	rules, chosen := now.Rules, policy.Preset("")
	if back, ok := unpacked(v.c.Query("rules")); ok {
		rules = back
	}
	for _, one := range presets {
		if v.c.Query("preset") == string(one.preset) {
			rules, chosen = one.preset.Over(now.Rules), one.preset
		}
	}
	p, err := v.policyPage(now, rules, chosen)
	if err != nil {
		return err
	}
	return v.draw("admin_policy", p)
}

func (v *visit) policyPage(now policy.Policy, rules policy.Rules, chosen policy.Preset) (*policyPage, error) {
	p := &policyPage{Policy: now, Open: len(policy.Diff(now.Rules, rules)) > 0}
	p.Here = "policy"
	var err error
	if p.Saver, err = v.saver(now); err != nil {
		return nil, err
	}
	for _, one := range presets {
		card := presetCard{
			Preset: one.preset, Name: v.o.Words.T(one.name, nil), Text: v.o.Words.T(one.text, nil),
			InForce: now.Preset() == one.preset, Chosen: rules.Preset() == one.preset,
		}
		for _, id := range one.points {
			card.Points = append(card.Points, v.o.Words.T(id, nil))
		}
		if chosen == one.preset {
			p.Filled = card.Name
		}
		p.Presets = append(p.Presets, card)
	}
	p.Groups = v.ruleGroups(now.Rules, rules)
	return p, nil
}

func (v *visit) ruleGroups(now, rules policy.Rules) []ruleGroup {
	fields := map[string]policy.Field{}
	for _, f := range policy.Fields() {
		fields[f.Name] = f
	}
	var out []ruleGroup
	for _, g := range ruleGroups {
		group := ruleGroup{Title: v.o.Words.T(g.Title, nil)}
		for _, name := range g.Fields {
			group.Rules = append(group.Rules, v.ruleInput(fields[name], now, rules))
		}
		out = append(out, group)
	}
	return out
}

func (v *visit) ruleInput(f policy.Field, now, rules policy.Rules) ruleInput {
	text, value := ruleTexts[f.Name], f.Value(rules)
	in := ruleInput{
		Name: f.Name, Label: v.ruleLabel(f.Name), Hint: v.o.Words.T(text.hint, nil), Value: fmt.Sprint(value),
		Min: f.Min, Max: f.Max, Changed: value != f.Value(now), Now: v.ruleValue(f.Name, f.Value(now)),
	}
	switch value := value.(type) {
	case bool:
		in.Kind, in.On = "flag", value
	case int:
		in.Kind = "number"
		if text.count != "" {
			in.Unit = v.o.Words.T(units[text.count], nil)
		}
	default:
		in.Kind = "day"
		in.Value = dayOf(rules.StartsAt)
	}
	for i, choice := range f.Choices {
		in.Kind = "choice"
		id := f.Name // the first one has the field's own id: an error leads to it
		if i > 0 {
			id += "-" + choice
		}
		in.Options = append(in.Options, ruleOption{id, choice, v.o.Words.T(text.choices[choice], nil), choice == value})
	}
	return in
}

// fieldFault is what is wrong with a field, in words; empty: nothing.
func (v *visit) fieldFault(f *fault.Fault, name string) string {
	for _, one := range f.Fields {
		if one.Name == name {
			return v.o.Words.T(one.Message, one.Args)
		}
	}
	return ""
}

// units stand behind a number's input.
var units = map[string]string{
	"web.admin.count.days":       "web.admin.unit.days",
	"web.admin.count.steps":      "web.admin.unit.steps",
	"web.admin.count.minutes":    "web.admin.unit.minutes",
	"web.admin.count.hours":      "web.admin.unit.hours",
	"web.admin.count.characters": "web.admin.unit.characters",
}

// redrawPolicy shows the form again with what was typed and what is wrong.
func (v *visit) redrawPolicy(now policy.Policy, rules policy.Rules, why error) error {
	p, err := v.policyPage(now, rules, "")
	if err != nil {
		return err
	}
	for _, g := range p.Groups {
		for i := range g.Rules {
			in := &g.Rules[i]
			if v.c.Request.PostForm.Has(in.Name) {
				in.Value = v.form(in.Name)
			}
			if f, ok := fault.As(why); ok {
				in.Err = v.fieldFault(f, in.Name)
			}
		}
	}
	return v.redraw("admin_policy", p, why)
}
