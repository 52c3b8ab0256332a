package edge

import (
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

type fuzzedRequest struct {
	Email string   `json:"email"`
	Code  *string  `json:"code"`
	Count int      `json:"count,omitzero"`
	Stay  bool     `json:"stay,omitzero"`
	Keys  []string `json:"keys,omitzero"`
	When  *string  `json:"when" edge:"nullable"`
}

// FuzzDecodeJSON: the reader of bodies agrees with a slow and plain one, on
// what it takes and on what it reads.
func FuzzDecodeJSON(f *testing.F) {
	for _, s := range []string{
		`{"email":"a@b.c"}`, ` {"email":"a","code":"1","count":-3,"stay":true,"keys":["x",""],"when":null} `,
		`{"email":"a","email":"a"}`, `{"email":"a","\u0065mail":"b"}`, `{"email":"a"}{}`, `{"email":"a"} x`, `{"email":"a","x":1}`, `{"Email":"a"}`,
		`{"email":null}`, `{"email":"a","keys":[null]}`, `{"email":"a","keys":["a",1]}`, `{"email":["a"]}`, `{"email":"\u0000"}`, `{"email":"\ud800"}`,
		`{"email":"\ud83d\ude00"}`, "{\"email\":\"\xff\"}", `{"email":"a","count":1e2}`, `{"email":"a","count":99999999999999999999}`, `{"email":"a","count":-0}`,
		`{"email":"a",}`, "\ufeff{}", `[]`, `null`, `{"email":"a","when":{"a":1,"a":1}}`, "{\"email\":\"a\nb\"}", `{"email":'a'}`, `{"email":"a"/**/}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if len(body) > 4096 {
			t.Skip()
		}
		r := httptest.NewRequest("POST", "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		var got fuzzedRequest
		err := decodeJSON(r, &got)
		want, ok := slowRequest(body)
		if (err == nil) != ok {
			t.Fatalf("%q: %v, and the slow reader takes it: %v", body, err, ok)
		}
		if ok && !reflect.DeepEqual(got, want) {
			t.Errorf("%q reads as %+v and slowly as %+v", body, got, want)
		}
	})
}

// slowRequest judges member by member what slowJSON has read.
func slowRequest(body string) (out fuzzedRequest, ok bool) {
	v, ok := slowJSON(body)
	object, isObject := v.(map[string]any)
	if !ok || !isObject {
		return out, false
	}
	if _, given := object["email"]; !given {
		return out, false
	}
	for name, v := range object {
		switch name {
		case "email":
			out.Email, ok = v.(string)
		case "code":
			var s string
			s, ok = v.(string)
			out.Code = &s
		case "when":
			if v == nil {
				continue
			}
			var s string
			s, ok = v.(string)
			out.When = &s
		case "stay":
			out.Stay, ok = v.(bool)
		case "count":
			var n numeral
			n, ok = v.(numeral)
			whole, err := strconv.Atoi(string(n))
			out.Count, ok = whole, ok && err == nil
		case "keys":
			var list []any
			list, ok = v.([]any)
			out.Keys = []string{}
			for _, one := range list {
				s, text := one.(string)
				out.Keys, ok = append(out.Keys, s), ok && text
			}
		default:
			ok = false
		}
		if !ok {
			return out, false
		}
	}
	return out, true
}

// slowJSON reads RFC 8259 letter by letter: one value, in UTF-8, no name
// twice, and no NUL, which no column holds.
func slowJSON(s string) (v any, ok bool) {
	defer func() {
		if e := recover(); e != nil && e != errSlow {
			panic(e)
		} else if e != nil {
			v, ok = nil, false
		}
	}()
	r := &slowReader{rest: s}
	v = r.value()
	r.blank()
	return v, r.rest == ""
}

type (
	slowReader struct{ rest string }
	slowError  string
	numeral    string
)

const errSlow = slowError("no JSON")

func (r *slowReader) blank() { r.rest = strings.TrimLeft(r.rest, " \t\r\n") }

func (r *slowReader) take(s string) bool {
	rest, ok := strings.CutPrefix(r.rest, s)
	r.rest = rest
	return ok
}

func (r *slowReader) must(ok bool) {
	if !ok {
		panic(errSlow)
	}
}

func (r *slowReader) value() any {
	r.blank()
	switch {
	case r.take("null"):
		return nil
	case r.take("true"):
		return true
	case r.take("false"):
		return false
	case r.take(`"`):
		return r.text()
	case r.take("["):
		list := []any{}
		if r.blank(); r.take("]") {
			return list
		}
		for {
			list = append(list, r.value())
			if r.blank(); r.take("]") {
				return list
			}
			r.must(r.take(","))
		}
	case r.take("{"):
		object := map[string]any{}
		if r.blank(); r.take("}") {
			return object
		}
		for {
			r.blank()
			r.must(r.take(`"`))
			name := r.text()
			_, twice := object[name]
			r.blank()
			r.must(!twice && r.take(":"))
			object[name] = r.value()
			if r.blank(); r.take("}") {
				return object
			}
			r.must(r.take(","))
		}
	}
	return r.number()
}

func (r *slowReader) number() numeral {
	all := r.rest
	r.take("-")
	if !r.take("0") {
		r.digits()
	}
	if r.take(".") {
		r.digits()
	}
	if r.take("e") || r.take("E") {
		if !r.take("+") {
			r.take("-")
		}
		r.digits()
	}
	return numeral(all[:len(all)-len(r.rest)])
}

func (r *slowReader) digits() {
	n := len(r.rest)
	r.rest = strings.TrimLeft(r.rest, "0123456789")
	r.must(len(r.rest) < n)
}

func (r *slowReader) text() string {
	var b strings.Builder
	for {
		c, n := utf8.DecodeRuneInString(r.rest)
		r.must(n > 0 && c >= ' ' && (c != utf8.RuneError || n > 1))
		r.rest = r.rest[n:]
		switch c {
		case '"':
			return b.String()
		case '\\':
			c = r.escape()
			r.must(c != 0)
		}
		b.WriteRune(c)
	}
}

func (r *slowReader) escape() rune {
	if r.take("u") {
		c := r.hex()
		if utf16.IsSurrogate(c) {
			r.must(r.take(`\u`))
			c = utf16.DecodeRune(c, r.hex())
			r.must(c != utf8.RuneError)
		}
		return c
	}
	r.must(r.rest != "")
	i := strings.IndexByte(`"\/bfnrt`, r.rest[0])
	r.must(i >= 0)
	r.rest = r.rest[1:]
	return rune("\"\\/\b\f\n\r\t"[i])
}

func (r *slowReader) hex() rune {
	r.must(len(r.rest) >= 4 && strings.Trim(r.rest[:4], "0123456789abcdefABCDEF") == "")
	n, _ := strconv.ParseUint(r.rest[:4], 16, 32)
	r.rest = r.rest[4:]
	return rune(n)
}
