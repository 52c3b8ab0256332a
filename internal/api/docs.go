package api

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strings"

	"github.com/goccy/go-yaml"

	"latchkey/internal/text"
)

var (
	//go:embed docs.html
	docsHTML string
	//go:embed docs.css
	docsCSS []byte
)

// docs is what /docs shows, in the order of openapi.yaml.
type docs struct {
	Title, Version, Base string
	Text                 []string // paragraphs
	Groups               []docsGroup
	Tokens               []docsRow
	Codes                []docsRow
	Schemas              []docsSchema
}

type docsGroup struct {
	Name, Text string
	Calls      []docsCall
}

type docsCall struct {
	ID, Method, Path, Summary, Text, Takes string
	Tokens                                 []string
	Answers                                []docsRow
}

type docsRow struct{ Name, Schema, Text string }

type docsSchema struct {
	Name, Type, Text string
	Fields           []docsField
}

type docsField struct {
	Name, Type, Text string
	Required         bool
}

// docsPage draws the page from the file that the tests hold the API to.
func docsPage(words *text.Catalogue) ([]byte, error) {
	var root node
	if err := yaml.UnmarshalWithOptions(openAPI, &root.v, yaml.UseOrderedMap()); err != nil {
		return nil, err
	}
	d := docs{
		Title: root.at("info", "title").text(), Version: root.at("info", "version").text(),
		Base: root.at("servers").list()[0].at("url").text(), Text: paragraphs(root.at("info", "description").text()),
	}
	for _, tag := range root.at("tags").list() {
		g := docsGroup{Name: tag.at("name").text(), Text: tag.at("description").text()}
		for _, path := range root.at("paths").items() {
			for _, method := range path.items() {
				if method.at("tags").list()[0].text() == g.Name {
					g.Calls = append(g.Calls, root.call(path.key, method))
				}
			}
		}
		d.Groups = append(d.Groups, g)
	}
	for _, s := range root.at("components", "securitySchemes").items() {
		d.Tokens = append(d.Tokens, docsRow{Name: s.key, Text: s.at("description").text()})
	}
	for _, s := range root.at("components", "schemas").items() {
		d.Schemas = append(d.Schemas, schema(s))
	}
	for _, code := range root.at("components", "schemas", "Problem", "properties", "code", "enum").list() {
		c := code.text()
		d.Codes = append(d.Codes, docsRow{Name: c, Schema: words.T("title."+c, nil),
			Text: words.T("fault."+c, map[string]any{"Wait": "9:58", "RequestID": "X-Request-Id"})})
	}
	page, err := template.New("docs").Funcs(template.FuncMap{"said": said}).Parse(docsHTML)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = page.Execute(&b, d)
	return b.Bytes(), err
}

func (root node) call(path string, op node) docsCall {
	c := docsCall{
		ID: op.at("operationId").text(), Method: strings.ToUpper(op.key), Path: path,
		Summary: op.at("summary").text(), Text: op.at("description").text(),
		Takes: refName(op.at("requestBody", "content", "application/json", "schema")),
	}
	for _, s := range op.at("security").list() {
		for _, scheme := range s.items() {
			c.Tokens = append(c.Tokens, scheme.key)
		}
	}
	for _, res := range op.at("responses").items() {
		body := res
		if ref := res.at("$ref").text(); ref != "" {
			body = root.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		}
		row := docsRow{Name: res.key, Text: body.at("description").text()}
		for _, kind := range body.at("content").items() {
			if row.Schema = refName(kind.at("schema")); kind.key == "application/problem+json" {
				row.Schema = "Problem"
			}
		}
		c.Answers = append(c.Answers, row)
	}
	return c
}

func schema(s node) docsSchema {
	out := docsSchema{Name: s.key, Type: typeWords(s), Text: s.at("description").text()}
	required := map[string]bool{}
	for _, r := range s.at("required").list() {
		required[r.text()] = true
	}
	for _, f := range s.at("properties").items() {
		out.Fields = append(out.Fields, docsField{f.key, typeWords(f), f.at("description").text(), required[f.key]})
	}
	return out
}

// typeWords says a schema in a few words: "text: queued, sent", "list of Me".
func typeWords(s node) string {
	if name := refName(s); name != "" {
		return name
	}
	var parts []string
	for _, one := range s.at("oneOf").list() {
		parts = append(parts, typeWords(one))
	}
	if len(parts) > 0 {
		return strings.Join(parts, " or ")
	}
	if s.at("const").v != nil {
		return s.at("const").text()
	}
	var values []string
	for _, v := range s.at("enum").list() {
		values = append(values, v.text())
	}
	kind := s.at("type").text()
	for _, k := range s.at("type").list() {
		parts = append(parts, k.text())
	}
	if len(parts) > 0 {
		kind = strings.Join(parts, " or ")
	}
	if len(values) > 0 {
		return strings.Join(values, " · ")
	}
	if kind == "array" {
		return "list of " + typeWords(s.at("items"))
	}
	if kind == "object" {
		var names []string
		for _, f := range s.at("properties").items() {
			names = append(names, f.key)
		}
		return strings.TrimSpace("object " + strings.Join(names, ", "))
	}
	return kind
}

func refName(s node) string {
	_, name, _ := strings.Cut(s.at("$ref").text(), "#/components/schemas/")
	return name
}

// said draws what stands between backticks as code.
func said(s string) template.HTML {
	var out strings.Builder
	for i, one := range strings.Split(s, "`") {
		one = template.HTMLEscapeString(one)
		if i%2 == 1 {
			one = "<code>" + one + "</code>"
		}
		out.WriteString(one)
	}
	return template.HTML(out.String()) // #nosec G203 -- each part was escaped
}

func paragraphs(s string) []string { return strings.Split(strings.TrimSpace(s), "\n") }

// node walks over the file; what is absent is empty all the way down.
type node struct {
	key string
	v   any
}

func (n node) at(keys ...string) node {
	for _, key := range keys {
		found := node{}
		for _, child := range n.items() {
			if child.key == key {
				found = child
			}
		}
		n = found
	}
	return n
}

func (n node) items() []node {
	m, _ := n.v.(yaml.MapSlice)
	out := make([]node, 0, len(m))
	for _, i := range m {
		out = append(out, node{fmt.Sprint(i.Key), i.Value})
	}
	return out
}

func (n node) list() []node {
	l, _ := n.v.([]any)
	out := make([]node, 0, len(l))
	for _, v := range l {
		out = append(out, node{"", v})
	}
	return out
}

func (n node) text() string {
	switch n.v.(type) {
	case nil, yaml.MapSlice, []any:
		return ""
	}
	return strings.TrimSpace(fmt.Sprint(n.v))
}
