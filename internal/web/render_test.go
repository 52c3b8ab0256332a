package web

import (
	"bytes"
	"strings"
	"testing"

	"latchkey/internal/text"
	"latchkey/templates"
)

// Every page draws with nothing filled in: no template reaches through a nil.
func TestEveryPageDrawsEmpty(t *testing.T) {
	t.Parallel()
	words, err := text.Load()
	if err != nil {
		t.Fatal(err)
	}
	w := &Web{o: Options{Words: words}}
	all, err := parsePages(templates.Web, w.funcs())
	if err != nil {
		t.Fatal(err)
	}
	a, err := loadAssets(templates.Static, Brand{})
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range pageTable {
		f := p.base()
		f.Assets, f.Page = &a, name
		var b bytes.Buffer
		if err := all.draw(&b, name, p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if strings.Contains(b.String(), "ZgotmplZ") {
			t.Errorf("%s: an address was refused", name)
		}
	}
}

func TestReturnToStaysHere(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"/", "/account/security", "/account/sessions", "/account/activity?before=42", "/account/recovery-keys.txt",
		"/account/security/methods/0197c2f1-7a3b-7c1d-8e2f-0123456789ab/off",
		"/account/security/app?replaces=0197c2f1-7a3b-7c1d-8e2f-0123456789ab",
	} {
		if safeReturn(path) != path {
			t.Errorf("%s is ours, and was refused", path)
		}
	}
	for _, trick := range []string{
		"", "//e", "//e/account", "///e", `/\e`, `\\e`, `/\/e`, "/%5ce", "/%2fe", "/%2Fe", "/%09/e", "https:e", "https://e", "http:/e", "HTTPS:e",
		"@e", "/@e", "user@e", "javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "/\te", "/\n/e", "\t//e", " //e",
		"/a\r\nSet-Cookie: x", "/a\x00", "/account/../..//e", "/./e", "/account//e", "account", "?a=b", "#x", "/a#x", "/a?x=//e", "/a?x=https:e",
		"/é", "/a b", "/" + strings.Repeat("a", 300), "/account/security?", "/account/", "/.e", "/..",
	} {
		if got := safeReturn(trick); got != "" {
			t.Errorf("%q is taken as %q", trick, got)
		}
		if q := returning(trick); q != "" {
			t.Errorf("%q is carried on as %q", trick, q)
		}
	}
}

func TestEveryBrandColourIsReadable(t *testing.T) {
	t.Parallel()
	for _, c := range []rgb{{255, 255, 0}, {0, 0, 0}, {255, 255, 255}, {128, 128, 128}, {0, 255, 0}, {26, 86, 219}} {
		light, dark := until(c, lightPaper, rgb{}), until(c, darkPaper, white)
		for name, k := range map[string]float64{
			"on light": contrast(light, lightPaper), "on dark": contrast(dark, darkPaper),
			"button": contrast(on(filling(c)), filling(c)),
		} {
			if k < 4.5 {
				t.Errorf("%v %s: %.1f", c, name, k)
			}
		}
	}
	if _, err := brandStyle("#zzzzzz"); err == nil {
		t.Error("#zzzzzz is no colour")
	}
}
