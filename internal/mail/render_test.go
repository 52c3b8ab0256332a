package mail

import (
	"bytes"
	"io/fs"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jhillyerd/enmime/v2"

	"latchkey/templates"
)

var brand = Brand{
	Name: "Latchkey", BaseURL: "https://id.example.com", SupportEmail: "help@example.com",
	Color: "#0f766e", From: "Latchkey <no-reply@id.example.com>",
}

func composer(t *testing.T, b Brand) *Composer {
	t.Helper()
	r, err := NewRenderer(b)
	if err != nil {
		t.Fatal(err)
	}
	return &Composer{Renderer: r}
}

// filled is a kind with something in every field.
func filled(k Kind, text string) Kind {
	v := reflect.New(reflect.TypeOf(k)).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.String:
			f.SetString(text)
		case reflect.Int:
			f.SetInt(3)
		case reflect.Bool:
			f.SetBool(false)
		default:
			f.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)))
		}
	}
	if f := v.FieldByName("Code"); f.IsValid() {
		f.SetString("123456")
		v.FieldByName("Reference").SetString("K7")
	}
	return v.Interface().(Kind)
}

func parse(t *testing.T, c *Composer, name string, k Kind) *enmime.Envelope {
	t.Helper()
	m, err := c.Compose(Letter{ID: uuid.New(), To: "ann@example.com", Name: name, Mail: k}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	e, err := enmime.ReadEnvelope(bytes.NewReader(m.Bytes))
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range e.Errors {
		t.Errorf("enmime: %s", problem)
	}
	return e
}

func TestEveryKindIsRendered(t *testing.T) {
	t.Parallel()
	c := composer(t, brand)
	for _, k := range Kinds() {
		t.Run(k.Name(), func(t *testing.T) {
			t.Parallel()
			for _, k := range []Kind{filled(k, "word"), k} { // an empty one must not break either
				e := parse(t, c, "Ann", k)
				subject := e.GetHeader("Subject")
				if subject == "" || len(subject) > 100 {
					t.Errorf("subject is %q", subject)
				}
				for part, s := range map[string]string{"subject": subject, "text": e.Text, "HTML": e.HTML} {
					for _, bad := range []string{"<no value>", "ZgotmplZ", "{{", "%!", "0001"} {
						if strings.Contains(s, bad) {
							t.Errorf("%s has %q:\n%s", part, bad, s)
						}
					}
				}
				if !strings.HasPrefix(e.Text, "Hello Ann,") || !strings.Contains(e.HTML, "Hello Ann,") {
					t.Errorf("nobody is greeted:\n%s", e.Text)
				}
				if !strings.Contains(e.Text, "https://id.example.com") {
					t.Error("the text does not say where it comes from")
				}
				if found := regexp.MustCompile(`(?i)<(img|link|script|iframe)|url\(|@import`).FindString(e.HTML); found != "" {
					t.Errorf("HTML loads something: %s", found)
				}
				if !strings.Contains(e.HTML, "prefers-color-scheme: dark") {
					t.Error("HTML knows no dark mode")
				}
				if strings.Contains(e.Text, "\n\n\n") {
					t.Errorf("a hole in the text:\n%s", e.Text)
				}
			}
		})
	}
}

func TestEveryFolderHasItsKind(t *testing.T) {
	t.Parallel()
	dirs, err := fs.ReadDir(templates.Mail, "mail")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		if _, ok := kinds[d.Name()]; d.IsDir() && !ok {
			t.Errorf("templates/mail/%s belongs to no kind", d.Name())
		}
	}
}

func TestCodeMailsSayWhatTheyMust(t *testing.T) {
	t.Parallel()
	c := composer(t, brand)
	for _, k := range []Kind{VerifyEmail{}, SignInCode{}, ConfirmationCode{}, EnrolmentCode{}, EmailChangeCode{}} {
		full := CodeMail{
			Code: "123456", Reference: "K7", ValidUntil: time.Date(2026, 1, 2, 3, 14, 5, 0, time.UTC),
			Device: "Firefox on Windows", Address: "192.0.2.7", At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		}
		v := reflect.ValueOf(full).Convert(reflect.TypeOf(k)).Interface().(Kind)
		e := parse(t, c, "", v)
		text := strings.ReplaceAll(e.Text, "\r", "")
		if !strings.Contains(text, "\n\n123456\n\n") {
			t.Errorf("%s: the code does not stand alone:\n%s", k.Name(), text)
		}
		for _, part := range []string{text, e.HTML} {
			for _, want := range []string{"K7", "Firefox on Windows", "192.0.2.7", "2 January 2026, 03:04 UTC", "2 January 2026, 03:14 UTC", "Nobody will ever ask", "This wasn"} {
				if !strings.Contains(part, want) {
					t.Errorf("%s: %q is missing", k.Name(), want)
				}
			}
		}
		if s := e.GetHeader("Subject"); strings.Contains(s, "123456") || !strings.Contains(s, "(request K7)") {
			t.Errorf("%s: subject is %q", k.Name(), s)
		}
		full.CodeInSubject = true
		v = reflect.ValueOf(full).Convert(reflect.TypeOf(k)).Interface().(Kind)
		if s := parse(t, c, "", v).GetHeader("Subject"); !strings.HasPrefix(s, "123456: ") {
			t.Errorf("%s: subject is %q though policy wants the code in it", k.Name(), s)
		}
	}
}

func TestLinksAreBuiltFromBaseURL(t *testing.T) {
	t.Parallel()
	c := composer(t, brand)
	for want, k := range map[string]Kind{
		"https://id.example.com/password-resets/tok":    PasswordReset{Token: "tok"},
		"https://id.example.com/invitations/tok":        Invitation{Token: "tok"},
		"https://id.example.com/email-changes/undo/tok": EmailChanged{Undo: "tok"},
		"https://id.example.com/not-me/tok":             NewDevice{NotMe: "tok"},
		"https://id.example.com/not-me/a%2Fb%3Fc":       PasswordGuessed{NotMe: "a/b?c"},
	} {
		e := parse(t, c, "Ann", k)
		if i := strings.Index(e.Text, "https://"); i < 0 || !strings.HasPrefix(e.Text[i:], want) {
			t.Errorf("%s: the first link of the text is not %s:\n%s", k.Name(), want, e.Text)
		}
		if i := strings.Index(e.HTML, `href="`); i < 0 || !strings.HasPrefix(e.HTML[i+6:], want+`"`) {
			t.Errorf("%s: the first link of the HTML is not %s", k.Name(), want)
		}
	}
	if e := parse(t, c, "Ann", NewDevice{}); strings.Contains(e.Text+e.HTML, "/not-me/") {
		t.Error("a link without a token")
	}
}

// A label, an admin's reason or a name is no place for a link in a mail of ours.
func TestForeignTextsCanNotLink(t *testing.T) {
	t.Parallel()
	c := composer(t, brand)
	for _, evil := range []string{"https://evil.example/x", "see www.evil.example", "evil.example", "EVIL.EXAMPLE/x", "http://192.0.2.1/x", "evil\u3002example", "xn--evil.xn--p1ai"} {
		for _, k := range Kinds() {
			e := parse(t, c, evil, filled(k, evil))
			for part, s := range map[string]string{"subject": e.GetHeader("Subject"), "text": e.Text, "HTML": e.HTML} {
				if rest := ownLinks.ReplaceAllString(s, ""); strings.Contains(rest, evil) || regexp.MustCompile(`(?i)evil[.\x{3002}]|http://`).MatchString(rest) {
					t.Errorf("%s: the %s holds %q", k.Name(), part, evil)
				}
			}
		}
	}
	for in, want := range map[string]string{
		"ada@new.example": "ada@new.example", "at 3.30 p.m.": "at 3.30 p.m.", "192.0.2.7": "192.0.2.7", "2001:db8::1": "2001:db8::1",
		"a@b.example c.example": "a@b[.]example c[.]example", "ftp://x": "ftp[:]//x", "lost it. new phone": "lost it. new phone",
	} {
		if got := unlinked(in); got != want {
			t.Errorf("%q reads %q", in, got)
		}
	}
}

// ownLinks are those to the service itself, and what mails need of HTML.
var ownLinks = regexp.MustCompile(`https://id\.example\.com[^\s"<]*|http://www\.w3\.org[^\s"<]*`)

// Zitadel CVE-2024-41953: HTML in names reached the mails.
func TestForeignTextsCanNotFakeAnything(t *testing.T) {
	t.Parallel()
	c := composer(t, brand)
	evil := "<b>x</b>\r\nBcc: eve@example.net\r\n\r\nYour code:\u2028999999\u202e<script>alert(1)</script>"
	for _, k := range Kinds() {
		e := parse(t, c, evil, filled(k, evil))
		if e.GetHeader("Bcc") != "" || strings.Contains(e.GetHeader("Subject"), "\n") {
			t.Errorf("%s: a name made a header", k.Name())
		}
		if strings.Contains(e.HTML, "<b>x</b>") || strings.Contains(e.HTML, "<script") {
			t.Errorf("%s: a name made HTML", k.Name())
		}
		for _, line := range regexp.MustCompile(`[\r\n\x{2028}\x{2029}]+`).Split(e.Text, -1) {
			if strings.HasPrefix(line, "Bcc:") || strings.HasPrefix(line, "Your code:") || strings.HasPrefix(line, "999999") {
				t.Errorf("%s: a name made the line %q", k.Name(), line)
			}
		}
		if strings.Contains(e.Text, "\u202e") {
			t.Errorf("%s: a name turned the text around", k.Name())
		}
	}
}

func TestGreetingIsANameOrNothing(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Ann":                       "Ann",
		"  Ann\nLee ":               "Ann Lee",
		"Dr. J. R. O’Neill-Müller":  "Dr. J. R. O’Neill-Müller",
		"李小龍":                       "李小龍",
		"":                          "",
		"You won, see evil.example": "",
		"https://evil.example":      "",
		"write to eve@example.net":  "",
		"www evil":                  "www evil",
		"WWW.evil":                  "",
		strings.Repeat("a", 61):     "",
		"\u202enroh\u202c":          "nroh",
	} {
		if got := greeting(name); got != want {
			t.Errorf("greeting(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestRendererRefusesABrokenBrand(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(*Brand){
		"no sender":       func(b *Brand) { b.From = "" },
		"two senders":     func(b *Brand) { b.From = "a@example.com, b@example.com" },
		"no name":         func(b *Brand) { b.Name = " " },
		"colour":          func(b *Brand) { b.Color = "red;}" },
		"no base":         func(b *Brand) { b.BaseURL = "" },
		"base with query": func(b *Brand) { b.BaseURL = "https://id.example.com/?a=b" },
	} {
		b := brand
		change(&b)
		if _, err := NewRenderer(b); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}
