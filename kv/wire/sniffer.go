// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"natstcl/kv/fault"
)

// sniffer follows the protocol as it is read, no further than it has to, to see
// INFO and -ERR as they were sent: nats.go keeps a fixed struct of the one, and closes
// the connection at some of the other that are told and survived here (docs/connection.md "Asynchronous errors"). It
// takes -ERR lines out of the stream, and sees to it that a line of a message's header
// without a colon is skipped: nats.go would drop the whole header.
//
// It is also the guard of nats.go's parser, which makes room for whatever size a line
// tells, and panics at one beyond int64, in a goroutine of its own. What is refused here never
// gets there, and both have to agree on where each line begins and ends.
type sniffer struct {
	onInfo    func(json []byte)
	onMessage func(size int) // of the payload and the header
	// onErr gets the text without quotes. Its error ends the connection.
	onErr func(text string) error

	line    []byte // the beginning of a control line that is not complete yet
	skipped int    // bytes of a line that is not kept
	header  int    // bytes of a message's header still to come
	lines   int    // of the header, so far
	begun   bool   // of the header's line some bytes are passed on, or it is the first one
	held    []byte // the beginning of a header's line: to be put in front of what comes next
	payload int    // bytes of the payload still to come
	end     string // what must come behind it: CRLF, or what is left of that
	state   lineState
}

type lineState int

const (
	atStart  lineState = iota // of a control line
	inLine                    // in one that may matter: kept in line
	skipping                  // in one that does not, up to its LF
	inErr                     // in an -ERR: kept in line, and taken out
)

// maxLine bounds what is kept of one line; servers send no longer ones (an INFO of a
// big cluster has some kilobytes).
const maxLine = 1 << 20

// maxHeld bounds what is held back of a header's line. It is less than what is read at once.
const maxHeld = 8 << 10

// takeHeld puts what was held back at the beginning of b, and returns its length.
func (s *sniffer) takeHeld(b []byte) int {
	n := copy(b, s.held)
	s.held = s.held[:0]
	return n
}

// filter looks at b, which begins with what was held back, and returns what is left of it.
func (s *sniffer) filter(b []byte) ([]byte, error) {
	out := b[:0]
	for len(b) > 0 {
		if s.header > 0 {
			n := s.headerLine(b)
			if n == 0 {
				s.held = append(s.held, b...)
				break
			}
			out = append(out, b[:n]...)
			s.header -= n
			b = b[n:]
			continue
		}
		if s.payload > 0 {
			n := min(s.payload, len(b))
			out = append(out, b[:n]...)
			s.payload -= n
			b = b[n:]
			continue
		}
		if s.end != "" {
			if b[0] != s.end[0] {
				return out, fault.New(fault.Protocol, "A message is not followed by the end of its line")
			}
			out = append(out, b[0])
			s.end, b = s.end[1:], b[1:]
			continue
		}
		if s.state == atStart {
			switch b[0] {
			case 'M', 'm', 'H', 'h', 'I', 'i':
				s.state = inLine
			case '-':
				s.state = inErr
			default:
				s.state = skipping
			}
		}
		end := bytes.IndexByte(b, '\n')
		chunk := b
		if end >= 0 {
			chunk = b[:end+1]
		}
		b = b[len(chunk):]
		passed, err := s.control(chunk, end >= 0)
		if err != nil {
			return out, err
		}
		if passed {
			out = append(out, chunk...)
		}
	}
	return out, nil
}

// control looks at a piece of a control line, whole where it is its end, and tells whether nats.go
// gets it.
func (s *sniffer) control(chunk []byte, whole bool) (passed bool, err error) {
	line, state := chunk, s.state
	if state == skipping {
		s.skipped += len(chunk)
	} else if len(s.line) > 0 || !whole {
		s.line = append(s.line, chunk...)
		line = s.line
	}
	if max(len(line), s.skipped) > maxLine {
		return false, fault.New(fault.Protocol, "A protocol line is too long")
	}
	if whole {
		s.state, s.skipped = atStart, 0
		err = s.complete(state, line)
		s.line = s.line[:0]
	}
	return state != inErr, err
}

// complete looks at a whole line.
func (s *sniffer) complete(state lineState, line []byte) error {
	switch state {
	case inErr:
		text := bytes.TrimSpace(line)
		if i := bytes.IndexAny(text, " \t"); i >= 0 {
			text = text[i:]
		} else {
			text = nil
		}
		return s.onErr(string(bytes.Trim(bytes.TrimSpace(text), "'")))
	case inLine:
		if line[0] == 'I' || line[0] == 'i' {
			json, err := infoLine(line)
			if err == nil {
				s.onInfo(json)
			}
			return err
		}
		header, size, err := messageLine(line)
		if err != nil {
			return err
		}
		s.header, s.payload, s.end = header, size-header, "\r\n"
		s.begun, s.lines = true, 0
		s.onMessage(size)
	}
	return nil
}

// headerLine looks at one line of a header, the first one aside: without a colon it gets an
// empty key, which nats.go skips. It returns how many bytes of b are done, 0 where more have to
// come.
func (s *sniffer) headerLine(b []byte) int {
	b = b[:min(s.header, len(b))]
	if s.lines >= maxHeaderLines {
		// nats.go reads no further, and tells ErrBadHeaderMsg.
		for i := range b {
			if b[i] == ':' {
				b[i] = ' '
			}
		}
		return len(b)
	}
	end := bytes.IndexByte(b, '\n') + 1
	switch {
	case end == 0 && !s.begun && len(b) < s.header && len(b) < maxHeld:
		return 0
	case end == 0:
		s.begun = true
		return len(b)
	}
	line := bytes.TrimRight(b[:end], "\r\n")
	if !s.begun && len(line) > 0 && end <= maxHeld && bytes.IndexByte(line, ':') < 0 {
		line[0] = ':'
	}
	s.begun = false
	s.lines++
	return end
}
