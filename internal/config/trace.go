package config

import (
	"net/url"
	"strings"
)

// traces reads what OpenTelemetry's own variables say, and refuses what this
// build can't do: spans go out by OTLP over HTTP, as protobuf, or not at all.
func (l *loader) traces(in TraceInput) {
	if strings.EqualFold(in.OTELDisabled, "true") {
		return
	}
	switch in.OTELTraces {
	case "", "otlp":
	case "none":
		return
	default:
		l.faults.Add("OTEL_TRACES_EXPORTER", "is %q: choose otlp or none", in.OTELTraces)
	}
	for setting, value := range map[string]string{
		"OTEL_EXPORTER_OTLP_PROTOCOL": in.OTELProtocol, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": in.OTELTracesProtocol,
	} {
		if value != "" && value != "http/protobuf" {
			l.faults.Add(setting, "is %q: traces go out by http/protobuf only, to port 4318 of most collectors", value)
		}
	}
	all := l.collector("OTEL_EXPORTER_OTLP_ENDPOINT", in.OTELEndpoint)
	one := l.collector("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", in.OTELTracesEndpoint)
	switch {
	case one != nil:
		l.cfg.TraceEndpoint = one.String()
	case all != nil:
		l.cfg.TraceEndpoint = all.JoinPath("v1/traces").String()
	}
}

// collector is nil where none is named.
func (l *loader) collector(setting, value string) *url.URL {
	if value == "" {
		return nil
	}
	u, err := url.Parse(value)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || !portInRange(u.Port()) {
		l.faults.Add(setting, "is no URL of a collector: write http://host:4318")
		return nil
	}
	return u
}
