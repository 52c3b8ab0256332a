package browser_test

import (
	"regexp"
	"slices"
	"strings"
)

// Where a secret may be shown; nowhere else, and never again.
var (
	secretPages = []string{"/sign-in/enrol/app", "/account/security/app/code"}
	keyPages    = []string{
		"/sign-in/recovery-keys", "/sign-in/recovery-keys.txt",
		"/account/recovery-keys", "/account/recovery-keys.txt", "/account/recovery-keys/print",
	}
)

// tokens of every kind, hashes, and what looks like either: longer than a nonce,
// which chance may let begin like a token.
var neverShown = regexp.MustCompile(`lk[ispx]_[0-9A-Za-z]{20,}|\$argon2|"(password_hash|digest|sealed)"`)

// wantNoSecrets reads every byte that the pages sent for what only the person,
// or nobody, should see.
func (p *person) wantNoSecrets(keys []string) {
	p.t.Helper()
	codes := p.codes()
	for _, a := range p.h.seen.all() {
		body := strings.NewReplacer(" ", "", "-", "").Replace(a.Body)
		where := a.Method + " " + a.Path
		if found := neverShown.FindString(a.Body); found != "" {
			p.t.Errorf("%s shows %q", where, found)
		}
		if strings.Contains(a.Body, p.password) {
			p.t.Errorf("%s shows the password", where)
		}
		for _, code := range codes {
			if regexp.MustCompile(`\b` + code + `\b`).MatchString(a.Body) {
				p.t.Errorf("%s shows a mailed code", where)
			}
		}
		secret := strings.Contains(body, p.secret) || strings.Contains(body, "otpauth:") || strings.Contains(body, "data:image/png")
		if p.secret != "" && secret && !slices.Contains(secretPages, a.Path) {
			p.t.Errorf("%s shows the secret of the app", where)
		}
		for _, key := range keys {
			if strings.Contains(body, strings.ReplaceAll(key, "-", "")) && !slices.Contains(keyPages, a.Path) {
				p.t.Errorf("%s shows a recovery key", where)
			}
		}
		for _, value := range a.Header.Values("Location") {
			if strings.ContainsAny(value, "@") || neverShown.MatchString(value) {
				p.t.Errorf("%s leads to %s", where, value)
			}
		}
	}
}

// codes are all that were mailed to the person so far.
func (p *person) codes() (all []string) {
	for _, m := range p.h.box.Mails() {
		if found := sixDigits.FindStringSubmatch(m.Text); m.IsTo(p.email) && found != nil {
			all = append(all, found[1])
		}
	}
	return all
}

// wantMails counts all that was queued for the person, by kind.
func (p *person) wantMails(want map[string]int) {
	p.t.Helper()
	var rows []struct {
		Kind string `db:"kind"`
		N    int    `db:"n"`
	}
	err := p.h.db.SelectContext(p.t.Context(), &rows, `
		SELECT kind, count(*) AS n FROM mails WHERE recipient = $1 GROUP BY kind`, p.email)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, row := range rows {
		if row.N != want[row.Kind] {
			p.t.Errorf("%d mails of kind %s, not %d", row.N, row.Kind, want[row.Kind])
		}
		delete(want, row.Kind)
	}
	for kind, n := range want {
		p.t.Errorf("no mail of kind %s, not %d", kind, n)
	}
}
