package web

import (
	"encoding/csv"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/admin"
	"latchkey/internal/audit"
	"latchkey/internal/fault"
)

// eventsPage is the audit log.
type eventsPage struct {
	frame
	Actor, Subject, Action, From, To string // as typed
	Actions                          []ruleOption
	Events                           []deskEvent
	Older, First                     string // addresses
	CSV, JSONL                       string
	Filtered                         bool
}

const eventsOfAll = 50

// eventFilter reads what is searched for. People are typed as an address or an
// id; days stand for their first moment, and the last day is in.
func (v *visit) eventFilter(p *eventsPage) (audit.Filter, error) {
	p.Actor, p.Subject, p.Action = strings.TrimSpace(v.query("actor")), strings.TrimSpace(v.query("subject")), v.query("action")
	p.From, p.To = v.query("from"), v.query("to")
	all := &fault.Fault{Kind: fault.Invalid, Code: fault.InvalidRequest}
	f := audit.Filter{Action: p.Action}
	var err error
	if _, kind := kindNames[audit.Kind(p.Actor)]; kind {
		f.Kind = audit.Kind(p.Actor)
	} else if f.Actor, err = v.whom("actor", p.Actor, all); err != nil {
		return f, err
	}
	if f.Subject, err = v.whom("subject", p.Subject, all); err != nil {
		return f, err
	}
	if !actionName.MatchString(p.Action) {
		all.Fields = append(all.Fields, fault.Field{Name: "action", Message: "web.admin.no_such_action"})
	}
	f.From = v.day("from", p.From, all)
	if f.To = v.day("to", p.To, all); !f.To.IsZero() {
		f.To = f.To.AddDate(0, 0, 1)
	}
	p.Filtered = p.Actor+p.Subject+p.Action+p.From+p.To != ""
	if len(all.Fields) > 0 {
		return f, all
	}
	return f, nil
}

// actionName is what any action can be called, the ones without words too.
var actionName = regexp.MustCompile(`^[a-z_]{0,60}$`)

// whom finds somebody by id, or by the whole address.
func (v *visit) whom(field, typed string, all *fault.Fault) (uuid.UUID, error) {
	if typed == "" {
		return uuid.Nil, nil
	}
	if id, err := uuid.Parse(typed); err == nil {
		return id, nil
	}
	list, _, err := v.o.Admin.Users(v.ctx(), v.by, v.in, admin.Search{Query: typed})
	if f, ok := fault.As(err); err != nil && (!ok || f.Kind != fault.Invalid) {
		return uuid.Nil, err
	}
	for _, u := range list {
		if strings.EqualFold(u.Email, typed) {
			return u.ID, nil
		}
	}
	all.Fields = append(all.Fields, fault.Field{Name: field, Message: "web.admin.no_such_person"})
	return uuid.Nil, nil
}

func (v *visit) day(field, typed string, all *fault.Fault) time.Time {
	if typed == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.DateOnly, typed)
	if err != nil {
		all.Fields = append(all.Fields, fault.Field{Name: field, Message: "web.admin.unreadable"})
	}
	return at
}

// actionWords says an action without its particulars.
func (v *visit) actionWords(action string) string {
	id, ok := deskActions[action]
	if !ok {
		if id, ok = actions[action]; !ok {
			return action
		}
	}
	words := v.o.Words.T(id, map[string]any{"How": "…", "Name": ""})
	return strings.TrimSuffix(strings.TrimSuffix(words, " (…)"), " with …")
}

func (v *visit) actionOptions(chosen string) []ruleOption {
	names := map[string]bool{}
	for _, of := range []map[string]string{deskActions, actions} {
		for name := range of {
			names[name] = true
		}
	}
	if chosen != "" {
		names[chosen] = true
	}
	var out []ruleOption
	for name := range names {
		out = append(out, ruleOption{Value: name, Label: v.actionWords(name), Chosen: name == chosen})
	}
	slices.SortFunc(out, func(a, b ruleOption) int { return strings.Compare(a.Label, b.Label) })
	return out
}

func allEvents(v *visit) error {
	p := &eventsPage{}
	p.Here = "events"
	which, err := v.eventFilter(p)
	p.Actions = v.actionOptions(p.Action)
	if err != nil {
		return v.redrawList("admin_events", p, err)
	}
	before, bad := strconv.ParseInt(v.c.Query("before"), 10, 64)
	if bad != nil || before < 1 {
		before = 0
	}
	lines, err := v.o.Admin.Events(v.ctx(), v.by, v.in, which, before, eventsOfAll+1)
	if err != nil {
		return err
	}
	pairs := []string{"actor", p.Actor, "subject", p.Subject, "action", p.Action, "from", p.From, "to", p.To}
	p.CSV, p.JSONL = listPath("/admin/events.csv", pairs...), listPath("/admin/events.jsonl", pairs...)
	if before > 0 {
		p.First = listPath("/admin/events", pairs...)
	}
	if len(lines) > eventsOfAll {
		lines = lines[:eventsOfAll]
		p.Older = listPath("/admin/events", append(pairs, "before", strconv.FormatInt(lines[eventsOfAll-1].ID, 10))...)
	}
	if p.Events, err = v.deskEvents(lines); err != nil {
		return err
	}
	return v.draw("admin_events", p)
}

// eventsCSV hands all events of a search out as a table.
func eventsCSV(v *visit) error {
	which, err := v.eventFilter(&eventsPage{})
	if err != nil {
		return err
	}
	out := v.download("latchkey-events.csv", "text/csv; charset=utf-8")
	w := csv.NewWriter(out)
	_ = w.Write([]string{"id", "at", "action", "actor_kind", "actor_id", "subject_id", "address", "device", "data"})
	return out.end(v.o.Admin.ExportEvents(out.ctx(), v.by, v.in, which, "csv", func(lines []audit.Line) error {
		for _, l := range lines {
			_ = w.Write([]string{
				strconv.FormatInt(l.ID, 10), l.At.Format(time.RFC3339Nano), l.Action, string(l.ActorKind), idText(l.ActorID),
				idText(l.Subject), l.Address, audit.Cell(l.Device), audit.Cell(string(l.Data)),
			})
		}
		w.Flush()
		return w.Error()
	}))
}

// exportedEvent is a line of JSON.
type exportedEvent struct {
	ID        int64           `json:"id"`
	At        time.Time       `json:"at"`
	Action    string          `json:"action"`
	ActorKind audit.Kind      `json:"actor_kind"`
	ActorID   string          `json:"actor_id,omitempty"`
	SubjectID string          `json:"subject_id,omitempty"`
	Address   string          `json:"address,omitempty"`
	Device    string          `json:"device,omitempty"`
	Data      json.RawMessage `json:"data"`
}

// eventsJSONL hands them out as a line of JSON each.
func eventsJSONL(v *visit) error {
	which, err := v.eventFilter(&eventsPage{})
	if err != nil {
		return err
	}
	out := v.download("latchkey-events.jsonl", "application/jsonl")
	w := json.NewEncoder(out)
	return out.end(v.o.Admin.ExportEvents(out.ctx(), v.by, v.in, which, "jsonl", func(lines []audit.Line) error {
		for _, l := range lines {
			err := w.Encode(exportedEvent{
				l.ID, l.At, l.Action, l.ActorKind, idText(l.ActorID), idText(l.Subject), l.Address, l.Device, l.Data,
			})
			if err != nil {
				return err
			}
		}
		return nil
	}))
}

func idText(id uuid.UUID) string {
	if id == uuid.Nil {
		return ""
	}
	return id.String()
}
