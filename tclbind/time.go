package tclbind

import (
	"time"

	"natstcl/tclbind/bridge"
)

// cmdISOTime reads a time of the form 2022-11-22T13:31:35.451Z in ms since the epoch,
// rounded; without a zone it is UTC.
func cmdISOTime(_ *bridge.Package, args []bridge.Value) (any, error) {
	text := args[0].Text()
	for _, layout := range []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.Round(time.Millisecond).UnixMilli(), nil
		}
	}
	return nil, invalid("Invalid time " + text)
}

// timestampFormat is that of nats::timestamp.
const timestampFormat = "2006-01-02T15:04:05.000"
