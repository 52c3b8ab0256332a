package forwardauth_test

import (
	"io"
	"net/http"
	"testing"

	"latchkey/internal/session"
)

// BenchmarkNginx prints what asking costs: requests per second through nginx
// to a small app, with and without forward-auth.
//
//	go test ./internal/forwardauth -run '^$' -bench Nginx
func BenchmarkNginx(b *testing.B) {
	f := newFront(b)
	f.nginx(program(b, "nginx"))
	cookie := f.cookie(f.person(nil, session.Password))
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	for _, one := range []struct{ name, path string }{
		{"unasked", "/unasked"}, {"bypass", "/public/a.css"}, {"signed in", "/notes"},
	} {
		b.Run(one.name, func(b *testing.B) {
			b.SetParallelism(8)
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					r, err := http.NewRequest("GET", "http://"+f.proxy+one.path, nil)
					if err != nil {
						b.Error(err)
						return
					}
					r.Host = "app.example.com"
					r.Header.Set("Cookie", cookie)
					res, err := client.Do(r)
					if err != nil {
						b.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, res.Body)
					_ = res.Body.Close()
					if res.StatusCode != 200 {
						b.Errorf("%d", res.StatusCode)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}
