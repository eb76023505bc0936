// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"encoding/binary"
	"natstcl/kv/fault"
	"strconv"
)

const (
	// maxMessage is the most that any nats-server takes for a payload (its max_payload cannot be
	// set higher), and maxAdded what it may add to a message's header.
	maxMessage = 64 << 20
	maxAdded   = 1 << 20
	// maxHeaderLines bounds a message's header: it becomes a map, which takes 60 times the bytes of
	// short lines.
	maxHeaderLines = 10_000
)

// arrival is the line of a message that has come.
type arrival struct {
	subject, reply []byte // of the line's memory
	sid            int
	header         int // bytes of the header
	size           int // of header and payload
}

// messageLine reads a MSG or HMSG line, with its LF:
//
//	MSG subject sid [reply] size
//	HMSG subject sid [reply] header size
//
// Nothing is taken that no server sends.
func messageLine(line []byte) (a arrival, err error) {
	var place [mostFields][]byte // bytes.Fields would take memory for each message
	fields, ok := split(place[:0], line)
	n := len(fields)
	if !ok || n < 4 {
		return a, badLine(line)
	}
	withHeader := bytes.EqualFold(fields[0], []byte("HMSG"))
	numbers := 1
	if withHeader {
		numbers = 2
	}
	if !withHeader && !bytes.EqualFold(fields[0], []byte("MSG")) || n != 3+numbers && n != 4+numbers {
		return a, badLine(line)
	}
	a.subject = fields[1]
	if n == 4+numbers {
		a.reply = fields[3]
	}
	if a.sid, ok = wireNumber(fields[2]); !ok {
		return a, badLine(line)
	}
	if a.size, ok = wireNumber(fields[n-1]); !ok {
		return a, badLine(line)
	}
	most := maxMessage
	if withHeader {
		most += maxAdded
		if a.header, ok = wireNumber(fields[n-2]); !ok || a.header > a.size {
			return a, badLine(line)
		}
	}
	if a.size > most {
		return a, fault.New(fault.Protocol, "A message of "+string(fields[n-1])+" bytes is announced: no server allows more than "+strconv.Itoa(maxMessage))
	}
	return a, nil
}

// mostFields are those of an HMSG line, with its word.
const mostFields = 6

// split appends the fields of a line, for this is done for each message. It is not ok where there is no
// room for all of them, or a control character (see controlLine).
func split(out [][]byte, line []byte) (fields [][]byte, ok bool) {
	line = withoutEnd(line)
	plain := isPlain(line)
	for {
		for len(line) > 0 && (line[0] == ' ' || line[0] == '\t') {
			line = line[1:]
		}
		if len(line) == 0 {
			return out, true
		}
		n := bytes.IndexByte(line, ' ')
		if !plain {
			n = bytes.IndexFunc(line, func(r rune) bool { return r <= ' ' })
		}
		if n < 0 {
			n = len(line)
		}
		if len(out) == cap(out) || n < len(line) && line[n] != ' ' && line[n] != '\t' {
			return nil, false
		}
		out = append(out, line[:n])
		line = line[n:]
	}
}

// isPlain tells whether there is nothing less than a blank, eight characters at a time; it may be mistaken where one is above 127.
func isPlain(line []byte) bool {
	const each, high = 0x0101010101010101, 0x8080808080808080
	odd := uint64(0)
	for ; len(line) >= 8; line = line[8:] {
		eight := binary.NativeEndian.Uint64(line)
		odd |= (eight - each*' ') | eight
	}
	for _, c := range line {
		odd |= uint64(c-' ') | uint64(c)
	}
	return odd&high == 0
}

// infoLine returns the JSON of an INFO line.
func infoLine(line []byte) ([]byte, error) {
	word, json, ok := controlLine(line)
	if !ok || !bytes.EqualFold(word, []byte("INFO")) || len(json) == 0 || json[0] != '{' {
		return nil, badLine(line)
	}
	return json, nil
}

// controlLine cuts a line into its first word and the rest, without blanks around it. A line that
// has control characters in its middle is not ok: nats.go cuts them out, or counts them for the
// end.
func controlLine(line []byte) (word, rest []byte, ok bool) {
	line = withoutEnd(line)
	for _, c := range line {
		if c < ' ' && c != '\t' {
			return nil, nil, false
		}
	}
	i := bytes.IndexAny(line, " \t")
	if i < 0 {
		return line, nil, true
	}
	return line[:i], bytes.Trim(line[i:], " \t"), true
}

func withoutEnd(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
}

// mostDigits are those that a number of the protocol may have; none of them comes near the end
// of int64.
const mostDigits = 18

func wireNumber(digits []byte) (int, bool) {
	if len(digits) > mostDigits {
		digits = bytes.TrimLeft(digits, "0")
	}
	n := int64(0)
	for _, c := range digits {
		if c < '0' || c > '9' || len(digits) > mostDigits {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	if n > maxInt {
		return 0, false
	}
	return int(n), true
}

// maxInt is the largest int, which has 32 bits on some machines.
const maxInt = int64(^uint(0) >> 1)

func badLine(line []byte) *fault.Error {
	const enough = 80
	return fault.New(fault.Protocol, "Invalid protocol line "+strconv.Quote(string(bytes.TrimSpace(line[:min(len(line), enough)]))))
}
