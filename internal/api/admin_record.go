package api

import (
	"context"
	"encoding/csv"
	"net/http"
	"strconv"
	"time"

	json "github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"latchkey/internal/admin"
	"latchkey/internal/audit"
	"latchkey/internal/edge"
	"latchkey/internal/fault"
	"latchkey/internal/mail"
)

// eventFilter reads which events are asked for, all that is wrong at once.
func eventFilter(c *edge.Call) (audit.Filter, error) {
	var (
		f                                 audit.Filter
		actor, subject, action, from, til string
	)
	err := queries(c, map[string]*string{"actor": &actor, "subject": &subject, "action": &action, "from": &from, "to": &til})
	if err != nil {
		return f, err
	}
	all := &fault.Fault{Kind: fault.Invalid, Code: fault.InvalidRequest}
	note := func(name, message string) { all.Fields = append(all.Fields, fault.Field{Name: name, Message: message}) }
	switch audit.Kind(actor) {
	case "":
	case audit.Anonymous, audit.User, audit.Admin, audit.Host, audit.System:
		f.Kind = audit.Kind(actor)
	default:
		if f.Actor, err = uuid.Parse(actor); err != nil {
			note("actor", "admin.actor_unknown")
		}
	}
	if subject != "" {
		if f.Subject, err = uuid.Parse(subject); err != nil {
			note("subject", "admin.id_unknown")
		}
	}
	for _, r := range action {
		if (r < 'a' || r > 'z') && r != '_' || len(action) > 60 {
			note("action", "admin.action_unknown")
			break
		}
	}
	f.Action = action
	if from != "" {
		if f.From, err = time.Parse(time.RFC3339, from); err != nil {
			note("from", "admin.time_unknown")
		}
	}
	if til != "" {
		if f.To, err = time.Parse(time.RFC3339, til); err != nil {
			note("to", "admin.time_unknown")
		}
	}
	if len(all.Fields) > 0 {
		return f, all
	}
	return f, nil
}

func (a *API) allEvents(ctx context.Context, c *edge.Call) (page[eventAnswer], error) {
	out := page[eventAnswer]{Items: []eventAnswer{}}
	which, err := eventFilter(c)
	if err != nil {
		return out, err
	}
	before, err := whole(c, "cursor", "field.cursor.unknown")
	if err != nil {
		return out, err
	}
	limit, err := whole(c, "limit", "admin.limit")
	if err != nil || limit > 200 {
		return out, fault.InField("limit", "admin.limit", map[string]any{"Max": 200})
	}
	if limit == 0 {
		limit = eventsPerPage
	}
	lines, err := a.Admin.Events(ctx, c.By, sessionOf(c), which, int64(before), limit+1)
	if len(lines) > limit {
		lines = lines[:limit]
		out.NextCursor = nextPage(strconv.FormatInt(lines[limit-1].ID, 10))
	}
	for _, l := range lines {
		out.Items = append(out.Items, event(l))
	}
	return out, err
}

// exportWrite is how long one batch of an export may take to be read: slow
// clients are let be, stuck ones are not.
const exportWrite = 15 * time.Second

// export streams events in batches. The limits of other requests don't hold for
// it: it ends when the client does, which a write finds out.
func (a *API) export(ctx context.Context, c *edge.Call, format, kind string, batch func([]audit.Line) ([]byte, error)) error {
	which, err := eventFilter(c)
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	w, begun := c.Gin.Writer, false
	err = a.Admin.ExportEvents(ctx, c.By, sessionOf(c), which, format, func(lines []audit.Line) error {
		body, err := batch(lines)
		if err != nil {
			return err
		}
		if !begun {
			begun = true
			c.Header("Content-Disposition", `attachment; filename="latchkey-events.`+format+`"`)
			c.Header("Content-Type", kind)
			c.Gin.Status(http.StatusOK)
		}
		control := http.NewResponseController(w)
		_ = control.SetWriteDeadline(time.Now().Add(exportWrite)) // a recorder of tests has none
		if _, err := w.Write(body); err != nil {
			return err
		}
		w.Flush()
		return nil
	})
	if begun && err != nil {
		// Half a file must not look like a whole one: the connection breaks.
		panic(http.ErrAbortHandler)
	}
	return err
}

func (a *API) eventsCSV(ctx context.Context, c *edge.Call) error {
	head := true
	return a.export(ctx, c, "csv", "text/csv; charset=utf-8", func(lines []audit.Line) ([]byte, error) {
		var b buffer
		w := csv.NewWriter(&b)
		if head {
			head = false
			_ = w.Write([]string{"id", "at", "action", "actor_kind", "actor_id", "subject_id", "address", "device", "data"})
		}
		for _, l := range lines {
			_ = w.Write([]string{
				eventID(l).String(), l.At.Format(time.RFC3339Nano), l.Action, string(l.ActorKind), idText(l.ActorID),
				idText(l.Subject), l.Address, audit.Cell(l.Device), audit.Cell(string(l.Data)),
			})
		}
		w.Flush()
		return b, w.Error()
	})
}

func (a *API) eventsJSONL(ctx context.Context, c *edge.Call) error {
	return a.export(ctx, c, "jsonl", "application/jsonl", func(lines []audit.Line) ([]byte, error) {
		var b buffer
		for _, l := range lines {
			one, err := json.Marshal(event(l), json.Deterministic(true))
			if err != nil {
				return nil, err
			}
			b = append(append(b, one...), '\n')
		}
		return b, nil
	})
}

type buffer []byte

func (b *buffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

func idText(id uuid.UUID) string {
	if id == uuid.Nil {
		return ""
	}
	return id.String()
}

type shareAnswer struct {
	Users   int `json:"users"`
	Covered int `json:"covered"`
	App     int `json:"app"`
	Email   int `json:"email"`
}

type dayAnswer struct {
	Day     string `json:"day"`
	Users   int    `json:"users"`
	Covered int    `json:"covered"`
	App     int    `json:"app"`
	Email   int    `json:"email"`
}

type signInsAnswer struct {
	Completed      int `json:"completed"`
	WrongPasswords int `json:"wrong_passwords"`
	WrongCodes     int `json:"wrong_codes"`
}

type coverageAnswer struct {
	Now     shareAnswer        `json:"now"`
	Days    []dayAnswer        `json:"days"`
	Frozen  int                `json:"frozen"`
	SignIns signInsAnswer      `json:"sign_ins"`
	Mails   map[mail.State]int `json:"mails"`
}

func (a *API) coverage(ctx context.Context, c *edge.Call) (coverageAnswer, error) {
	got, err := a.Admin.Coverage(ctx, c.By, sessionOf(c))
	out := coverageAnswer{
		Now: shareAnswer(got.Now), Frozen: got.Frozen, Mails: got.Mails,
		SignIns: signInsAnswer{got.SignIns, got.WrongPasswords, got.WrongCodes},
	}
	for _, d := range got.Days {
		out.Days = append(out.Days, dayAnswer{d.Day.Format(time.DateOnly), d.Users, d.Covered, d.App, d.Email})
	}
	return out, err
}

type mailAnswer struct {
	ID        uuid.UUID  `json:"id"`
	Kind      string     `json:"kind"`
	To        string     `json:"to"`
	State     mail.State `json:"state"`
	Attempts  int        `json:"attempts"`
	LastError *string    `json:"last_error"`
	CreatedAt time.Time  `json:"created_at"`
	SentAt    *time.Time `json:"sent_at"`
}

func mailOf(m mail.Item) mailAnswer {
	return mailAnswer{m.ID, m.Kind, m.To, m.State, m.Attempts, nextPage(m.LastError), m.CreatedAt, m.SentAt}
}

func (a *API) mails(ctx context.Context, c *edge.Call) (page[mailAnswer], error) {
	out := page[mailAnswer]{Items: []mailAnswer{}}
	var (
		s     admin.MailSearch
		state string
	)
	if err := queries(c, map[string]*string{"state": &state, "to": &s.To, "cursor": &s.Cursor}); err != nil {
		return out, err
	}
	var err error
	if s.Limit, err = whole(c, "limit", "admin.limit"); err != nil {
		return out, err
	}
	s.State = mail.State(state)
	list, next, err := a.Admin.Mails(ctx, c.By, sessionOf(c), s)
	for _, m := range list {
		out.Items = append(out.Items, mailOf(m))
	}
	out.NextCursor = nextPage(next)
	return out, err
}

func (a *API) retryMail(ctx context.Context, c *edge.Call) (mailAnswer, error) {
	id, err := c.ID("id")
	if err != nil {
		return mailAnswer{}, err
	}
	m, err := a.Admin.RetryMail(ctx, c.By, sessionOf(c), id)
	return mailOf(m), err
}
