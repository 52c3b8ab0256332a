package mail

import (
	"bytes"
	"errors"
	"fmt"
	html "html/template"
	"io/fs"
	"net/mail"
	"net/url"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	text "text/template"
	"time"

	"latchkey/templates"
)

// Brand is what every mail says about its sender.
type Brand struct {
	Name         string
	BaseURL      string // links are built from it alone
	SupportEmail string // may be empty
	Color        string // #rrggbb, may be empty
	From         string // "Latchkey <no-reply@example.com>" or a bare address
	OTPToken     bool   // add the OTP-Token header to mails with a code
}

// OnColor is black or white, whichever is easier to read on Color.
func (b Brand) OnColor() string {
	n, err := strconv.ParseUint(strings.TrimPrefix(b.Color, "#"), 16, 32)
	if err != nil {
		return "#ffffff"
	}
	// Rec. 601 luma, which is near enough for two choices.
	if luma := 299*(n>>16&255) + 587*(n>>8&255) + 114*(n&255); luma > 150_000 {
		return "#000000"
	}
	return "#ffffff"
}

const defaultColor = "#1d4ed8"

var hexColor = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

// Rendered is the content of one mail.
type Rendered struct{ Subject, Text, HTML string }

// Renderer draws mails. Its templates are parsed once, when it is made.
type Renderer struct {
	brand Brand
	from  *mail.Address
	host  string // of From, for Message-ID
	sets  map[string]set
}

type set struct {
	subject, text *text.Template
	html          *html.Template
}

// NewRenderer parses the templates of every kind. It fails on a kind without
// its three files, so that no mail is found unsendable when it is needed.
func NewRenderer(b Brand) (*Renderer, error) {
	from, err := mail.ParseAddress(b.From)
	if err != nil {
		return nil, fmt.Errorf("sender %q is not an address", b.From)
	}
	if b.Name = oneLine(b.Name); b.Name == "" {
		return nil, errors.New("mails need the name of the service")
	}
	if from.Name == "" {
		from.Name = b.Name
	}
	if b.Color == "" {
		b.Color = defaultColor
	}
	if !hexColor.MatchString(b.Color) {
		return nil, fmt.Errorf("colour %q is not of the form #rrggbb", b.Color)
	}
	if u, err := url.Parse(b.BaseURL); err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q can't be the beginning of a link", b.BaseURL)
	}
	b.BaseURL = strings.TrimRight(b.BaseURL, "/")
	r := &Renderer{brand: b, from: from, sets: map[string]set{}}
	r.host = from.Address[strings.LastIndexByte(from.Address, '@')+1:]
	return r, r.parse(templates.Mail)
}

func (r *Renderer) parse(files fs.FS) error {
	words := map[string]any{"when": when, "day": day, "link": r.link}
	textLayout, err := text.New("layout.txt").Option("missingkey=error").Funcs(words).ParseFS(files, "mail/layout.txt")
	if err != nil {
		return fmt.Errorf("parse layout of mails: %w", err)
	}
	htmlLayout, err := html.New("layout.html").Option("missingkey=error").Funcs(words).ParseFS(files, "mail/layout.html")
	if err != nil {
		return fmt.Errorf("parse layout of mails: %w", err)
	}
	for _, k := range Kinds() {
		dir, s := "mail/"+k.Name()+"/", set{}
		var errs [5]error
		s.subject, errs[0] = text.New("subject.txt").Funcs(words).ParseFS(files, dir+"subject.txt")
		s.text, errs[1] = textLayout.Clone()
		s.html, errs[2] = htmlLayout.Clone()
		if errs[1] == nil && errs[2] == nil {
			_, errs[3] = s.text.ParseFS(files, dir+"body.txt")
			_, errs[4] = s.html.ParseFS(files, dir+"body.html")
		}
		if err := errors.Join(errs[:]...); err != nil {
			return fmt.Errorf("parse %s mail: %w", k.Name(), err)
		}
		r.sets[k.Name()] = s
	}
	return nil
}

// page is what a template sees.
type page struct {
	Brand    Brand
	Greeting string
	Subject  string
	Mail     Kind
}

// Render draws a mail for someone called name.
func (r *Renderer) Render(name string, k Kind) (Rendered, error) {
	s, ok := r.sets[k.Name()]
	if !ok {
		return Rendered{}, fmt.Errorf("render mail: no templates for %q", k.Name())
	}
	p := page{Brand: r.brand, Greeting: greeting(name), Mail: clean(k)}
	var b bytes.Buffer
	if err := s.subject.Execute(&b, p); err != nil {
		return Rendered{}, fmt.Errorf("render subject of %s: %w", k.Name(), err)
	}
	p.Subject = oneLine(b.String())
	out := Rendered{Subject: p.Subject}
	b.Reset()
	if err := s.text.ExecuteTemplate(&b, "layout", p); err != nil {
		return Rendered{}, fmt.Errorf("render text of %s: %w", k.Name(), err)
	}
	out.Text = strings.TrimSpace(blanks.ReplaceAllString(b.String(), "\n\n")) + "\n"
	b.Reset()
	if err := s.html.ExecuteTemplate(&b, "layout", p); err != nil {
		return Rendered{}, fmt.Errorf("render HTML of %s: %w", k.Name(), err)
	}
	out.HTML = b.String()
	return out, nil
}

// blanks are what parts that were left out leave behind.
var blanks = regexp.MustCompile(`\n{3,}`)

// longest is where a foreign text in a mail is cut.
const longest = 500

// clean makes every text of a kind one line without links, whoever chose it:
// the text part has no escaping, and a line of a name's own could say anything.
func clean(k Kind) Kind {
	v := reflect.New(reflect.TypeOf(k)).Elem()
	v.Set(reflect.ValueOf(k))
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.String {
			f.SetString(unlinked(cut(oneLine(f.String()), longest)))
		}
	}
	return v.Interface().(Kind)
}

// link builds a mailed link: the token is the last segment of its path, and
// never in a query, which more logs keep.
func (r *Renderer) link(path, token string) string {
	return r.brand.BaseURL + "/" + path + "/" + url.PathEscape(token)
}

func when(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }

func day(t time.Time) string { return t.UTC().Format("2 January 2006") }
