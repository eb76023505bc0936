// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
)

// speaker is a server that says what a test gives it to say, behind the first subscription of each
// connection. It is told the lines that clients send.
type speaker struct {
	listener net.Listener
	info     string                     // fields of INFO, as JSON
	said     func(sid string) string    // behind a SUB
	heard    func(c net.Conn, l string) // each line; nil: nobody wants to know
}

func startSpeaker(t *testing.T, s *speaker) string {
	t.Helper()
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.listener.Close() })
	go func() {
		for {
			c, err := s.listener.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
	return "nats://" + s.listener.Addr().String()
}

func (s *speaker) serve(c net.Conn) {
	defer c.Close()
	info := `"headers":true,"max_payload":1048576`
	if s.info != "" {
		info += "," + s.info
	}
	fmt.Fprintf(c, "INFO {%s}\r\n", info)
	for in := bufio.NewScanner(c); in.Scan(); {
		line := in.Text()
		if s.heard != nil {
			s.heard(c, line)
		}
		fields := strings.Fields(line)
		switch {
		case line == "PING":
			fmt.Fprint(c, "PONG\r\n")
		case s.said != nil && len(fields) == 3 && fields[0] == "SUB":
			fmt.Fprint(c, s.said(fields[2]))
		}
	}
}

// nats.go's parser makes room for what a line tells, and panics beyond int64: what no server says
// ends the connection before it gets there, whatever way it is put.
func TestWhatNoServerSaysEndsTheConnection(t *testing.T) {
	const endless = 2 << 20
	for name, said := range map[string]string{
		"a size beyond memory":        "MSG x SID 30000000000\r\nabc",
		"a size that is swallowed":    "MSG x SID 20000000000\r\nabc",
		"a size beyond 64 MiB":        "MSG x SID 67108865\r\nabc",
		"a size beyond int64":         "MSG x SID 9999999999999999999\r\nabc",
		"a size around int64":         "MSG x SID 18446744073709551620\r\nabc",
		"a size with reply":           "MSG x SID r 30000000000\r\nabc",
		"a size in capitals' lack":    "msg x SID 30000000000\r\nabc",
		"a negative size":             "MSG x SID -1\r\nabc",
		"no size":                     "MSG x SID\r\nabc",
		"too many fields":             "MSG x SID r 3 3\r\nabc\r\n",
		"a size in hex":               "MSG x SID 0x3\r\nabc\r\n",
		"a number of another script":  "MSG x SID \u0663\r\nabc\r\n",
		"a sid that is none":          "MSG x -SID 3\r\nabc\r\n",
		"a header's message":          "HMSG x SID 12 30000000000\r\nNATS/1.0\r\n\r\n",
		"a header beyond its message": "HMSG x SID 13 12\r\nNATS/1.0\r\n\r\n\r\n",
		"a header beyond int64":       "HMSG x SID 18446744073709551628 12\r\nNATS/1.0\r\n\r\n\r\n",
		"a header's size in hex":      "HMSG x SID 0xc 12\r\nNATS/1.0\r\n\r\n\r\n",
		"a big header":                "HMSG x SID 70000000 70000000\r\nNATS/1.0\r\n",
		// nats.go cuts the last digit off here, and goes on with a line where the size says payload.
		"a CR in the middle":          "MSG x\r SID 29\nab\r\nMSG x SID 9999999999999999999\n",
		"a line feed for the subject": "MSG \nMSG x SID 42\r\nMSG x SID 9999999999999999999\r\n",
		"a line feed for the INFO":    "INFO \nMSG x SID 42\r\nMSG x SID 9999999999999999999\r\n",
		// and takes nothing for a line before the next LF here.
		"a payload without an end": "MSG x SID 1\r\naXYMSG x SID 40\r\nMSG x SID 9999999999999999999\r\n",
		"a NUL":                    "MSG x\x00 SID 3\r\nabc\r\n",
		"a MSG line without end":   "MSG " + strings.Repeat("x", endless),
		"an INFO without end":      "INFO {" + strings.Repeat("x", endless),
		"an -ERR without end":      "-ERR '" + strings.Repeat("x", endless),
		"a PING without end":       "PING" + strings.Repeat("x", endless),
		"a PONG without end":       "PONG" + strings.Repeat("x", endless),
		"an +OK without end":       "+OK" + strings.Repeat("x", endless),
	} {
		t.Run(name, func(t *testing.T) {
			first := true
			url := startSpeaker(t, &speaker{said: func(sid string) string {
				if !first {
					return "MSG x " + sid + " 3\r\nabc\r\n"
				}
				first = false
				return strings.ReplaceAll(said, "SID", sid)
			}})
			c, r := connected(t, DefaultOptions(), url)
			got := make(chan string, 10)
			if _, err := c.Subscribe("x", "", 0, func(m *nats.Msg) { got <- string(m.Data) }); err != nil {
				t.Fatal(err)
			}
			r.await(t, "status reconnecting")
			if m := <-got; m != "abc" { // of the next connection: nothing came of this one
				t.Errorf("got %q", m)
			}
			for _, event := range r.all() {
				if strings.HasPrefix(event, "error Err") && !strings.HasPrefix(event, "error ErrProtocol ") {
					t.Error(event)
				}
			}
		})
	}
}

// What servers may say is taken: blanks of both kinds, small letters, no payload, zeros in front.
func TestWhatServersMaySayIsTaken(t *testing.T) {
	said := "MSG x SID 3\r\none\r\n" +
		"msg\tx\tSID\t \t003\t\r\ntwo\r\n" +
		"PING\r\n+OK\r\nINFO {\"max_payload\":1048576,\"headers\":true}\r\n" +
		"MSG x SID reply 0\r\n\r\n" +
		"HMSG x SID 20 23\r\nNATS/1.0\r\nkey: a\r\n\r\nfou\r\n" +
		"hmsg x SID reply 12 12\r\nNATS/1.0\r\n\r\n\r\n" +
		"MSG x SID 0000000000000000000000000000004\r\nlast\r\n"
	url := startSpeaker(t, &speaker{said: func(sid string) string { return strings.ReplaceAll(said, "SID", sid) }})
	c, _ := connected(t, DefaultOptions(), url)
	got := make(chan string, 10)
	if _, err := c.Subscribe("x", "", 0, func(m *nats.Msg) { got <- m.Reply + "/" + m.Header.Get("key") + "/" + string(m.Data) }); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"//one", "//two", "reply//", "/a/fou", "reply//", "//last"} {
		if m := <-got; m != want {
			t.Errorf("got %q, want %q", m, want)
		}
	}
	if c.Status() != Connected {
		t.Error(c.Status())
	}
}

// A header of very many lines costs the memory of its bytes, not of a map of them: it is a bad
// one, and its message comes without.
func TestAHeaderOfVeryManyLinesIsBad(t *testing.T) {
	header := "NATS/1.0\r\n" + strings.Repeat("k: v\r\n", 2*maxHeaderLines) + "\r\n"
	few := "NATS/1.0\r\n" + strings.Repeat("k: v\r\n", maxHeaderLines-2) + "\r\n"
	message := func(sid, header, data string) string {
		return fmt.Sprintf("HMSG x %s %d %d\r\n%s%s\r\n", sid, len(header), len(header)+len(data), header, data)
	}
	url := startSpeaker(t, &speaker{said: func(sid string) string {
		return message(sid, header, "many") + message(sid, few, "few")
	}})
	c, r := connected(t, DefaultOptions(), url)
	got := make(chan *nats.Msg, 10)
	if _, err := c.Subscribe("x", "", 0, func(m *nats.Msg) { got <- m }); err != nil {
		t.Fatal(err)
	}
	if m := <-got; string(m.Data) != "many" || len(m.Header) != 0 {
		t.Errorf("got %q with %d keys", m.Data, len(m.Header))
	}
	if m := <-got; string(m.Data) != "few" || len(m.Header["k"]) != maxHeaderLines-2 {
		t.Errorf("got %q with %d values", m.Data, len(m.Header["k"]))
	}
	r.await(t, "error ErrBadHeaderMsg A message with an invalid header came on x")
}
