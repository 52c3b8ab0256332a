package web

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"latchkey/internal/edge"
	"latchkey/internal/fault"
)

// pages is the one set of all templates: layout, partials, and the parts of each
// page under the page's name ("sign_in.main").
type pages struct{ set *template.Template }

// parts are what a page gives the layout to hold.
type parts struct{ Title, Head, Main template.HTML }

// table of pages: a name and the struct that its template draws. A template
// outside of it, or a page without a template, stops the start.
var pageTable = together(adminPages, map[string]page{
	"failure":       &failurePage{},
	"sign_up":       &signUpPage{},
	"sign_in":       &signInPage{},
	"code":          &codePage{},
	"enrol":         &enrolPage{},
	"enrol_app":     &enrolAppPage{},
	"enrol_email":   &enrolEmailPage{},
	"gate":          &gatePage{},
	"verify":        &verifyPage{},
	"confirm":       &confirmPage{},
	"offer":         &offerPage{},
	"recovered":     &recoveredPage{},
	"security":      &securityPage{},
	"add_app":       &addAppPage{},
	"add_email":     &addEmailPage{},
	"turn_off":      &turnOffPage{},
	"keys":          &keysPage{},
	"keys_new":      &keysNewPage{},
	"key_check":     &keyCheckPage{},
	"sessions":      &sessionsPage{},
	"activity":      &activityPage{},
	"profile":       &profilePage{},
	"password":      &passwordPage{},
	"add_app_begin": &addAppBeginPage{},
	"ask_reset":     &askResetPage{},
	"reset_sent":    &resetSentPage{},
	"new_password":  &newPasswordPage{},
	"link_over":     &linkOverPage{},
	"report":        &reportPage{},
	"reported":      &reportedPage{},
	"email_change":  &emailChangePage{},
	"reset_app":     &resetAppPage{},
	"keys_print":    &keysPrintPage{},
	"leave":         &leavePage{},
	"tokens":        &tokensPage{},
	"token_new":     &tokenNewPage{},
	"sso_failed":    &ssoFailedPage{},
	"sso_link":      &ssoLinkPage{},
	"sso_leaving":   &ssoLeavingPage{},
	"sso_unlink":    &ssoUnlinkPage{},
	"app_leave":     &appLeavePage{},
	"app_factor":    &appFactorPage{},
	"gallery":       &galleryPage{},
})

func parsePages(files fs.FS, funcs template.FuncMap) (pages, error) {
	set, err := template.New("layout").Funcs(funcs).Option("missingkey=error").
		ParseFS(files, "web/layout/*.html", "web/partials/*.html")
	if err != nil {
		return pages{}, err
	}
	found, err := fs.Glob(files, "web/pages/*.html")
	if err != nil {
		return pages{}, err
	}
	for _, file := range found {
		name := strings.TrimSuffix(path.Base(file), ".html")
		if _, ok := pageTable[name]; !ok {
			return pages{}, fmt.Errorf("template %s belongs to no page", file)
		}
		if err := addPage(set, funcs, files, file, name); err != nil {
			return pages{}, err
		}
	}
	for name := range pageTable {
		if set.Lookup(name+".title") == nil || set.Lookup(name+".main") == nil {
			return pages{}, fmt.Errorf("page %s has no template", name)
		}
	}
	return pages{set}, nil
}

// addPage puts a page's templates into the set: its parts under its name, what
// it defines for itself under a name that nothing else has.
func addPage(set *template.Template, funcs template.FuncMap, files fs.FS, file, name string) error {
	own, err := template.New("").Funcs(funcs).ParseFS(files, file)
	if err != nil {
		return err
	}
	for _, t := range own.Templates() {
		as := t.Name()
		switch as {
		case "title", "head", "main":
			as = name + "." + as
		case "", path.Base(file):
			continue // what stands between the definitions
		}
		if set.Lookup(as) != nil {
			return fmt.Errorf("template %q of %s is defined twice", as, file)
		}
		if _, err := set.AddParseTree(as, t.Tree); err != nil {
			return err
		}
	}
	return nil
}

// draw draws a page, its parts first.
func (s pages) draw(b *bytes.Buffer, name string, p page) error {
	var all [3]template.HTML
	for i, part := range [...]string{".title", ".head", ".main"} {
		t := s.set.Lookup(name + part)
		if t == nil {
			continue
		}
		b.Reset()
		if err := t.Execute(b, p); err != nil {
			return err
		}
		all[i] = template.HTML(b.String()) // #nosec G203 -- drawn, and escaped, by a template
	}
	p.base().Parts = parts{all[0], all[1], all[2]}
	b.Reset()
	return s.set.ExecuteTemplate(b, "layout", p)
}

// funcs are what templates may call: words, and times.
func (w *Web) funcs() template.FuncMap {
	return template.FuncMap{
		"t":     w.words,
		"clock": func(t time.Time) string { return t.UTC().Format("15:04 UTC") },
		"date":  func(t time.Time) string { return t.UTC().Format("2 January 2006") },
		"when":  func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") },
		"iso":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"add":   func(a, b int) int { return a + b },
	}
}

// words says a message; values come as pairs of name and value.
func (w *Web) words(id string, pairs ...any) (string, error) {
	if len(pairs)%2 != 0 {
		return "", fmt.Errorf("words %s: a value without a name", id)
	}
	args := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		args[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return w.o.Words.T(id, args), nil
}

// draw renders a page whole before its first byte, so that a broken template
// is a 500 and never half a page.
func (v *visit) draw(name string, p page) error { return v.drawAs(http.StatusOK, name, p) }

func (v *visit) drawAs(status int, name string, p page) error {
	v.fill(name, p.base())
	var b bytes.Buffer
	if err := v.pages.draw(&b, name, p); err != nil {
		return fmt.Errorf("draw %s: %w", name, err)
	}
	v.c.Data(status, "text/html; charset=utf-8", b.Bytes())
	return nil
}

// redraw shows a form again with the reason why it failed. What is no failure
// of the form goes to the adapter.
func (v *visit) redraw(name string, p page, err error) error {
	f, ok := fault.As(err)
	if !ok || f.Code == fault.NotSignedIn || f.Code == fault.ConfirmationRequired ||
		f.Code == fault.Absent || f.Kind == fault.Unavailable {
		return err
	}
	a := edge.AnswerTo(v.c, err)
	if a.RetryAfter > 0 {
		v.c.Header("Retry-After", strconv.Itoa(int((a.RetryAfter+time.Second-1)/time.Second)))
	}
	p.base().Failed = &failed{Title: a.Title, Detail: a.Detail, Code: a.Code, Wait: int(a.RetryAfter / time.Second)}
	if f.Code == fault.InvalidRequest || f.Code == fault.WrongCredentials && p.base().blame != "" {
		p.base().Failed.Title = v.o.Words.T("web.correct", nil)
	}
	for _, e := range a.Errors {
		p.base().Failed.Fields = append(p.base().Failed.Fields, fieldFault{e.Field, e.Message})
	}
	if len(a.Errors) > 0 {
		p.base().Failed.Detail = ""
	} else if field := p.base().blame; field != "" && slices.Contains(codeFaults, f.Code) {
		p.base().Failed.Fields = []fieldFault{{field, a.Detail}}
		p.base().Failed.Detail = ""
	}
	return v.drawAs(a.Status, name, p)
}

// codeFaults are about what was typed into the one field of a form that is
// judged.
var codeFaults = []fault.Code{fault.WrongCode, fault.CodeUsed, fault.CodeExpired, fault.WrongCredentials}

// Failure draws a failure that belongs to no form, for any path.
func (w *Web) Failure(c *gin.Context, a edge.Answer) {
	v := &visit{Web: w, c: c}
	if err := v.drawAs(a.Status, "failure", &failurePage{Answer: a}); err != nil {
		c.String(a.Status, a.Title+"\n"+a.Detail+"\n")
	}
}
