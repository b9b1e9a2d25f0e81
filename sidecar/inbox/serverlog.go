package inbox

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"zoom-attendance/sidecar/zoom"
)

// serverLog passes the lines of the embedded server on: what it notes as
// debug, what worries it as it is. It keeps the last error.
type serverLog struct {
	log  *slog.Logger
	last atomic.Value
}

// worst is the last error, for the text of ours.
func (l *serverLog) worst() string {
	if text, ok := l.last.Load().(string); ok {
		return text
	}
	return "it gave no reason"
}

func (l *serverLog) Noticef(format string, v ...any) { l.write(slog.LevelDebug, format, v) }
func (l *serverLog) Warnf(format string, v ...any)   { l.write(slog.LevelWarn, format, v) }
func (l *serverLog) Debugf(format string, v ...any)  { l.write(slog.LevelDebug, format, v) }
func (l *serverLog) Tracef(format string, v ...any)  { l.write(slog.LevelDebug, format, v) }

func (l *serverLog) Errorf(format string, v ...any) {
	l.last.Store(l.write(slog.LevelError, format, v))
}

func (l *serverLog) Fatalf(format string, v ...any) {
	l.last.Store(l.write(slog.LevelError, format, v))
}

func (l *serverLog) write(level slog.Level, format string, v []any) string {
	text := fmt.Sprintf(format, v...)
	l.log.LogAttrs(context.Background(), level, "inbox server", slog.String(zoom.LogLine, text))
	return text
}
