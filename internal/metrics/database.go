package metrics

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"latchkey/internal/pg"
)

// scrapeTime bounds what a scrape asks of the database.
const scrapeTime = 2 * time.Second

var (
	readable = prometheus.NewDesc("latchkey_database_up", "1 when the database answered this scrape.", nil, nil)
	mails    = prometheus.NewDesc("latchkey_mails_last_hour", "Mails queued in the last hour, by kind and what became of them. The same from every process.", []string{"kind", "state"}, nil)
	waiting  = prometheus.NewDesc("latchkey_mails_queued", "Mails that wait to be sent and are still of use, by queue. The same from every process.", []string{"queue"}, nil)
	age      = prometheus.NewDesc("latchkey_mail_queue_age_seconds", "Age of the oldest of them, by queue. The same from every process.", []string{"queue"}, nil)
	hooks    = prometheus.NewDesc("latchkey_webhook_deliveries_last_hour", "Webhook deliveries that ended in the last hour, by what became of them and how the last attempt ended. The same from every process.", []string{"state", "outcome"}, nil)
	unsent   = prometheus.NewDesc("latchkey_webhook_deliveries_queued", "Webhook deliveries that wait, at webhooks that are on, by how the last attempt ended; none: there was none. The same from every process.", []string{"outcome"}, nil)
	overdue  = prometheus.NewDesc("latchkey_webhook_queue_age_seconds", "How long the oldest of them is due. The same from every process.", nil, nil)
	events   = prometheus.NewDesc("latchkey_events_last_hour", "Events of the audit log in the last hour, by action. The same from every process.", []string{"action"}, nil)
)

// database reads gauges at each scrape, by statements over indexes of the last
// hour or of what waits. Where it is down the rest of the metrics still comes.
type database struct{ db *pg.DB }

// Describe is for the registry.
func (d database) Describe(ch chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{readable, mails, waiting, age, hooks, unsent, overdue, events} {
		ch <- desc
	}
}

// Collect asks the database.
func (d database) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	up := 1.0
	for _, read := range []func(context.Context, chan<- prometheus.Metric) error{d.queues, d.kinds, d.webhooks, d.posts, d.actions} {
		if err := read(ctx, ch); err != nil {
			up = 0
			break
		}
	}
	ch <- prometheus.MustNewConstMetric(readable, prometheus.GaugeValue, up)
}

// queues: both are listed, also when they are empty, so that an alert on one
// never looks at nothing.
func (d database) queues(ctx context.Context, ch chan<- prometheus.Metric) error {
	var rows []struct {
		Queue string  `db:"queue"`
		N     float64 `db:"n"`
		Age   float64 `db:"age"`
	}
	err := d.db.SelectContext(ctx, &rows, `
		SELECT q.queue, count(m.id) AS n,
		       coalesce(greatest(extract(epoch FROM $1::timestamptz - min(m.created_at)), 0), 0)::float8 AS age
		FROM (VALUES ('codes'), ('notices')) AS q (queue)
		LEFT JOIN mails m ON m.queue = q.queue AND m.state = 'queued' AND m.expires_at > $1
		GROUP BY q.queue`, d.db.Now())
	if err != nil {
		return fmt.Errorf("read queues of mails: %w", err)
	}
	for _, r := range rows {
		ch <- prometheus.MustNewConstMetric(waiting, prometheus.GaugeValue, r.N, r.Queue)
		ch <- prometheus.MustNewConstMetric(age, prometheus.GaugeValue, r.Age, r.Queue)
	}
	return nil
}

func (d database) kinds(ctx context.Context, ch chan<- prometheus.Metric) error {
	var rows []struct {
		Kind  string  `db:"kind"`
		State string  `db:"state"`
		N     float64 `db:"n"`
	}
	err := d.db.SelectContext(ctx, &rows, `
		SELECT kind, state, count(*) AS n FROM mails WHERE created_at > $1 GROUP BY kind, state`, d.db.Now().Add(-time.Hour))
	if err != nil {
		return fmt.Errorf("count mails: %w", err)
	}
	for _, r := range rows {
		ch <- prometheus.MustNewConstMetric(mails, prometheus.GaugeValue, r.N, r.Kind, r.State)
	}
	return nil
}

// webhooks: what waits for its next attempt is not due, so that a receiver that
// is down for hours makes nothing old. It shows among those that wait, with how
// the last attempt ended.
func (d database) webhooks(ctx context.Context, ch chan<- prometheus.Metric) error {
	var rows []struct {
		Outcome string  `db:"outcome"`
		N       float64 `db:"n"`
		Age     float64 `db:"age"`
	}
	err := d.db.SelectContext(ctx, &rows, `
		SELECT coalesce(d.outcome, 'none') AS outcome, count(*) AS n,
		       greatest(extract(epoch FROM $1::timestamptz - min(d.due_at)), 0)::float8 AS age
		FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id
		WHERE d.state = 'queued' AND d.expires_at > $1 AND w.enabled
		GROUP BY 1`, d.db.Now())
	if err != nil {
		return fmt.Errorf("read queue of webhooks: %w", err)
	}
	oldest := 0.0
	for _, r := range rows {
		ch <- prometheus.MustNewConstMetric(unsent, prometheus.GaugeValue, r.N, r.Outcome)
		oldest = max(oldest, r.Age)
	}
	ch <- prometheus.MustNewConstMetric(overdue, prometheus.GaugeValue, oldest)
	return nil
}

func (d database) posts(ctx context.Context, ch chan<- prometheus.Metric) error {
	var rows []struct {
		State   string  `db:"state"`
		Outcome string  `db:"outcome"`
		N       float64 `db:"n"`
	}
	err := d.db.SelectContext(ctx, &rows, `
		SELECT state, coalesce(outcome, 'none') AS outcome, count(*) AS n
		FROM webhook_deliveries WHERE ended_at > $1 GROUP BY 1, 2`, d.db.Now().Add(-time.Hour))
	if err != nil {
		return fmt.Errorf("count webhook deliveries: %w", err)
	}
	for _, r := range rows {
		ch <- prometheus.MustNewConstMetric(hooks, prometheus.GaugeValue, r.N, r.State, r.Outcome)
	}
	return nil
}

// actions: events lie in the order of their time, so BRIN finds the last hour.
func (d database) actions(ctx context.Context, ch chan<- prometheus.Metric) error {
	var rows []struct {
		Action string  `db:"action"`
		N      float64 `db:"n"`
	}
	err := d.db.SelectContext(ctx, &rows, `
		SELECT action, count(*) AS n FROM events WHERE at > $1 GROUP BY action`, d.db.Now().Add(-time.Hour))
	if err != nil {
		return fmt.Errorf("count events: %w", err)
	}
	for _, r := range rows {
		ch <- prometheus.MustNewConstMetric(events, prometheus.GaugeValue, r.N, r.Action)
	}
	return nil
}
