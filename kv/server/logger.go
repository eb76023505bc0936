// SPDX-License-Identifier: Apache-2.0

package server

import (
	"fmt"

	"natstcl/kv/wire"
)

// logger hands the server's log on. The stock logger's Fatalf ends the process, which
// is the user's: ours keeps the reason for Start.
type logger struct {
	log   func(wire.Level, string)
	fatal chan<- string // has room for the first
}

func (l *logger) line(level wire.Level, format string, v []any) {
	if l.log != nil {
		l.log(level, fmt.Sprintf(format, v...))
	}
}

func (l *logger) Noticef(format string, v ...any) { l.line(wire.LogInfo, format, v) }
func (l *logger) Warnf(format string, v ...any)   { l.line(wire.LogWarn, format, v) }
func (l *logger) Errorf(format string, v ...any)  { l.line(wire.LogError, format, v) }
func (l *logger) Debugf(format string, v ...any)  { l.line(wire.LogDebug, format, v) }
func (l *logger) Tracef(format string, v ...any)  { l.line(wire.LogDebug, format, v) }

func (l *logger) Fatalf(format string, v ...any) {
	l.line(wire.LogError, format, v)
	select {
	case l.fatal <- fmt.Sprintf(format, v...):
	default:
	}
}
