package wire

import "bytes"

// sniffer follows the protocol as it is read, no further than it has to, to see
// INFO and -ERR as they were sent: nats.go keeps a fixed struct of the one, and closes
// the connection at some of the other that the contract wants told and survived. It
// takes -ERR lines out of the stream.
type sniffer struct {
	onInfo func(json []byte)
	// onErr gets the text without quotes. Its error ends the connection.
	onErr func(text string) error

	line    []byte // the beginning of a control line that is not complete yet
	payload int    // bytes of the payload still to come, CRLF included
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

// filter looks at b, and returns what is left of it.
func (s *sniffer) filter(b []byte) ([]byte, error) {
	out := b[:0]
	for len(b) > 0 {
		if s.payload > 0 {
			n := min(s.payload, len(b))
			out = append(out, b[:n]...)
			s.payload -= n
			b = b[n:]
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
		line := chunk
		if s.state != skipping {
			if len(s.line) > 0 || end < 0 {
				s.line = append(s.line, chunk...)
				line = s.line
			}
			if len(line) > maxLine {
				return out, Fail("ErrProtocol", "A protocol line is too long")
			}
		}
		state := s.state
		var err error
		if end >= 0 {
			s.state = atStart
			err = s.complete(state, line)
			s.line = s.line[:0]
		}
		if state != inErr {
			out = append(out, chunk...) // not before: this may overwrite line
		}
		if err != nil {
			return out, err
		}
	}
	return out, nil
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
		switch line[0] {
		case 'I', 'i':
			if i := bytes.IndexByte(line, '{'); i >= 0 {
				s.onInfo(bytes.TrimSpace(line[i:]))
			}
		default: // MSG and HMSG: the last number is the payload's size
			size := 0
			for _, c := range lastField(line) {
				if c < '0' || c > '9' || size > 1<<30 {
					return nil // nats.go will say what is wrong with it
				}
				size = size*10 + int(c-'0')
			}
			s.payload = size + 2
		}
	}
	return nil
}

func lastField(line []byte) []byte {
	end := len(line)
	for end > 0 && line[end-1] <= ' ' {
		end--
	}
	start := end
	for start > 0 && line[start-1] > ' ' {
		start--
	}
	return line[start:end]
}
