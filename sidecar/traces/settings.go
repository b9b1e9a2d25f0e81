package traces

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// pathTraces is where a collector takes spans, beneath its address.
const pathTraces = "/v1/traces"

// Endpoint is where spans go: to the address for traces as it is, else to the
// usual path beneath the common one. Without either it is empty.
func Endpoint(common, forTraces string) string {
	if forTraces != "" || common == "" {
		return forTraces
	}
	return strings.TrimRight(common, "/") + pathTraces
}

// CheckEndpoint says in its error what is wrong with an address, without it.
func CheckEndpoint(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "":
		return errors.New("is not an address such as https://collector.example:4318")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errors.New("is not an address alone: a login or a key belongs in OTEL_EXPORTER_OTLP_HEADERS")
	}
	return nil
}

// CheckProtocol says in its error that we do not speak a protocol. An empty name
// is none, as everywhere in OpenTelemetry.
func CheckProtocol(name string) error {
	if name != "" && name != "http/protobuf" {
		return errors.New("is not http/protobuf, the one that is spoken here; collectors take it on port 4318")
	}
	return nil
}

var errHeaders = errors.New(`is not like "name=value,other=value", with %20 and the like for what has no place there`)

// Headers reads a list such as "authorization=Basic%20abc,x-team=ours". Its error
// quotes nothing of it.
func Headers(list string) (http.Header, error) {
	headers := http.Header{}
	for pair := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		name, value, found := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if name = strings.TrimSpace(name); !found || !isToken(name) || err != nil || strings.ContainsFunc(value, isControl) {
			return nil, errHeaders
		}
		headers.Set(name, value)
	}
	return headers, nil
}

func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// Samplers are the names that Sampler knows.
const Samplers = "always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off or parentbased_traceidratio"

// Sampler is the sampler of a name, as OpenTelemetry calls them; of no name, it takes
// everything. The argument is the share that traceidratio takes, all if it is empty.
//
// OpenTelemetry's own default would have Zoom decide: it does not know what we want to
// see, and may say no.
func Sampler(name, argument string) (sdk.Sampler, error) {
	share := 1.0
	if argument != "" {
		var err error
		if share, err = strconv.ParseFloat(argument, 64); err != nil || !(share >= 0 && share <= 1) {
			return nil, errShare
		}
	}
	switch name {
	case "", "always_on":
		return sdk.AlwaysSample(), nil
	case "always_off":
		return sdk.NeverSample(), nil
	case "traceidratio":
		return sdk.TraceIDRatioBased(share), nil
	case "parentbased_always_on":
		return sdk.ParentBased(sdk.AlwaysSample()), nil
	case "parentbased_always_off":
		return sdk.ParentBased(sdk.NeverSample()), nil
	case "parentbased_traceidratio":
		return sdk.ParentBased(sdk.TraceIDRatioBased(share)), nil
	}
	return nil, errSampler
}

// What is wrong with the settings of a sampler.
var (
	errSampler = fmt.Errorf("is not %s", Samplers)
	errShare   = errors.New("is not a number from 0 to 1")
)
