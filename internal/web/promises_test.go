package web_test

import (
	"regexp"
	"strings"

	"github.com/PuerkitoBio/goquery"
)

var missingWords = regexp.MustCompile(`\[(web|fault|title|field|account)\.[a-z_.]+\]`)

// keepsPromises holds a page to what every page promises.
func (p *page) keepsPromises() {
	p.t.Helper()
	bad := func(format string, args ...any) {
		p.t.Helper()
		p.t.Errorf(p.call+" (page "+p.name()+"): "+format, args...)
	}
	csp := p.Header.Get("Content-Security-Policy")
	nonce := p.Doc.Find("script").AttrOr("nonce", "")
	if strings.Contains(csp, "unsafe") || nonce == "" || !strings.Contains(csp, "'nonce-"+nonce+"'") {
		bad("CSP %q, nonce %q", csp, nonce)
	}
	if p.Header.Get("Cache-Control") != "no-store" {
		bad("may be kept: %q", p.Header.Get("Cache-Control"))
	}
	if m := missingWords.FindString(p.Body); m != "" || strings.Contains(p.Body, "ZgotmplZ") || strings.Contains(p.Body, "%!") {
		bad("words or addresses are missing: %s", m)
	}
	if p.Doc.Find("[style], style").Length() > 0 || strings.Contains(p.Body, " onclick=") {
		bad("inline style or handler")
	}
	if n := p.Doc.Find("h1").Length(); n != 1 {
		bad("%d headings of the first rank", n)
	}
	if p.Doc.Find("main#main").Length() != 1 || p.Doc.Find("title").Text() == "" {
		bad("no main part, or no title")
	}
	ids := map[string]bool{}
	p.Doc.Find("[id]").Each(func(_ int, s *goquery.Selection) {
		id := s.AttrOr("id", "")
		if ids[id] && id != "send-code" {
			bad("id %s twice", id)
		}
		ids[id] = true
	})
	p.Doc.Find("[aria-describedby]").Each(func(_ int, s *goquery.Selection) {
		for id := range strings.FieldsSeq(s.AttrOr("aria-describedby", "")) {
			if !ids[id] {
				bad("aria-describedby names %s, which is not there", id)
			}
		}
	})
	p.Doc.Find(".summary a").Each(func(_ int, s *goquery.Selection) {
		if id := strings.TrimPrefix(s.AttrOr("href", ""), "#"); !ids[id] {
			bad("the summary leads to #%s, which is not there", id)
		}
	})
	p.Doc.Find("form").Each(func(_ int, f *goquery.Selection) {
		if m := f.AttrOr("method", ""); (m != "post" && f.AttrOr("role", "") != "search") || m == "" || f.AttrOr("data-form", "") == "" || !strings.HasPrefix(f.AttrOr("action", ""), "/") {
			bad("a form without method, name or action")
		}
	})
	p.Doc.Find(`input:not([type="hidden"]):not([hidden])`).Each(func(_ int, s *goquery.Selection) {
		if p.Doc.Find(`label[for="`+s.AttrOr("id", "?")+`"]`).Length() != 1 {
			bad("input %s has no label", s.AttrOr("name", ""))
		}
		kind, name := s.AttrOr("type", ""), s.AttrOr("name", "")
		if _, given := s.Attr("value"); given && (kind == "password" || name == "code" || name == "key") {
			bad("%s is filled in", name)
		}
	})
}
