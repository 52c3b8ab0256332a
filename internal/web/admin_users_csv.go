package web

import (
	"encoding/csv"
	"strconv"
	"strings"
	"time"

	"latchkey/internal/admin"
	"latchkey/internal/audit"
)

// peopleCSV is the list of users as a file, of any length.
func peopleCSV(v *visit) error {
	s := admin.Search{Query: v.query("query"), Filter: admin.Filter(v.query("filter"))}
	out := v.download("latchkey-users.csv", "text/csv; charset=utf-8")
	w := csv.NewWriter(out)
	_ = w.Write([]string{
		"id", "email", "email_verified", "name", "role", "status", "methods", "recovery_keys_left",
		"required_by", "required_from", "last_sign_in_at", "created_at",
	})
	return out.end(v.o.Admin.ExportUsers(out.ctx(), v.by, v.in, s, func(list []admin.User) error {
		for _, u := range list {
			var methods []string
			for _, m := range u.Methods {
				methods = append(methods, string(m.Kind))
			}
			_ = w.Write([]string{
				u.ID.String(), audit.Cell(u.Email), strconv.FormatBool(u.EmailVerified), audit.Cell(u.Name), string(u.Role),
				string(u.Status), strings.Join(methods, " "), strconv.Itoa(u.KeysLeft), string(u.By),
				timeText(u.From), timeText(u.LastSignInAt), u.CreatedAt.Format(time.RFC3339),
			})
		}
		w.Flush()
		return w.Error()
	}))
}

func timeText(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
