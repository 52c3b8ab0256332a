package web

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"latchkey/internal/account"
	"latchkey/internal/audit"
)

// deskEvent is an event with the names of who did it and to whom.
type deskEvent struct {
	event
	ID             int64
	Action         string
	Actor, Subject named
	Data           []datum
	Reason         string
}

// withoutOf leaves out whom the page is about: all of it is about them.
func (e *deskEvent) withoutOf(id string) {
	for _, n := range []*named{&e.Subject, &e.Actor} {
		if n.ID == id {
			*n = named{}
		}
	}
}

// named is an account by name; its id stays when the account is gone.
type named struct{ ID, Words string }

type datum struct{ Name, Value string }

func (v *visit) deskEvents(lines []audit.Line) ([]deskEvent, error) {
	names, err := account.Labels(v.ctx(), v.o.DB, distinct(lines))
	if err != nil {
		return nil, err
	}
	var out []deskEvent
	for _, l := range lines {
		e := deskEvent{event: v.event(l), ID: l.ID, Action: l.Action, Subject: v.named(names, l.Subject)}
		e.Actor = v.named(names, l.ActorID)
		if e.Actor.ID == "" {
			e.Actor.Words = v.o.Words.T(kindNames[l.ActorKind], nil)
		}
		if id, ok := deskActions[l.Action]; ok {
			e.Words = v.o.Words.T(id, nil)
		}
		e.Data, e.Reason = data(l.Data)
		out = append(out, e)
	}
	return out, nil
}

var kindNames = map[audit.Kind]string{
	audit.Anonymous: "web.admin.kind.anonymous",
	audit.User:      "web.admin.kind.user",
	audit.Admin:     "web.admin.kind.admin",
	audit.Host:      "web.admin.kind.host",
	audit.System:    "web.admin.kind.system",
}

// deskActions are what those who help and rule do, in words; the rest has the
// words of the account's own activity.
var deskActions = map[string]string{
	"policy_saved":            "web.admin.event.policy_saved",
	"two_factor_required":     "web.admin.event.two_factor_required",
	"two_factor_not_required": "web.admin.event.two_factor_not_required",
	"unlocked":                "web.admin.event.unlocked",
	"recovery_pass_asked":     "web.admin.event.recovery_pass_asked",
	"recovery_pass_made":      "web.admin.event.recovery_pass_made",
	"recovery_pass_used":      "web.admin.event.recovery_pass_used",
	"invited":                 "web.admin.event.invited",
	"invitation_accepted":     "web.admin.event.invitation_accepted",
	"role_changed":            "web.admin.event.role_changed",
	"renamed":                 "web.admin.event.renamed",
	"disabled":                "web.admin.event.disabled",
	"enabled":                 "web.admin.event.enabled",
	"account_deleted":         "web.admin.event.account_deleted",
	"email_unverified":        "web.admin.event.email_unverified",
	"verification_sent":       "web.admin.event.verification_sent",
	"events_exported":         "web.admin.event.events_exported",
	"users_exported":          "web.admin.event.users_exported",
	"mail_retried":            "web.admin.event.mail_retried",
	"webhook_added":           "web.admin.event.webhook_added",
	"webhook_changed":         "web.admin.event.webhook_changed",
	"webhook_on":              "web.admin.event.webhook_on",
	"webhook_off":             "web.admin.event.webhook_off",
	"webhook_deleted":         "web.admin.event.webhook_deleted",
	"webhook_key_made":        "web.admin.event.webhook_key_made",
	"webhook_key_off":         "web.admin.event.webhook_key_off",
	"webhook_tested":          "web.admin.event.webhook_tested",
	"webhook_sent_again":      "web.admin.event.webhook_sent_again",
	"keys_rotated":            "web.admin.event.keys_rotated",
	"sessions_ended":          "web.admin.event.sessions_ended",
	"password_reset_asked":    "web.admin.event.password_reset_asked",
	"account_taken_over":      "web.admin.event.account_taken_over",
}

// data lists what an event holds beside its action, and the reason apart.
func data(raw json.RawMessage) (out []datum, reason string) {
	var all map[string]any
	if json.Unmarshal(raw, &all) != nil {
		return nil, ""
	}
	for name, value := range all {
		said := fmt.Sprint(value)
		switch {
		case name == "reason":
			reason = said
			continue
		case said == "" || name == "method" || name == "session": // said already, or for machines
			continue
		}
		if _, nested := value.(map[string]any); nested {
			b, _ := json.Marshal(value) // it was JSON a moment ago
			said = string(b)
		}
		out = append(out, datum{strings.ReplaceAll(name, "_", " "), said})
	}
	slices.SortFunc(out, func(a, b datum) int { return strings.Compare(a.Name, b.Name) })
	return out, reason
}

// distinct collects ids, each once.
func distinct(lines []audit.Line) []uuid.UUID {
	seen := map[uuid.UUID]bool{uuid.Nil: true}
	var out []uuid.UUID
	for _, l := range lines {
		for _, id := range []uuid.UUID{l.ActorID, l.Subject} {
			if !seen[id] {
				seen[id] = true
				out = append(out, id)
			}
		}
	}
	return out
}

func (v *visit) named(names map[uuid.UUID]account.Label, id uuid.UUID) named {
	if id == uuid.Nil {
		return named{}
	}
	if l, ok := names[id]; ok {
		return named{id.String(), l.Email}
	}
	return named{id.String(), v.o.Words.T("web.admin.by_gone", nil)}
}
