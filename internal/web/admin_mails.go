package web

import (
	"latchkey/internal/admin"
	"latchkey/internal/fault"
	"latchkey/internal/mail"
)

// mailsPage is what became of mails, never what they say.
type mailsPage struct {
	frame
	State       mail.State
	To          string
	Filters     []filterLink
	Mails       []mailRow
	Next, First string
}

type mailRow struct {
	mail.Item
	KindName, StateName string
}

// Retry reports whether asking for another try makes sense.
func (m mailRow) Retry() bool { return m.State == mail.Queued }

var mailStates = []mail.State{"", mail.Queued, mail.Sent, mail.Refused, mail.Expired}

var mailStateNames = map[mail.State]string{
	"":           "web.admin.filter.all",
	mail.Queued:  "web.admin.mail.queued",
	mail.Sent:    "web.admin.mail.sent",
	mail.Refused: "web.admin.mail.refused",
	mail.Expired: "web.admin.mail.expired",
}

func mails(v *visit) error {
	p, err := v.mails()
	if err != nil {
		return v.redrawList("admin_mails", p, err)
	}
	return v.draw("admin_mails", p)
}

func (v *visit) mails() (*mailsPage, error) {
	s := admin.MailSearch{State: mail.State(v.query("state")), To: v.query("to"), Cursor: v.query("cursor")}
	p := &mailsPage{State: s.State, To: s.To}
	p.Here = "mails"
	for _, state := range mailStates {
		p.Filters = append(p.Filters, filterLink{
			string(state), v.o.Words.T(mailStateNames[state], nil), listPath("/admin/mails", "state", string(state), "to", s.To), state == s.State,
		})
	}
	list, next, err := v.o.Admin.Mails(v.ctx(), v.by, v.in, s)
	if err != nil {
		return p, err
	}
	for _, m := range list {
		row := mailRow{Item: m, KindName: m.Kind, StateName: v.o.Words.T(mailStateNames[m.State], nil)}
		if id, ok := mailNames[m.Kind]; ok {
			row.KindName = v.o.Words.T(id, nil)
		}
		p.Mails = append(p.Mails, row)
	}
	if next != "" {
		p.Next = listPath("/admin/mails", "state", string(s.State), "to", s.To, "cursor", next)
	}
	if s.Cursor != "" {
		p.First = listPath("/admin/mails", "state", string(s.State), "to", s.To)
	}
	return p, nil
}

// mailRetry makes a waiting mail due at once. One that is finished by now says
// so on the list.
func mailRetry(v *visit) error {
	id, err := v.pathID()
	if err != nil {
		return err
	}
	_, err = v.o.Admin.RetryMail(v.ctx(), v.by, v.in, id)
	if hasCode(err, fault.StateConflict) {
		p, drawErr := v.mails()
		if drawErr != nil {
			return drawErr
		}
		return v.redraw("admin_mails", p, err)
	}
	if err != nil {
		return err
	}
	v.notice(noticeMailDue, "")
	return v.to("/admin/mails")
}

// mailNames are the kinds of mails in words; what is not in it is shown by its
// name.
var mailNames = map[string]string{
	"verify_email":              "web.admin.mail.verify_email",
	"sign_in_code":              "web.admin.mail.sign_in_code",
	"confirmation_code":         "web.admin.mail.confirmation_code",
	"enrolment_code":            "web.admin.mail.enrolment_code",
	"email_change_code":         "web.admin.mail.email_change_code",
	"email_changed":             "web.admin.mail.email_changed",
	"password_reset":            "web.admin.mail.password_reset",
	"password_changed":          "web.admin.mail.password_changed",
	"password_guessed":          "web.admin.mail.password_guessed",
	"method_on":                 "web.admin.mail.method_on",
	"method_off":                "web.admin.mail.method_off",
	"two_factor_off":            "web.admin.mail.two_factor_off",
	"app_reset":                 "web.admin.mail.app_reset",
	"recovery_keys_regenerated": "web.admin.mail.recovery_keys_regenerated",
	"recovery_key_used":         "web.admin.mail.recovery_key_used",
	"recovery_keys_low":         "web.admin.mail.recovery_keys_low",
	"recovery_pass":             "web.admin.mail.recovery_pass",
	"new_device":                "web.admin.mail.new_device",
	"account_frozen":            "web.admin.mail.account_frozen",
	"account_deleted":           "web.admin.mail.account_deleted",
	"admin_changed_two_factor":  "web.admin.mail.admin_changed",
	"two_factor_required_from":  "web.admin.mail.two_factor_required_from",
	"invitation":                "web.admin.mail.invitation",
	"address_taken":             "web.admin.mail.address_taken",
	"token_made":                "web.admin.mail.token_made",
	"token_expiring":            "web.admin.mail.token_expiring",
	"sso_linked":                "web.admin.mail.sso_linked",
	"sso_unlinked":              "web.admin.mail.sso_unlinked",
}
