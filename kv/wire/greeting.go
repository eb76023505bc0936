// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bufio"
	"errors"
	"natstcl/kv/fault"
	"net"
)

// maxGreeting bounds the first INFO.
const maxGreeting = 256 << 10

// readLine reads a line, and returns the connection as it is behind it: the TLS handshake begins
// there.
func readLine(c net.Conn) (behind net.Conn, line string, err error) {
	r := bufio.NewReader(c)
	var all []byte
	for {
		piece, err := r.ReadSlice('\n')
		all = append(all, piece...)
		switch {
		case len(all) > maxGreeting:
			return nil, "", fault.New(fault.Protocol, "A protocol line is too long")
		case err == nil:
			return &greeted{c, r}, string(all), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, "", err
		}
	}
}

// greeted is a connection of which a line was read, and maybe more than that.
type greeted struct {
	net.Conn
	ahead *bufio.Reader // nil: nothing is left in it
}

func (g *greeted) Read(b []byte) (int, error) {
	if g.ahead != nil && g.ahead.Buffered() > 0 {
		return g.ahead.Read(b)
	}
	g.ahead = nil
	return g.Conn.Read(b)
}
