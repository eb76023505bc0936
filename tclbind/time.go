// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"natstcl/tclbind/bridge"
)

// isoTime is a time of the form 2022-11-22T13:31:35.451Z; a zone may also be a name. It is compiled when a
// script first asks: that takes as long as the start of all else in this package.
var isoTime = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(\d{4}-\d\d-\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?\s*(|[zZ]|[-+]\d\d(?::?\d\d)?|:?\pL[\w/+,.-]*)$`)
})

// cmdISOTime reads a time in ms since the epoch, rounded; without a zone it is UTC. Hours go up to 24,
// and seconds to 60, a leap second. Where the zone is a name the result is that time in UTC, and the name.
func cmdISOTime(_ *bridge.Package, args []bridge.Value) (any, error) {
	bad := invalid("Invalid time " + args[0].Text())
	parts := isoTime().FindStringSubmatch(args[0].Text())
	if parts == nil {
		return nil, bad
	}
	day, err := time.Parse(time.DateOnly, parts[1])
	var clock [3]int
	for i, most := range []int{24, 59, 60} {
		if clock[i], _ = strconv.Atoi(parts[2+i]); clock[i] > most {
			return nil, bad
		}
	}
	if err != nil {
		return nil, bad
	}
	digits := parts[5] + "0000"
	fraction, _ := strconv.Atoi(digits[:3])
	if digits[3] >= '5' {
		fraction++
	}
	ms := day.UnixMilli() + int64(((clock[0]*60+clock[1])*60+clock[2])*1000+fraction)
	switch zone := parts[6]; {
	case zone == "", zone == "z", zone == "Z":
		return []any{ms, ""}, nil
	case zone[0] == '+' || zone[0] == '-':
		digits := strings.ReplaceAll(zone[1:], ":", "") + "00"
		hours, _ := strconv.Atoi(digits[:2])
		minutes, _ := strconv.Atoi(digits[2:4])
		offset := int64(hours*60+minutes) * 60_000
		if zone[0] == '-' {
			offset = -offset
		}
		return []any{ms - offset, ""}, nil
	default:
		return []any{ms, zone}, nil
	}
}

// timestampFormat is that of nats::timestamp.
const timestampFormat = "2006-01-02T15:04:05.000"
