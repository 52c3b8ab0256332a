package apitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
)

// mayBeMissing are the fields that an answer may leave out and still fit; the
// tests of these situations ask for them by name.
var mayBeMissing = []string{
	"SignIn.sign_in_token", "SignIn.preferred", "SignIn.delivery", "SignIn.skippable_until", "SignIn.recovery_keys_left", "SignIn.trusted_device",
	"Enrolment.sent_to", "MaybeRecoveryKeys.recovery_keys", "RecoveryKeys.keys.key", "RecoveryKeys.keys.used_from",
	"Problem.errors", "Problem.attempts_left",
}

var (
	takenApart sync.Map // operation, status and fields of the answers that were
	seenFields sync.Map // "Me.email": was in an answer that fit
)

// field is one that an answer has: the object that holds it and its name in
// the description, "Me.email".
type field struct {
	in   map[string]any
	key  string
	name string
}

// missesNothing takes an answer that fits apart: with any field left out, or
// with one more, it must not fit. So a description that is too lax is found by
// the first answer that it would let by.
func (o *operation) missesNothing(req *http.Request, sent []byte, res *http.Response, body []byte) error {
	if o == nil {
		return nil
	}
	described := o.route.Operation.Responses.Status(res.StatusCode).Value
	kind, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	media := described.Content.Get(kind)
	if media == nil || !strings.HasSuffix(kind, "json") {
		return nil
	}
	var answer any
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&answer); err != nil {
		return err
	}
	fields, objects := apart(media.Schema, "", answer, nil, nil)
	names := []string{o.route.Method, o.route.Path, res.Status}
	for _, f := range fields {
		seenFields.Store(f.name, true)
		names = append(names, f.name)
	}
	slices.Sort(names)
	if _, known := takenApart.LoadOrStore(strings.Join(slices.Compact(names), " "), true); known {
		return nil
	}
	fits := func() bool {
		raw, err := json.Marshal(answer)
		return err == nil && o.fitsAnswer(req, sent, res, raw) == nil
	}
	for _, f := range fields {
		value := f.in[f.key]
		delete(f.in, f.key)
		if fits() && !slices.Contains(mayBeMissing, f.name) {
			return fmt.Errorf("it would fit without %s: require the field, or say in mayBeMissing that it may be missing", f.name)
		}
		f.in[f.key] = value
	}
	for _, one := range objects {
		one["more"] = true
		if fits() {
			return fmt.Errorf("it would fit with a field more, beside %v", slices.Sorted(maps.Keys(one)))
		}
		delete(one, "more")
	}
	return nil
}

// apart lists the fields of an answer and its objects, those of the first item
// of each list.
func apart(s *openapi3.SchemaRef, name string, value any, fields []field, objects []map[string]any) ([]field, []map[string]any) {
	if _, ref, named := strings.Cut(s.Ref, "#/components/schemas/"); named {
		name = ref
	}
	for _, one := range s.Value.OneOf { // null, or something
		if value != nil && !one.Value.Type.Is("null") {
			return apart(one, name, value, fields, objects)
		}
	}
	switch v := value.(type) {
	case []any:
		if len(v) > 0 {
			return apart(s.Value.Items, name, v[0], fields, objects)
		}
	case map[string]any:
		if len(s.Value.Properties) == 0 { // as free as Event.data
			break
		}
		objects = append(objects, v)
		for key, inside := range v {
			is := name + "." + key
			fields = append(fields, field{v, key, is})
			fields, objects = apart(s.Value.Properties[key], is, inside, fields, objects)
		}
	}
	return fields, objects
}

// Unseen are the fields that answers may have and that none had in the tests
// of this process, as "Me.email".
func Unseen() []string {
	var out []string
	var list func(s *openapi3.SchemaRef, name string)
	seen := map[string]bool{}
	list = func(s *openapi3.SchemaRef, name string) {
		if _, ref, named := strings.Cut(s.Ref, "#/components/schemas/"); named {
			if name = ref; seen[ref] {
				return
			}
			seen[ref] = true
		}
		if s.Value.Items != nil {
			list(s.Value.Items, name)
		}
		for _, one := range s.Value.OneOf {
			list(one, name)
		}
		for key, inside := range s.Value.Properties {
			is := name + "." + key
			if _, ok := seenFields.Load(is); !ok {
				out = append(out, is)
			}
			list(inside, is)
		}
	}
	for _, op := range contract().ops {
		for _, res := range op.route.Operation.Responses.Map() {
			for _, media := range res.Value.Content {
				if media.Schema != nil {
					list(media.Schema, op.route.Operation.OperationID)
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
