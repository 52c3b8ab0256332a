package edge

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"
	"sync"

	json "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"latchkey/internal/fault"
)

// bodyField names the body as a whole among a problem's errors.
const bodyField = "body"

// decodeJSON is the only reader of JSON bodies. It takes one object in UTF-8
// under application/json, with known fields in their exact spelling, each
// once, each of its type, none null, and nothing after it. What is left out
// though it has no default is named too: a field of Req is optional when it
// is a pointer or tagged omitzero; only one tagged `edge:"nullable"` may be
// null.
func decodeJSON(r *http.Request, req any) error {
	if err := jsonContent(r); err != nil {
		return err
	}
	body, err := readBody(r)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return fault.InField(bodyField, "field.body_empty", nil)
	}
	shape := shapeOf(reflect.TypeOf(req).Elem())
	given, err := scan(body, shape)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, req, json.RejectUnknownMembers(true)); err != nil {
		return unreadable(err)
	}
	missing := &fault.Fault{Kind: fault.Invalid, Code: fault.InvalidRequest}
	for _, name := range shape.required {
		if !given[name] {
			missing.Fields = append(missing.Fields, fault.Field{Name: name, Message: "field.missing"})
		}
	}
	if len(missing.Fields) > 0 {
		return missing
	}
	return nil
}

// decodeNothing reads the body of a call without fields: none, or {}.
func decodeNothing(r *http.Request) error {
	body, err := readBody(r)
	if err != nil || len(body) == 0 {
		return err
	}
	if err := jsonContent(r); err != nil {
		return err
	}
	given, err := scan(body, &shape{})
	if err != nil {
		return err
	}
	if len(given) > 0 {
		return fault.InField(bodyField, "field.body_unwanted", nil)
	}
	return nil
}

// jsonContent demands the content type: a form of another site can't set it,
// and a sender that is wrong about it is wrong about the rest.
func jsonContent(r *http.Request) error {
	bad := fault.InField("Content-Type", "field.content_type", nil)
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return bad
	}
	if charset, said := params["charset"]; said && !strings.EqualFold(charset, "utf-8") {
		return bad
	}
	if enc := r.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return bad
	}
	return nil
}

// readBody reads at most MaxBody; the limit itself is set by the engine.
func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxBody+1))
	var large *http.MaxBytesError
	if errors.As(err, &large) || len(body) > MaxBody {
		return nil, fault.InField(bodyField, "field.body_large", map[string]any{"KiB": MaxBody >> 10})
	}
	if err != nil {
		return nil, fault.InField(bodyField, "field.body_unread", nil)
	}
	return body, nil
}

// shape is what the decoder knows of a request type.
type shape struct {
	required []string
	nullable map[string]bool
}

var shapes sync.Map // reflect.Type → *shape

func shapeOf(t reflect.Type) *shape {
	if s, ok := shapes.Load(t); ok {
		return s.(*shape)
	}
	s := &shape{nullable: map[string]bool{}}
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || f.Anonymous || name == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		s.nullable[name] = f.Tag.Get("edge") == "nullable"
		if f.Type.Kind() != reflect.Pointer && !strings.Contains(options, "omitzero") {
			s.required = append(s.required, name)
		}
	}
	shapes.Store(t, s)
	return s
}

// scan walks over the whole body once: it must be one object, well-formed,
// without a name given twice, a stray null, or a NUL character, which no text
// column can hold. It returns the names at the top.
func scan(body []byte, s *shape) (map[string]bool, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(body))
	if dec.PeekKind() != '{' {
		return nil, fault.InField(bodyField, "field.body_syntax", nil)
	}
	given := map[string]bool{}
	for {
		tok, err := dec.ReadToken()
		if err != nil {
			return nil, unreadable(err)
		}
		switch depth := dec.StackDepth(); tok.Kind() {
		case '"':
			if strings.ContainsRune(tok.String(), 0) {
				return nil, fault.InField(fieldName(dec.StackPointer()), "field.control", nil)
			}
			if _, n := dec.StackIndex(depth); depth == 1 && n%2 == 1 { // a name: values make it even
				given[tok.String()] = true
			}
		case 'n':
			if name := fieldName(dec.StackPointer()); !s.nullable[name] {
				return nil, fault.InField(name, "field.null", nil)
			}
		case '}':
			if depth == 0 {
				if _, err := dec.ReadToken(); err != io.EOF {
					return nil, fault.InField(bodyField, "field.body_syntax", nil)
				}
				return given, nil
			}
		}
	}
}

// unreadable names the field that a decoder stumbled over, never its value.
func unreadable(err error) error {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return fault.InField(fieldName(syntax.JSONPointer), "field.twice", nil)
		}
		return fault.InField(bodyField, "field.body_syntax", nil)
	}
	var semantic *json.SemanticError
	if !errors.As(err, &semantic) {
		return fault.InField(bodyField, "field.body_syntax", nil)
	}
	name := fieldName(semantic.JSONPointer)
	if errors.Is(err, json.ErrUnknownName) {
		return fault.InField(name, "field.unknown", nil)
	}
	return fault.InField(name, wanted(semantic), nil)
}

// wanted says what type belongs in a field that got another.
func wanted(e *json.SemanticError) string {
	t := e.GoType
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil {
		return "field.unreadable"
	}
	kind := t.Kind()
	switch {
	case e.JSONKind == '"' && kind != reflect.Bool && kind != reflect.Slice && kind != reflect.Map && !number(kind):
		return "field.unreadable" // the right type, but no UUID, no time
	case kind == reflect.Bool:
		return "field.not_bool"
	case number(kind):
		return "field.not_number"
	case kind == reflect.Slice:
		return "field.not_list"
	case kind == reflect.Map:
		return "field.not_object"
	}
	return "field.not_string" // text, and what is written as text: ids, times
}

func number(k reflect.Kind) bool { return k >= reflect.Int && k <= reflect.Float64 }

// fieldName turns a JSON pointer into the name of a field: a.b.0.
func fieldName(p jsontext.Pointer) string {
	var parts []string
	for tok := range p.Tokens() {
		parts = append(parts, tok)
	}
	name := strings.Join(parts, ".")
	if name == "" {
		return bodyField
	}
	if len(name) > 64 { // a name made up to be long is not repeated in full
		name = strings.ToValidUTF8(name[:64], "") + "…"
	}
	return name
}
