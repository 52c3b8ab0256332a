package web

import (
	"encoding/json"
	"strconv"
	"time"

	"latchkey/internal/audit"
	"latchkey/internal/session"
)

const eventsPerPage = 30

// activityPage is what happened to the account, in plain words.
type activityPage struct {
	frame
	Events []event
	Older  string // where the page before this one begins; empty: there is none
}

type event struct {
	Words   string
	At      time.Time
	Device  string
	Address string
	Alert   bool // worth a second look
}

// actions puts each action into words. What is not in it is shown by its name:
// an event is never left out.
var actions = map[string]string{
	"user_created":              "web.event.user_created",
	"email_verified":            "web.event.email_verified",
	"email_changed":             "web.event.email_changed",
	"email_change_undone":       "web.event.email_change_undone",
	"signed_in":                 "web.event.signed_in",
	"signed_out":                "web.event.signed_out",
	"password_refused":          "web.event.password_refused",
	"code_refused":              "web.event.code_refused",
	"confirmed":                 "web.event.confirmed",
	"frozen":                    "web.event.frozen",
	"new_device":                "web.event.new_device",
	"method_on":                 "web.event.method_on",
	"method_off":                "web.event.method_off",
	"two_factor_off":            "web.event.two_factor_off",
	"two_factor_put_off":        "web.event.two_factor_put_off",
	"app_reset":                 "web.event.app_reset",
	"recovery_key_used":         "web.event.recovery_key_used",
	"recovery_keys_regenerated": "web.event.recovery_keys_regenerated",
	"password_changed":          "web.event.password_changed",
	"password_reset":            "web.event.password_reset",
	"profile_changed":           "web.event.profile_changed",
	"session_ended":             "web.event.session_ended",
	"sessions_ended":            "web.event.sessions_ended",
	"trusted_device_ended":      "web.event.trusted_device_ended",
	"token_made":                "web.event.token_made",
	"token_revoked":             "web.event.token_revoked",
	"reported":                  "web.event.reported",
	"sso_linked":                "web.event.sso_linked",
	"sso_unlinked":              "web.event.sso_unlinked",
	"sso_refused":               "web.event.sso_refused",
}

var alerts = map[string]bool{
	"password_refused": true, "code_refused": true, "frozen": true, "recovery_key_used": true, "reported": true,
	"two_factor_off": true, "app_reset": true, "sso_linked": true,
}

// methodNames are the ways of proving in the middle of a sentence.
var methodNames = map[string]string{
	"app": "web.by.app", "email": "web.by.email", "recovery_key": "web.by.recovery_key",
	"sso": "web.by.sso",
}

func activity(v *visit) error {
	before, err := strconv.ParseInt(v.c.Query("before"), 10, 64)
	if err != nil || before < 1 {
		before = 0
	}
	lines, err := v.o.Settings.Events(v.ctx(), v.in, before, eventsPerPage+1)
	if err != nil {
		return err
	}
	p := &activityPage{}
	p.Here = "activity"
	if len(lines) > eventsPerPage {
		lines = lines[:eventsPerPage]
		p.Older = strconv.FormatInt(lines[eventsPerPage-1].ID, 10)
	}
	for _, l := range lines {
		p.Events = append(p.Events, v.event(l))
	}
	return v.draw("activity", p)
}

func (v *visit) event(l audit.Line) event {
	out := event{Words: l.Action, At: l.At, Device: l.Device, Address: l.Address, Alert: alerts[l.Action]}
	var data struct {
		Method string `json:"method"`
		First  string `json:"first"` // of a sign-in that began by no password
		Name   string `json:"name"`
	}
	_ = json.Unmarshal(l.Data, &data) // what is of another shape has no method
	id, ok := actions[l.Action]
	if !ok {
		id, ok = byOthers[l.Action]
	}
	if ok {
		how := "web.by.password"
		if by, ok := methodNames[data.Method]; ok {
			how = by
		} else if data.First == string(session.BySSO) {
			how = "web.by.sso_alone"
		}
		out.Words = v.o.Words.T(id, map[string]any{"How": v.o.Words.T(how, nil), "Name": data.Name})
	}
	return out
}
