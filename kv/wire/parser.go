// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"natstcl/kv/fault"
)

// parser reads what a server sends: it makes messages of MSG and HMSG, tells of INFO and -ERR, and leaves PING, PONG and
// +OK to nats.go, which gets INFO as well. nats.go would keep a fixed struct of an INFO, and close the connection at some of
// the -ERR that are told and survived here (docs/connection.md "Asynchronous errors").
//
// Messages do not go through nats.go, which would read each of them once more, and hand it to another goroutine: that took
// a fifth of the client's time where many come. So this is what stands between a server, whatever it sends, and the memory
// of the process: lines, sizes and headers have bounds (control.go).
type parser struct {
	onInfo func(json []byte)
	// onMessage gets a message, whole. What it keeps of a is to be copied; body, which has the header in front, is its own
	// where owned is true.
	onMessage func(a *arrival, body []byte, owned bool)
	// onErr gets the text without quotes. Its error ends the connection.
	onErr func(text string) error

	line    []byte // the beginning of a control line that is not complete yet
	skipped int    // bytes of a line that is not kept
	state   lineState

	// Of a message of which the end has not come yet:
	coming  arrival
	names   []byte // its subject and its reply subject
	body    []byte
	missing int    // bytes at the end of body that are still to come
	end     string // what must come behind it: CRLF, or what is left of that; "": no message is coming
}

type lineState int

const (
	atStart   lineState = iota // of a control line
	inMessage                  // in a MSG or HMSG: kept in line, as it is in those that follow
	inInfo                     // in an INFO
	inErr                      // in an -ERR
	skipping                   // in another one, which is nats.go's, up to its LF
)

// maxLine bounds what is kept of one line; servers send no longer ones (an INFO of a
// big cluster has some kilobytes).
const maxLine = 1 << 20

const lineEnd = "\r\n"

// parse reads b, and returns what of it is for nats.go, in the same memory.
func (p *parser) parse(b []byte) ([]byte, error) {
	out := b[:0]
	for len(b) > 0 {
		if p.missing > 0 {
			n := copy(p.body[len(p.body)-p.missing:], b)
			p.missing -= n
			b = b[n:]
			continue
		}
		if p.end != "" {
			if b[0] != p.end[0] {
				return out, errNoEnd()
			}
			if p.end, b = p.end[1:], b[1:]; p.end == "" {
				p.arrived()
			}
			continue
		}
		if p.state == atStart {
			switch b[0] {
			case 'M', 'm', 'H', 'h':
				p.state = inMessage
			case 'I', 'i':
				p.state = inInfo
			case '-':
				p.state = inErr
			default:
				p.state = skipping
			}
		}
		end := bytes.IndexByte(b, '\n')
		chunk := b
		if end >= 0 {
			chunk = b[:end+1]
		}
		b = b[len(chunk):]
		state := p.state
		line, err := p.control(chunk, end >= 0)
		if err == nil && line != nil {
			switch state {
			case inErr:
				err = p.onErr(errText(line))
			case inInfo:
				err = p.info(line)
			case inMessage:
				b, err = p.message(line, b)
			}
			p.line = p.line[:0]
		}
		if err != nil {
			return out, err
		}
		if state == skipping || state == inInfo {
			out = append(out, chunk...) // in pieces, as it comes; it moves them, and so it comes last
		}
	}
	return out, nil
}

func errNoEnd() error {
	return fault.New(fault.Protocol, "A message is not followed by the end of its line")
}

// control looks at a piece of a control line, whole where it is its end. It returns the line when it is complete, nil before
// that, and of a line that is skipped what there is of it.
func (p *parser) control(chunk []byte, whole bool) ([]byte, error) {
	line := chunk
	switch {
	case p.state == skipping:
		p.skipped += len(chunk)
	case len(p.line) > 0 || !whole:
		p.line = append(p.line, chunk...)
		line = p.line
	}
	if max(len(line), p.skipped) > maxLine {
		return nil, fault.New(fault.Protocol, "A protocol line is too long")
	}
	if !whole {
		return nil, nil
	}
	p.state, p.skipped = atStart, 0
	return line, nil
}

// errText is the text of an -ERR line, without quotes.
func errText(line []byte) string {
	text := bytes.TrimSpace(line)
	i := bytes.IndexAny(text, " \t")
	if i < 0 {
		return ""
	}
	return string(bytes.Trim(bytes.TrimSpace(text[i:]), "'"))
}

func (p *parser) info(line []byte) error {
	json, err := infoLine(line)
	if err == nil {
		p.onInfo(json)
	}
	return err
}

// message reads the line of a message. It returns what is behind the message in b, which has nothing more where the message
// goes on.
func (p *parser) message(line, b []byte) ([]byte, error) {
	a := &p.coming // not of the stack, for onMessage is given it
	var err error
	if *a, err = messageLine(line); err != nil {
		return nil, err
	}
	if whole := a.size + len(lineEnd); len(b) >= whole {
		if string(b[a.size:whole]) != lineEnd {
			return nil, errNoEnd()
		}
		p.onMessage(a, b[:a.size], false)
		return b[whole:], nil
	}
	p.names = append(append(p.names[:0], a.subject...), a.reply...)
	a.subject, a.reply = p.names[:len(a.subject)], p.names[len(a.subject):]
	p.body, p.missing, p.end = make([]byte, a.size), a.size, lineEnd
	return b, nil
}

func (p *parser) arrived() {
	body := p.body
	p.body = nil
	p.onMessage(&p.coming, body, true)
}

// leastDirect is how much of a message has to be missing for being read to where it belongs.
const leastDirect = 4 << 10

// space is where the rest of a large message may be read to, nil where none is coming. filled tells how much of it was read.
func (p *parser) space() []byte {
	if p.missing < leastDirect {
		return nil
	}
	return p.body[len(p.body)-p.missing:]
}

func (p *parser) filled(n int) { p.missing -= n }
