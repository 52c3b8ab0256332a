package web_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
)

// M are the fields that a person fills in.
type M = map[string]string

// browser keeps cookies and fills in the forms that it is shown. Every page it
// gets is held to what all pages promise.
type browser struct {
	t    testing.TB
	base string
	http *http.Client
	jar  *cookiejar.Jar
}

func (h *house) browser() *browser {
	h.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return &browser{t: h.t, base: h.base, jar: jar, http: &http.Client{
		Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// page is an answer.
type page struct {
	t      testing.TB
	call   string
	Status int
	Header http.Header
	Body   string
	Doc    *goquery.Document // nil for what is no HTML
	At     string            // path
}

func (b *browser) do(req *http.Request) *page {
	b.t.Helper()
	req.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	res, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // it has been read
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	p := &page{t: b.t, call: req.Method + " " + req.URL.RequestURI(), Status: res.StatusCode, Header: res.Header, Body: string(body), At: req.URL.RequestURI()}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") && len(body) > 0 && res.StatusCode != http.StatusSeeOther {
		if p.Doc, err = goquery.NewDocumentFromReader(bytes.NewReader(body)); err != nil {
			b.t.Fatal(err)
		}
		if p.name() != "" { // the API's own page is not ours
			p.keepsPromises()
		}
	}
	return p
}

// get opens a page and follows redirects, as a browser does.
func (b *browser) get(path string) *page { b.t.Helper(); return b.follow(b.peek(path)) }

// peek opens a page and stays.
func (b *browser) peek(path string) *page {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), "GET", b.base+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(req)
}

func (b *browser) follow(p *page) *page {
	b.t.Helper()
	for range 8 {
		if p.Status != http.StatusSeeOther {
			return p
		}
		to := p.Header.Get("Location")
		if !strings.HasPrefix(to, "/") {
			b.t.Fatalf("%s leads to %q", p.call, to)
		}
		p = b.peek(to)
	}
	b.t.Fatalf("%s: redirects without end", p.call)
	return nil
}

// send posts a form of the page with some fields filled in, and stays.
func (b *browser) send(p *page, form string, fields M) *page {
	b.t.Helper()
	f := p.one(`form[data-form="` + form + `"]`)
	values := url.Values{}
	f.Find("input[name]").Each(func(_ int, in *goquery.Selection) {
		kind, _ := in.Attr("type")
		_, checked := in.Attr("checked")
		if (kind == "checkbox" || kind == "radio") && !checked {
			return
		}
		values.Add(in.AttrOr("name", ""), in.AttrOr("value", ""))
	})
	for name, value := range fields {
		if f.Find(`[name="`+name+`"]`).Length() == 0 {
			b.t.Fatalf("%s: form %s has no field %s", p.call, form, name)
		}
		values.Set(name, value)
	}
	return b.post(f.AttrOr("action", ""), values)
}

// submit is send and follow.
func (b *browser) submit(p *page, form string, fields M) *page {
	b.t.Helper()
	return b.follow(b.send(p, form, fields))
}

func (b *browser) post(path string, values url.Values) *page {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), "POST", b.base+path, strings.NewReader(values.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(req)
}

// signIn does the first step.
func (b *browser) signIn(email, pass string) *page {
	b.t.Helper()
	return b.submit(b.get("/sign-in"), "sign-in", M{"email": email, "password": pass})
}

// in signs a person in, through the second step where there is one.
func (b *browser) in(p *person) *page {
	b.t.Helper()
	at := b.signIn(p.email, password)
	switch {
	case at.name() != "code":
		return at
	case at.attr(`input[name="method"]`, "value") == "app":
		return b.submit(at, "code", M{"code": p.appCode()})
	}
	return b.submit(at, "code", M{"code": p.h.mailed(p.email)})
}

// sure opens a locked page: it confirms where that is asked for.
func (b *browser) sure(p *person, path string) *page {
	b.t.Helper()
	at := b.get(path)
	if at.name() != "confirm" {
		return at
	}
	fields := M{"password": password}
	if at.Doc.Find(`input[name="code"]`).Length() > 0 {
		if p.secret != "" {
			fields["code"] = p.appCode()
		} else {
			at = b.submit(at, "send-code", nil)
			fields["code"] = p.h.mailed(p.email)
		}
	}
	return b.submit(at, "confirm", fields)
}

// name is which page this is.
func (p *page) name() string {
	if p.Doc == nil {
		return ""
	}
	return p.Doc.Find("body").AttrOr("data-page", "")
}

func (p *page) want(name string, status int) *page {
	p.t.Helper()
	if p.name() != name || p.Status != status {
		p.t.Fatalf("%s: page %q (%d), want %q (%d)\n%s", p.call, p.name(), p.Status, name, status, p.text("main"))
	}
	return p
}

func (p *page) one(selector string) *goquery.Selection {
	p.t.Helper()
	if p.Doc == nil {
		p.t.Fatalf("%s: %d and no page", p.call, p.Status)
	}
	s := p.Doc.Find(selector)
	if s.Length() != 1 {
		p.t.Fatalf("%s (page %s): %d of %s", p.call, p.name(), s.Length(), selector)
	}
	return s
}

func (p *page) has(selector string) bool { return p.Doc.Find(selector).Length() > 0 }

func (p *page) attr(selector, name string) string {
	p.t.Helper()
	return p.one(selector).AttrOr(name, "")
}

func (p *page) text(selector string) string {
	if p.Doc == nil { // no page: a redirect, mostly
		return p.Header.Get("Location")
	}
	return strings.Join(strings.Fields(p.Doc.Find(selector).Text()), " ")
}

// says fails unless the words are on the page.
func (p *page) says(selector, words string) {
	p.t.Helper()
	if got := p.text(selector); !strings.Contains(got, words) {
		p.t.Errorf("%s: %s says %q, want %q", p.call, selector, got, words)
	}
}
