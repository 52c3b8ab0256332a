package web

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"latchkey/internal/fault"
	"latchkey/internal/policy"
)

// ruleGroups are the rules in the order of the form.
var ruleGroups = []struct {
	Title  string
	Fields []string
}{
	{"web.admin.group.require", []string{"require", "starts_at", "grace_days"}},
	{"web.admin.group.methods", []string{"app_method", "email_method", "reset_requires_other_channel", "app_steps_ahead"}},
	{"web.admin.group.sessions", []string{"trusted_device_days", "session_idle_minutes", "session_lifetime_hours", "confirmation_minutes"}},
	{"web.admin.group.recovery", []string{"recovery_keys_viewable", "recovery_pass_approval"}},
	{"web.admin.group.accounts", []string{"password_min_length", "sign_up", "token_max_days", "code_in_subject"}},
}

// ruleText is a rule in plain words.
type ruleText struct {
	label, hint string
	count       string            // of a number: with its unit
	choices     map[string]string // of a word
}

var ruleTexts = map[string]ruleText{
	"require": {label: "web.admin.rule.require", hint: "web.admin.rule.require_hint", choices: map[string]string{
		"nobody": "web.admin.require.nobody", "admins": "web.admin.require.admins", "everyone": "web.admin.require.everyone",
	}},
	"starts_at":  {label: "web.admin.rule.starts_at", hint: "web.admin.rule.starts_at_hint"},
	"grace_days": {label: "web.admin.rule.grace_days", hint: "web.admin.rule.grace_days_hint", count: "web.admin.count.days"},
	"app_method": {label: "web.admin.rule.app_method", hint: "web.admin.rule.app_method_hint", choices: map[string]string{
		"allowed": "web.admin.app.allowed", "off": "web.admin.app.off",
	}},
	"email_method": {label: "web.admin.rule.email_method", hint: "web.admin.rule.email_method_hint", choices: map[string]string{
		"allowed": "web.admin.email.allowed", "fallback": "web.admin.email.fallback", "off": "web.admin.email.off",
	}},
	"reset_requires_other_channel": {label: "web.admin.rule.other_channel", hint: "web.admin.rule.other_channel_hint"},
	"app_steps_ahead":              {label: "web.admin.rule.app_steps_ahead", hint: "web.admin.rule.app_steps_ahead_hint", count: "web.admin.count.steps"},
	"trusted_device_days":          {label: "web.admin.rule.trusted_device_days", hint: "web.admin.rule.trusted_device_days_hint", count: "web.admin.count.days"},
	"session_idle_minutes":         {label: "web.admin.rule.session_idle_minutes", hint: "web.admin.rule.session_idle_minutes_hint", count: "web.admin.count.minutes"},
	"session_lifetime_hours":       {label: "web.admin.rule.session_lifetime_hours", hint: "web.admin.rule.session_lifetime_hours_hint", count: "web.admin.count.hours"},
	"confirmation_minutes":         {label: "web.admin.rule.confirmation_minutes", hint: "web.admin.rule.confirmation_minutes_hint", count: "web.admin.count.minutes"},
	"recovery_keys_viewable":       {label: "web.admin.rule.recovery_keys_viewable", hint: "web.admin.rule.recovery_keys_viewable_hint"},
	"recovery_pass_approval":       {label: "web.admin.rule.recovery_pass_approval", hint: "web.admin.rule.recovery_pass_approval_hint"},
	"password_min_length":          {label: "web.admin.rule.password_min_length", hint: "web.admin.rule.password_min_length_hint", count: "web.admin.count.characters"},
	"sign_up": {label: "web.admin.rule.sign_up", hint: "web.admin.rule.sign_up_hint", choices: map[string]string{
		"open": "web.admin.sign_up.open", "closed": "web.admin.sign_up.closed",
	}},
	"token_max_days":  {label: "web.admin.rule.token_max_days", hint: "web.admin.rule.token_max_days_hint", count: "web.admin.count.days"},
	"code_in_subject": {label: "web.admin.rule.code_in_subject", hint: "web.admin.rule.code_in_subject_hint"},
}

// ruleLabel is what a rule is called.
func (v *visit) ruleLabel(name string) string {
	if text, ok := ruleTexts[name]; ok {
		return v.o.Words.T(text.label, nil)
	}
	return name // a rule that has no words yet is still shown
}

// ruleValue says a rule's value as people say it.
func (v *visit) ruleValue(name string, value any) string {
	text := ruleTexts[name]
	switch value := value.(type) {
	case nil:
		return v.o.Words.T("web.admin.value.at_save", nil)
	case bool:
		if value {
			return v.o.Words.T("web.admin.value.yes", nil)
		}
		return v.o.Words.T("web.admin.value.no", nil)
	case int:
		if text.count == "" {
			return strconv.Itoa(value)
		}
		count, value := rounder(text.count, value)
		return v.o.Words.T(count, map[string]any{"Count": value})
	case string:
		if id, ok := text.choices[value]; ok {
			return v.o.Words.T(id, nil)
		}
		if at, err := time.Parse(time.RFC3339Nano, value); err == nil {
			return at.Format("2 January 2006, 15:04 UTC")
		}
		return value
	}
	return fmt.Sprint(value)
}

// rounder says 720 minutes as 12 hours, and 720 hours as 30 days.
func rounder(count string, n int) (string, int) {
	switch {
	case count == "web.admin.count.minutes" && n >= 120 && n%60 == 0:
		return rounder("web.admin.count.hours", n/60)
	case count == "web.admin.count.hours" && n >= 48 && n%24 == 0:
		return "web.admin.count.days", n / 24
	}
	return count, n
}

// typedRules reads the form over the rules in force. What can't be read is
// noted by field.
func (v *visit) typedRules(before policy.Rules) (policy.Rules, *fault.Fault) {
	r := before
	all := &fault.Fault{Kind: fault.Invalid, Code: fault.InvalidRequest}
	for _, f := range policy.Fields() {
		typed := strings.TrimSpace(v.form(f.Name))
		if f.Name == "starts_at" && typed == dayOf(r.StartsAt) {
			continue // a day stands for an instant: what was not touched stays to the second
		}
		if _, flag := f.Value(r).(bool); flag && typed == "" {
			typed = "false" // a box that is not ticked is not sent
		}
		if bad := policy.SetField(&r, f.Name, typed); bad != nil {
			all.Fields = append(all.Fields, unreadable(f))
		}
	}
	if len(all.Fields) == 0 {
		return r, nil
	}
	// What can be read may be wrong as well: say it all at once.
	if more := r.Check(before, v.o.DB.Now()); more != nil {
		for _, one := range more.Fields {
			if v.fieldFault(all, one.Name) == "" {
				all.Fields = append(all.Fields, one)
			}
		}
	}
	return r, all
}

// unreadable says what a rule should look like.
func unreadable(f policy.Field) fault.Field {
	switch {
	case f.Max > 0:
		return fault.Field{Name: f.Name, Message: "policy.range", Args: map[string]any{"Min": f.Min, "Max": f.Max}}
	case f.Choices != nil:
		return fault.Field{Name: f.Name, Message: "policy.choice", Args: map[string]any{"Choices": strings.Join(f.Choices, ", ")}}
	}
	return fault.Field{Name: f.Name, Message: "web.admin.unreadable"}
}

func dayOf(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

// packed writes rules into an address, in the order of the contract: a page
// about rules that are not saved can be read again, confirmed for and gone back
// from without losing them. They hold no secret.
func packed(r policy.Rules) string {
	var parts []string
	for _, f := range policy.Fields() {
		value := fmt.Sprint(f.Value(r))
		if f.Name == "starts_at" {
			value = "0"
			if r.StartsAt != nil {
				value = strconv.FormatInt(r.StartsAt.UnixMicro(), 10)
			}
		}
		parts = append(parts, value)
	}
	return strings.Join(parts, "-")
}

// unpacked reads what packed wrote; false for anything else, such as an
// address of a release that knew other rules.
func unpacked(s string) (policy.Rules, bool) {
	var r policy.Rules
	parts, fields := strings.Split(s, "-"), policy.Fields()
	if len(parts) != len(fields) || len(s) > longestReturn {
		return r, false
	}
	for i, f := range fields {
		if f.Name == "starts_at" {
			micro, err := strconv.ParseInt(parts[i], 10, 64)
			if err != nil || micro < 0 || micro > 1<<53 {
				return r, false
			}
			if micro > 0 {
				at := time.UnixMicro(micro).UTC()
				r.StartsAt = &at
			}
			continue
		}
		if policy.SetField(&r, f.Name, parts[i]) != nil {
			return r, false
		}
	}
	return r, true
}
