package endtoend_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/zoom"
)

// What Zoom calls a request's trace, and its own part of it.
const (
	zoomTrace  = "0af7651916cd43dd8448eb211c80319c"
	zoomSpan   = "b7ad6b7169203331"
	zoomParent = "00-" + zoomTrace + "-" + zoomSpan + "-00" // Zoom itself would not have it recorded
)

// span is one that a collector took, with its attributes as text.
type span struct {
	*tracepb.Span
	says map[string]string
}

func (s span) trace() string  { return hex.EncodeToString(s.TraceId) }
func (s span) id() string     { return hex.EncodeToString(s.SpanId) }
func (s span) parent() string { return hex.EncodeToString(s.ParentSpanId) }

// collector takes spans as a real one does.
type collector struct {
	url string

	mu      sync.Mutex
	spans   []span
	about   map[string]string // the resource
	headers http.Header       // of the last request
	heard   bytes.Buffer      // every byte that came
	news    chan struct{}
}

func newCollector(t *testing.T) *collector {
	c := &collector{news: make(chan struct{}, 1)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var sent tracepb.TracesData
		if err != nil || r.Method != http.MethodPost || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" || proto.Unmarshal(body, &sent) != nil {
			t.Errorf("no request for a collector: %s %s", r.Method, r.URL)
		}
		c.take(r.Header, body, &sent)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

func (c *collector) take(h http.Header, body []byte, sent *tracepb.TracesData) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.headers = h
	c.heard.Write(body)
	fmt.Fprintln(&c.heard, sent.String())
	for _, resource := range sent.ResourceSpans {
		c.about = texts(resource.Resource.Attributes)
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				c.spans = append(c.spans, span{s, texts(s.Attributes)})
			}
		}
	}
	select {
	case c.news <- struct{}{}:
	default:
	}
}

func texts(attributes []*commonpb.KeyValue) map[string]string {
	all := map[string]string{}
	for _, a := range attributes {
		all[a.Key] = a.Value.GetStringValue()
		if _, ok := a.Value.Value.(*commonpb.AnyValue_IntValue); ok {
			all[a.Key] = fmt.Sprint(a.Value.GetIntValue())
		}
	}
	return all
}

// named are the spans of a name.
func (c *collector) named(name string) (found []span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if s.Name == name {
			found = append(found, s)
		}
	}
	return found
}

// await returns the first span of a name, once there is one.
func (c *collector) await(ctx context.Context, t *testing.T, name string) span {
	for {
		if found := c.named(name); len(found) > 0 {
			return found[0]
		}
		select {
		case <-c.news:
		case <-ctx.Done():
			t.Fatalf("no span %q came", name)
		}
	}
}

// only is the one span of a name.
func (c *collector) only(t *testing.T, name string) span {
	found := c.named(name)
	require.Len(t, found, 1, name)
	return found[0]
}

// overheard stands before a project and hears the traceparent of each call.
func overheard(t *testing.T, project string) (address string, parents <-chan string) {
	target, err := url.Parse(project)
	require.NoError(t, err)
	forward := httputil.NewSingleHostReverseProxy(target)
	said := make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if parent := r.Header.Get("Traceparent"); parent != "" {
			said <- parent
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, said
}

// from sends an event as Zoom does, with the traceparent.
func (p *process) from(ctx context.Context, t *testing.T, parent string, body []byte, sign func(http.Header, []byte)) int {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("traceparent", parent)
	request.Header.Set("tracestate", "vendor="+markBody)
	sign(request.Header, body)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	return response.StatusCode
}

func TestATraceLeadsFromZoomsRequestToTheCommit(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	project := stacktest.NewProject(t)
	meetingOfMarks(ctx, t, project)
	address, parents := overheard(t, project.URL)
	c := newCollector(t)
	p := newSidecar(t, address, project.SecretKey)
	p.env = append(p.env, "OTEL_EXPORTER_OTLP_ENDPOINT="+c.url, "OTEL_EXPORTER_OTLP_HEADERS=authorization=Basic%20invented,x-team=ours",
		"OTEL_SERVICE_NAME=attendance", "OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test",
		"OTEL_BSP_SCHEDULE_DELAY=3600000", "LOG_LEVEL=debug") // they come when it stops
	p.start(ctx, t)
	body := []byte(started)
	stranger := strings.Replace(zoomParent, zoomTrace, strings.Repeat("e", 32), 1)
	require.Equal(t, 401, p.from(ctx, t, stranger, body, signedBy("another's", 0)))
	require.Equal(t, 401, p.from(ctx, t, stranger, body, func(http.Header, []byte) {}))
	require.Equal(t, 200, p.from(ctx, t, zoomParent, body, signedBy(flowSecret, 0)))
	var told string
	select {
	case told = <-parents:
	case <-ctx.Done():
		t.Fatal("the project was not told of the trace")
	}
	p.stop(t)

	request, kept, event := c.only(t, "POST /api/zoom/webhook"), c.only(t, "keep inbox"), c.only(t, "process event")
	batch, call := c.only(t, "apply batch"), c.only(t, "apply_zoom_events")
	for _, s := range c.spans {
		require.Equal(t, zoomTrace, s.trace(), "%s: nothing but what Zoom signed is traced, and all of it is one trace", s.Name)
		require.Empty(t, s.TraceState)
		require.NotEqual(t, tracepb.Status_STATUS_CODE_ERROR, s.Status.GetCode(), s.Name)
	}
	require.Equal(t, []string{zoomSpan, request.id(), kept.id(), event.id(), batch.id()},
		[]string{request.parent(), kept.parent(), event.parent(), batch.parent(), call.parent()})
	require.Equal(t, "00-"+zoomTrace+"-"+call.id()+"-01", told)
	require.Len(t, batch.Links, 1)
	require.Equal(t, event.SpanId, batch.Links[0].SpanId)
	require.Len(t, event.Links, 1)
	require.Equal(t, batch.SpanId, event.Links[0].SpanId)

	require.Equal(t, map[string]string{"http.request.method": "POST", "http.route": "/api/zoom/webhook", "http.response.status_code": "200",
		"sidecar.reason": "kept", "zoom.event": zoom.EventMeetingStarted, "zoom.meeting": "81234567890"}, request.says)
	require.Equal(t, map[string]string{"messaging.operation.type": "process", "sidecar.attempt": "1", "sidecar.outcome": "applied"}, event.says)
	require.Equal(t, map[string]string{"server.address": "127.0.0.1", "http.request.method": "POST", "url.path": "/rest/v1/rpc/apply_zoom_events",
		"http.response.status_code": "200"}, call.says)
	require.Equal(t, "attendance", c.about["service.name"])
	require.Equal(t, "test", c.about["deployment.environment.name"])
	require.Equal(t, "Basic invented", c.headers.Get("Authorization"))
	require.Equal(t, "ours", c.headers.Get("X-Team"))
	require.Regexp(t, `msg="request answered".* trace_id=`+zoomTrace, p.said())
	require.NotContains(t, p.said(), stranger[3:35])
}

func TestATraceGoesOnAfterARestart(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	project := stacktest.NewProject(t)
	meetingOfMarks(ctx, t, project)
	c := newCollector(t)
	p := newSidecar(t, project.URL, project.SecretKey)
	p.env = append(p.env, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="+c.url+"/v1/traces", "OTEL_BSP_SCHEDULE_DELAY=10")
	project.StopPostgREST()
	p.start(ctx, t)
	require.Equal(t, 200, p.from(ctx, t, zoomParent, []byte(started), signedBy(flowSecret, 0)))
	kept := c.await(ctx, t, "keep inbox")
	p.kill(t)
	require.Empty(t, c.named("process event"))

	before := strings.Count(p.said(), "the database does not take events")
	p.start(ctx, t)
	p.hears(ctx, t, before+1, "the database does not take events")
	project.StartPostgREST()
	event, batch := c.await(ctx, t, "process event"), c.await(ctx, t, "apply batch")
	require.Equal(t, zoomTrace, event.trace())
	require.Equal(t, kept.id(), event.parent())
	require.Equal(t, event.id(), batch.parent())
	require.NotEmpty(t, batch.Events)
	require.Equal(t, "try again", batch.Events[0].Name)
	p.stop(t)
}

// Nothing waits for a collector.
func TestACollectorThatIsDownHarmsNothing(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // it takes connections, and says nothing
	require.NoError(t, err)
	defer func() { _ = silent.Close() }()
	refuses := httptest.NewServer(http.NotFoundHandler())
	defer refuses.Close()
	for sentence, address := range map[string]string{
		"nobody listens": fmt.Sprintf("http://127.0.0.1:%d", freePort(t)),
		"no answer":      "http://" + silent.Addr().String(),
		"it is none":     refuses.URL,
	} {
		t.Run(sentence, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			project := stacktest.NewProject(t)
			database := flowDatabase(ctx, t, project)
			meetingOfMarks(ctx, t, project)
			p := newSidecar(t, project.URL, project.SecretKey)
			p.env = append(p.env, "OTEL_EXPORTER_OTLP_ENDPOINT="+address, "OTEL_BSP_SCHEDULE_DELAY=10")
			p.start(ctx, t)
			p.deliver(ctx, t, []byte(started))
			// (It began long ago, so it is over.)
			database.await(ctx, t, func() (wrong string) {
				require.NoError(t, project.DB().QueryRow(ctx, "select case status when 'ended' then '' else status end from zoom_meetings").Scan(&wrong))
				return wrong
			})
			p.stop(t)
			require.Equal(t, 1, strings.Count(p.said(), "the collector does not take spans"), "said once")
			require.NotContains(t, p.said(), "level=ERROR")
		})
	}
}
