// Package metrics counts what requests came to and reads, when it is asked,
// how the database and the hasher of passwords are doing, for Prometheus.
//
// No other package of the service knows of it: edge tells it of each request,
// and the rest is in Postgres. Labels are names of ours (routes, problem
// codes, kinds of mail) and never anything of a user's.
package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"latchkey/internal/pg"
)

// Metrics are those of one process.
type Metrics struct {
	requests
	registry *prometheus.Registry
}

// New makes the metrics of a process of this release. db is read at each
// scrape, for two seconds at most.
func New(version string, db *pg.DB) *Metrics {
	m := &Metrics{requests: newRequests(), registry: prometheus.NewRegistry()}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "latchkey_build_info", Help: "1, with the release of this process.", ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	m.registry.MustRegister(build, m.total, m.took, m.signIns, m.codes, m.refusals,
		database{db}, collectors.NewDBStatsCollector(db.DB.DB, "latchkey"),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Hashing lets the metrics ask how many passwords are being hashed, and how
// many wait for that.
func (m *Metrics) Hashing(load func() (hashing, waiting int)) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "latchkey_password_hashes_running", Help: "Passwords being hashed; at most one per core.",
		}, func() float64 { n, _ := load(); return float64(n) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "latchkey_password_hashes_waiting", Help: "Passwords that wait to be hashed; above 32 requests get 503.",
		}, func() float64 { _, n := load(); return float64(n) }))
}

// Handler serves them as text.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry, MaxRequestsInFlight: 4})
}
