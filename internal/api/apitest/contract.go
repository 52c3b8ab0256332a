package apitest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"latchkey/internal/api"
)

// document is openapi.yaml, read once and itself checked.
type document struct {
	doc *openapi3.T
	ops []*operation
}

type operation struct {
	parts []string // of the path, {id} as it stands
	route *routers.Route
}

var contract = sync.OnceValue(func() *document {
	openapi3filter.RegisterBodyDecoder("application/jsonl", openapi3filter.FileBodyDecoder)
	openapi3filter.RegisterBodyDecoder("text/csv", openapi3filter.FileBodyDecoder)
	doc, err := openapi3.NewLoader().LoadFromData(api.OpenAPI())
	if err == nil {
		err = doc.Validate(context.Background())
	}
	if err != nil {
		panic(fmt.Errorf("openapi.yaml: %w", err))
	}
	d := &document{doc: doc}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			d.ops = append(d.ops, &operation{strings.Split(path, "/"), &routers.Route{
				Spec: doc, Server: doc.Servers[0], Path: path, PathItem: item, Method: method, Operation: op,
			}})
		}
	}
	return d
})

// find matches a path segment by segment; a literal one wins over {id}.
func (d *document) find(method, path string) (*operation, error) {
	path, inside := strings.CutPrefix(path, Prefix)
	parts, best := strings.Split(path, "/"), (*operation)(nil)
	for _, op := range d.ops {
		if !inside || op.route.Method != method || len(op.parts) != len(parts) || !op.matches(parts) {
			continue
		}
		if best == nil || strings.Count(op.route.Path, "{") < strings.Count(best.route.Path, "{") {
			best = op
		}
	}
	if best == nil {
		return nil, errors.New("the route is not described")
	}
	return best, nil
}

func (o *operation) matches(parts []string) bool {
	for i, p := range o.parts {
		if !strings.HasPrefix(p, "{") && p != parts[i] {
			return false
		}
	}
	return true
}

func (o *operation) params(path string) map[string]string {
	params, parts := map[string]string{}, strings.Split(strings.TrimPrefix(path, Prefix), "/")
	for i, p := range o.parts {
		if name, ok := strings.CutPrefix(p, "{"); ok {
			params[strings.TrimSuffix(name, "}")] = parts[i]
		}
	}
	return params
}

func (o *operation) input(req *http.Request, body []byte) *openapi3filter.RequestValidationInput {
	clone := req.Clone(req.Context())
	clone.Body = io.NopCloser(bytes.NewReader(body))
	return &openapi3filter.RequestValidationInput{
		Request: clone, PathParams: o.params(req.URL.Path), Route: o.route,
		Options: &openapi3filter.Options{
			AuthenticationFunc: rightBearer, IncludeResponseStatus: true, SkipSettingDefaults: true,
		},
	}
}

// rightBearer wants a token of the kind that the route takes.
func rightBearer(_ context.Context, in *openapi3filter.AuthenticationInput) error {
	prefix := map[string]string{"signIn": "lki_", "session": "lks_", "accessToken": "lkp_"}[in.SecuritySchemeName]
	if !strings.HasPrefix(in.RequestValidationInput.Request.Header.Get("Authorization"), "Bearer "+prefix) {
		return fmt.Errorf("no %s token", prefix)
	}
	return nil
}

func (o *operation) fitsRequest(req *http.Request, body []byte) error {
	if o.route.Operation.RequestBody == nil && len(body) > 0 && string(body) != "{}" {
		return errors.New("a body for a call without fields")
	}
	return openapi3filter.ValidateRequest(req.Context(), o.input(req, body))
}

// fitsAnswer holds an answer against its operation; an undescribed route has
// one answer only, the problem not_found or what is refused before any route.
func (o *operation) fitsAnswer(req *http.Request, sent []byte, res *http.Response, body []byte) error {
	if o == nil {
		if res.Header.Get("Content-Type") != "application/problem+json" {
			return errors.New("an undescribed route answers something else than a problem")
		}
		return nil
	}
	if o.route.Operation.Responses.Status(res.StatusCode) == nil {
		return errors.New("this status is not described")
	}
	if described := o.route.Operation.Responses.Status(res.StatusCode).Value; len(described.Content) == 0 && len(body) > 0 {
		return errors.New("a body where none is described")
	}
	return openapi3filter.ValidateResponse(req.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: o.input(req, sent), Status: res.StatusCode, Header: res.Header,
		Body: io.NopCloser(bytes.NewReader(body)), Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
}

// headersFit holds what is true of every answer.
func headersFit(res *http.Response) error {
	h := res.Header
	switch {
	case h.Get("X-Request-Id") == "":
		return errors.New("no X-Request-Id")
	case h.Get("Cache-Control") != "no-store":
		return errors.New("Cache-Control is not no-store")
	case h.Get("Set-Cookie") != "":
		return errors.New("the API sets a cookie")
	case h.Get("Access-Control-Allow-Origin") != "":
		return errors.New("the API sends CORS headers")
	case h.Get("Location") != "":
		return errors.New("the API redirects")
	}
	return nil
}

// CheckRoutes fails unless exactly the registered routes under Prefix are
// described. Routes are "METHOD /path/:id", as edge.Edge.Routes gives them.
func CheckRoutes(t testing.TB, routes []string) {
	t.Helper()
	var registered, described []string
	for _, r := range routes {
		if strings.Contains(r, " "+Prefix+"/") {
			registered = append(registered, r)
		}
	}
	for _, op := range contract().ops {
		parts := slices.Clone(op.parts)
		for i, p := range parts {
			if name, ok := strings.CutPrefix(p, "{"); ok {
				parts[i] = ":" + strings.TrimSuffix(name, "}")
			}
		}
		described = append(described, op.route.Method+" "+Prefix+strings.Join(parts, "/"))
	}
	for _, r := range registered {
		if !slices.Contains(described, r) {
			t.Errorf("%s is registered, but not described in openapi.yaml", r)
		}
	}
	for _, d := range described {
		if !slices.Contains(registered, d) {
			t.Errorf("%s is described in openapi.yaml, but not registered", d)
		}
	}
}

// Routes lists every described route, as CheckRoutes takes them.
func Routes() []string {
	var out []string
	for _, op := range contract().ops {
		out = append(out, op.route.Method+" "+Prefix+op.route.Path)
	}
	slices.Sort(out)
	return out
}

// Operations lists the operationId of every described call.
func Operations() []string {
	var out []string
	for _, op := range contract().ops {
		out = append(out, op.route.Operation.OperationID)
	}
	slices.Sort(out)
	return out
}

// Schemas gives the fields of every described object, sorted, by its name.
func Schemas() map[string][]string {
	out := map[string][]string{}
	for name, s := range contract().doc.Components.Schemas {
		fields := slices.Collect(maps.Keys(s.Value.Properties))
		for _, one := range s.Value.OneOf {
			fields = slices.AppendSeq(fields, maps.Keys(one.Value.Properties))
		}
		if slices.Sort(fields); len(fields) > 0 {
			out[name] = fields
		}
	}
	return out
}
