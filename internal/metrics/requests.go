package metrics

import (
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"latchkey/internal/edge"
)

// steps are the routes at which a sign-in goes on or ends, and a confirmation.
var steps = map[string]string{
	"POST /api/v1/sign-ins":                            "password",
	"POST /sign-in":                                    "password",
	"POST /api/v1/sign-ins/current/verify":             "second_factor",
	"POST /sign-in/code":                               "second_factor",
	"POST /api/v1/sign-ins/current/enrolments/confirm": "enrolment",
	"POST /sign-in/enrol/app":                          "enrolment",
	"POST /sign-in/enrol/email":                        "enrolment",
	"POST /api/v1/me/confirmations":                    "confirmation",
	"POST /account/confirm":                            "confirmation",
	"POST /api/v1/me/two-factor/enrolments/confirm":    "settings",
	"POST /account/security/app/code":                  "settings",
	"POST /account/security/email/code":                "settings",
}

// requests are the counters that edge feeds.
type requests struct {
	total    *prometheus.CounterVec
	took     *prometheus.HistogramVec
	signIns  *prometheus.CounterVec
	codes    *prometheus.CounterVec
	refusals *prometheus.CounterVec

	// known holds the counters of each outcome that was seen before. Finding
	// them costs no lock, and counting an atomic each.
	known *sync.Map // outcome → counters
}

// outcome is what requests are told apart by. All of it is of ours, so there
// are only so many.
type outcome struct {
	method, route string
	status        int
	code, tried   string
}

type counters struct {
	add  []prometheus.Counter
	took prometheus.Observer
}

func newRequests() requests {
	return requests{
		known: &sync.Map{},
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "latchkey_requests_total", Help: "Requests by route and status.",
		}, []string{"method", "route", "status"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "latchkey_request_duration_seconds", Help: "Time to answer, by route.",
			Buckets: []float64{.002, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"method", "route"}),
		signIns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "latchkey_sign_in_steps_total", Help: "Steps of sign-ins, confirmations and enrolments, by outcome: ok, or the problem code.",
		}, []string{"step", "outcome"}),
		codes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "latchkey_codes_total", Help: "Codes and recovery keys that were judged, by method and outcome: ok, or the problem code.",
		}, []string{"method", "outcome"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "latchkey_refusals_total", Help: "Requests refused because a budget was gone (too_many_attempts, too_many_emails) or the service was busy or a dependency down (unavailable).",
		}, []string{"code", "route"}),
	}
}

// Observe counts one request.
func (r *requests) Observe(s edge.Observation) {
	o := outcome{s.Method, s.Route, s.Status, s.Code, s.Tried}
	c, ok := r.known.Load(o)
	if !ok {
		c, _ = r.known.LoadOrStore(o, r.countersOf(o))
	}
	found := c.(counters)
	for _, one := range found.add {
		one.Inc()
	}
	found.took.Observe(s.Took.Seconds())
}

func (r *requests) countersOf(o outcome) counters {
	c := counters{
		add:  []prometheus.Counter{r.total.WithLabelValues(o.method, o.route, strconv.Itoa(o.status))},
		took: r.took.WithLabelValues(o.method, o.route),
	}
	word := o.code
	switch {
	case word != "":
	case o.status < 400:
		word = "ok"
	default:
		word = "failed"
	}
	if step, ok := steps[o.method+" "+o.route]; ok {
		c.add = append(c.add, r.signIns.WithLabelValues(step, word))
	}
	if o.tried != "" {
		c.add = append(c.add, r.codes.WithLabelValues(o.tried, word))
	}
	switch o.code {
	case "too_many_attempts", "too_many_emails", "unavailable":
		c.add = append(c.add, r.refusals.WithLabelValues(o.code, o.route))
	}
	return c
}
