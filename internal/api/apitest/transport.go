package apitest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
)

// Transport holds what goes over it to the API against openapi.yaml, whoever
// sends it: every request that is not wrong on purpose, and every answer. It
// changes neither.
type Transport struct {
	Base http.RoundTripper // nil: http.DefaultTransport
	Tell func(error)       // of what does not fit; nil: Exit does
}

type onPurpose struct{}

// OnPurpose marks requests that are wrong on purpose.
func OnPurpose(ctx context.Context) context.Context {
	return context.WithValue(ctx, onPurpose{}, true)
}

// RoundTrip sends a request and reads its answer whole.
func (t Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	base, tell := t.Base, t.Tell
	if base == nil {
		base = http.DefaultTransport
	}
	if tell == nil {
		tell = tellLater
	}
	if !strings.HasPrefix(req.URL.Path, Prefix+"/") {
		return base.RoundTrip(req)
	}
	sent, err := whole(&req.Body)
	if err != nil {
		return nil, err
	}
	op, fault := contract().find(req.Method, req.URL.Path)
	if fault == nil {
		fault = op.fitsRequest(req, sent)
	}
	if bad, _ := req.Context().Value(onPurpose{}).(bool); fault != nil && !bad {
		tell(fmt.Errorf("%s %s: the request does not fit openapi.yaml: %w", req.Method, req.URL.Path, fault))
	}
	res, err := base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	answer, err := whole(&res.Body)
	if err != nil {
		return nil, err
	}
	err = op.fitsAnswer(req, sent, res, answer)
	if err == nil {
		err = headersFit(res)
	}
	if err == nil {
		err = op.missesNothing(req, sent, res, answer)
	}
	if err != nil {
		tell(fmt.Errorf("%s %s: the answer %d does not fit openapi.yaml: %w\n%s", req.Method, req.URL.Path, res.StatusCode, err, shown(answer)))
	}
	return res, nil
}

// whole reads a body, and puts back one that reads the same.
func whole(body *io.ReadCloser) ([]byte, error) {
	if *body == nil || *body == http.NoBody {
		return nil, nil
	}
	raw, err := io.ReadAll(*body)
	_ = (*body).Close() // it has been read
	*body = io.NopCloser(bytes.NewReader(raw))
	return raw, err
}

var misfits atomic.Int32

func tellLater(err error) {
	misfits.Add(1)
	fmt.Fprintln(os.Stderr, err)
}

// Exit makes an exit code of TestMain a failure when something that no test
// was told of did not fit.
func Exit(code int) int {
	if code == 0 && misfits.Load() > 0 {
		return 1
	}
	return code
}
