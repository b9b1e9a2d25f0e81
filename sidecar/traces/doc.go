// Package traces sends what the rooms trace to a collector, as OpenTelemetry wants
// it: OTLP over HTTP, in protobuf.
//
// Of the promise (an event we answered 200 to is never lost, takes effect once, and
// is seen only by those entitled) it keeps nothing and endangers nothing: whatever
// becomes of the spans, no event waits for them. They go into a queue of bounded
// length; what finds it full is dropped. A collector that is down or slow costs
// memory for that queue and one log line a minute, and [Traces.Close] waits for it a
// few seconds at most.
//
// Rooms know the API of OpenTelemetry and are given a tracer, which is nil while
// nothing is to be traced: then they ask one question more for each event, and
// nothing is made or kept. What they put into a span are words from lists of their
// own, numbers, Zoom's name of an event and its meeting's number: never a body, an
// address, a name, an e-mail or a secret. A test looks.
//
// The exporter that OpenTelemetry ships for this brings gRPC with it, 11 MB of it. So
// the conversion is theirs (otlptrace) and the request is ours (upload.go).
package traces
