package main

import (
	"context"
	"log/slog"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"zoom-attendance/sidecar/traces"
)

// tracesTo is where traces go; empty for nowhere.
func (c Config) tracesTo() string {
	if c.OTelDisabled {
		return ""
	}
	return traces.Endpoint(c.OTLPEndpoint, c.OTLPTracesEndpoint)
}

// traceFaults says what is wrong with the settings of traces. Without an endpoint
// they may be meant for other programs, and are not looked at.
func (c Config) traceFaults() (faults []string) {
	if c.tracesTo() == "" {
		return nil
	}
	check := func(name string, err error) {
		if err != nil {
			faults = append(faults, name+" "+err.Error())
		}
	}
	from := "OTEL_EXPORTER_OTLP_ENDPOINT"
	if c.OTLPTracesEndpoint != "" {
		from = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	}
	check(from, traces.CheckEndpoint(c.tracesTo()))
	if _, err := traces.Headers(string(c.OTLPHeaders)); err != nil {
		check("OTEL_EXPORTER_OTLP_HEADERS", err)
	} else if strings.HasPrefix(string(c.OTLPHeaders), "'") {
		faults = append(faults, "OTEL_EXPORTER_OTLP_HEADERS begins with a quote: "+howQuotes)
	}
	check("OTEL_EXPORTER_OTLP_PROTOCOL", traces.CheckProtocol(c.OTLPProtocol))
	_, err := traces.Sampler(c.TracesSampler, "")
	check("OTEL_TRACES_SAMPLER", err)
	_, err = traces.Sampler("", c.TracesSamplerArg)
	check("OTEL_TRACES_SAMPLER_ARG", err)
	return faults
}

// openTraces makes the way to the collector, if there is one.
func (c Config) openTraces(ctx context.Context, log *slog.Logger, metrics prometheus.Registerer) (*traces.Traces, error) {
	return traces.Open(ctx, traces.Options{
		Endpoint: c.tracesTo(), Headers: c.OTLPHeaders, Sampler: c.TracesSampler, Share: c.TracesSamplerArg,
		Service: c.OTelServiceName, Version: version(), Log: log, Metrics: metrics,
	})
}
