package zoom

// The attribute names of every log line, so that one search finds one thing
// in all rooms. None of them ever holds a body, an address, an e-mail, a name
// or a secret.
const (
	LogError     = "error"      // what went wrong, as text
	LogReason    = "reason"     // why a request or an event was refused, one word or two
	LogRequestID = "request_id" // ours, also in the X-Request-Id answer header
	LogZoomID    = "zoom_id"    // Zoom's own x-zm-request-id or x-zm-trackingid
	LogIPHash    = "ip_hash"    // salted hash of the client's address
	LogTraceID   = "trace_id"   // the trace that a request or an event is in, if it is traced
	LogEvent     = "event"      // Zoom's event name, such as meeting.started
	LogMeeting   = "meeting"    // Zoom's meeting number
	LogMeetingID = "meeting_id" // the id of a meeting's row, a uuid
	LogRoute     = "route"      // one of the meeting room's routes
	LogEvents    = "events"     // a number of events
	LogOutcome   = "outcome"    // what became of an event
	LogAttempt   = "attempt"    // which try this is, from 1
	LogWait      = "wait"       // how long until the next try
	LogTook      = "took"       // how long it took
	LogLimit     = "limit"      // how long it may take
	LogSecrets   = "secrets"    // how many secrets there are, never one of them
	LogStatus    = "status"     // an HTTP status
	LogCode      = "code"       // a PostgREST or SQLSTATE code
	LogDir       = "dir"        // a directory of ours
	LogAddr      = "addr"       // an address we listen on, never a client's
	LogStream    = "stream"     // one of the inbox's streams at NATS
	LogBytes     = "bytes"      // a size
	LogServer    = "server"     // a NATS server, without user and password
	LogAction    = "action"     // what an operator did
	LogLetters   = "letters"    // numbers of dead letters
	LogSince     = "since"      // a time that somebody asked for
	LogMark      = "mark"       // what the watch found wrong, such as no_challenge
	LogRemedy    = "remedy"     // what to do about it
	LogUnlogged  = "unlogged"   // refusals like this one of the same client that had no line of their own since the last
)
