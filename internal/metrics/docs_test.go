package metrics_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

var (
	inQuotes   = regexp.MustCompile(`"[^"]*"|'[^']*'`)
	inBraces   = regexp.MustCompile(`\{[^}]*\}`)
	grouping   = regexp.MustCompile(`\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)`)
	durations  = regexp.MustCompile(`\[[^\]]*\]`)
	names      = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*\s*\(?`)
	histograms = regexp.MustCompile(`_(bucket|sum|count)$`)
)

// metricsIn finds the names of metrics in a PromQL expression: what is no
// function, no label and no word of the language.
func metricsIn(expr string) (found []string) {
	for _, strip := range []*regexp.Regexp{inQuotes, inBraces, durations, grouping} {
		expr = strip.ReplaceAllString(expr, " ")
	}
	for _, n := range names.FindAllString(expr, -1) {
		switch n = strings.TrimSpace(n); n {
		case "and", "or", "unless", "bool", "by", "without":
		default:
			if !strings.HasSuffix(n, "(") {
				found = append(found, n)
			}
		}
	}
	return found
}

// exist checks the metrics of an expression against a scrape. "up" is made by
// Prometheus itself.
func exist(t *testing.T, text, where, expr string) {
	t.Helper()
	found := metricsIn(expr)
	if len(found) == 0 {
		t.Errorf("%s: no metric in %s", where, expr)
	}
	for _, name := range found {
		if !told(text, name) {
			t.Errorf("%s: there is no metric %s", where, name)
		}
	}
	if strings.Count(expr, "(") != strings.Count(expr, ")") || strings.Count(expr, "{") != strings.Count(expr, "}") {
		t.Errorf("%s: unbalanced: %s", where, expr)
	}
}

func told(text, name string) bool {
	return name == "up" || strings.Contains(text, "\n# TYPE "+histograms.ReplaceAllString(name, "")+" ") || strings.Contains(text, "\n# TYPE "+name+" ")
}

func TestMisspeltMetricsAreMissed(t *testing.T) {
	t.Parallel()
	m, _ := worked(t)
	text := scrape(t, m)
	for name, want := range map[string]bool{
		"latchkey_codes_total": true, "latchkey_request_duration_seconds_bucket": true, "go_sql_in_use_connections": true,
		"latchkey_code_total": false, "latchkey_codes": false, "latchkey_request_duration_bucket": false, "atchkey_codes_total": false,
	} {
		if told(text, name) != want {
			t.Errorf("%s is there: %v", name, !want)
		}
	}
}

func TestMetricsAreFoundInExpressions(t *testing.T) {
	t.Parallel()
	got := strings.Join(metricsIn(`sum by (le) (rate(a_total{x=~"b|c", by="d"}[5m])) > 2 * max without (x) (e_f) and on (g) up == 0`), " ")
	if got != "a_total e_f up" {
		t.Errorf("found %s", got)
	}
}

func TestAlertRulesNameMetricsThatExist(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/operations/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	// The fields of Prometheus' own rule files; any other is a slip.
	var rules struct {
		Groups []struct {
			Name  string `yaml:"name"`
			Rules []struct {
				Alert       string            `yaml:"alert"`
				Expr        string            `yaml:"expr"`
				For         string            `yaml:"for"`
				Labels      map[string]string `yaml:"labels"`
				Annotations map[string]string `yaml:"annotations"`
			} `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.UnmarshalWithOptions(raw, &rules, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	m, _ := worked(t)
	text, seen := scrape(t, m), map[string]bool{}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			exist(t, text, r.Alert, r.Expr)
			if seen[r.Alert] || r.Labels["severity"] == "" || r.Annotations["summary"] == "" || r.Annotations["action"] == "" {
				t.Errorf("%s: twice, or without severity, summary or action", r.Alert)
			}
			seen[r.Alert] = true
			if r.For != "" && !regexp.MustCompile(`^[0-9]+[smh]$`).MatchString(r.For) {
				t.Errorf("%s: for %s", r.Alert, r.For)
			}
		}
	}
	if len(seen) < 10 {
		t.Errorf("%d rules", len(seen))
	}
}

func TestDashboardNamesMetricsThatExist(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/operations/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		UID, Title string
		Panels     []struct {
			ID      int
			Title   string
			Targets []struct{ Expr, LegendFormat string }
		}
	}
	if err := json.Unmarshal(raw, &board); err != nil {
		t.Fatal(err)
	}
	m, _ := worked(t)
	text, ids := scrape(t, m), map[int]bool{}
	for _, p := range board.Panels {
		if ids[p.ID] || len(p.Targets) == 0 {
			t.Errorf("%s: id twice, or nothing to draw", p.Title)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			exist(t, text, p.Title, target.Expr)
		}
	}
}
