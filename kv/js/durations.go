package js

import (
	"strings"

	"natstcl/kv/dict"
)

// The fields of a config that are durations: ns on the wire, ms for everybody else.
var (
	streamDurations   = []string{"duplicate_window", "max_age"}
	consumerDurations = []string{"ack_wait", "idle_heartbeat", "inactive_threshold"}
)

// inMillis turns the durations of reply's config into ms.
func inMillis(reply dict.Dict, fields []string) dict.Dict {
	config, ok := reply.Path("config").(dict.Dict)
	if !ok {
		return reply
	}
	for i, f := range config {
		for _, name := range fields {
			if ns, ok := f.Value.(dict.Number); ok && f.Key == name {
				config[i].Value = nanosToMillis(ns)
			}
		}
	}
	return reply
}

// nanosToMillis moves the decimal point, so that nothing is rounded. 0 and less, and
// what is no plain integer, stay as they are.
func nanosToMillis(ns dict.Number) dict.Number {
	digits := string(ns)
	if digits == "" || digits[0] == '0' || strings.Trim(digits, "0123456789") != "" {
		return ns
	}
	if len(digits) <= 6 {
		digits = strings.Repeat("0", 7-len(digits)) + digits
	}
	whole, fraction := digits[:len(digits)-6], strings.TrimRight(digits[len(digits)-6:], "0")
	if fraction != "" {
		whole += "." + fraction
	}
	return dict.Number(whole)
}
