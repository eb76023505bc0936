// SPDX-License-Identifier: Apache-2.0

//go:build floor

// The floor of the benchmark on a core in Go: the program of tests/bench/floor, with nats.go in place of its socket.
// It shows what a client in Tcl costs at least whose core is a library of Go's. What the script publishes comes as lines of
// the protocol, many with one call; what comes for it is gathered, as such lines, in memory of C's, and is fetched with
// one call for all. It doubts nothing, and has one connection.
package main

/*
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void wake(int fd) { eventfd_write(fd, 1); }
*/
import "C"

import (
	"bytes"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"github.com/nats-io/nats.go"
)

var (
	conn          *nats.Conn
	subscriptions = map[string]*nats.Subscription{}

	mu     sync.Mutex
	event  C.int  // is written where something has come, and nothing was there
	memory []byte // of C's: what has come, and room
	used   int
)

//export floorDial
func floorDial(url *C.char) C.int {
	event = C.eventfd(0, C.EFD_NONBLOCK)
	var err error
	if conn, err = nats.Connect(C.GoString(url)); err != nil {
		panic(err)
	}
	return event
}

// floorTake gives what has come, and takes other memory, of so many bytes, for what is to come.
//
//export floorTake
func floorTake(other *C.char, size C.size_t, length *C.size_t) (came *C.char, room C.size_t) {
	mu.Lock()
	defer mu.Unlock()
	*length = C.size_t(used)
	came, room = (*C.char)(unsafe.Pointer(unsafe.SliceData(memory))), C.size_t(len(memory))
	memory, used = unsafe.Slice((*byte)(unsafe.Pointer(other)), int(size)), 0
	return came, room
}

// floorGive sends lines of the protocol: PUB, SUB, UNSUB.
//
//export floorGive
func floorGive(p *C.char, n C.size_t) {
	lines := unsafe.Slice((*byte)(unsafe.Pointer(p)), int(n))
	for len(lines) > 0 {
		end := bytes.IndexByte(lines, '\n')
		line := unsafe.String(unsafe.SliceData(lines), end-1)
		lines = lines[end+1:]
		verb, rest, _ := strings.Cut(line, " ")
		switch verb {
		case "PUB":
			lines = publish(rest, lines)
		case "SUB":
			subject, id, _ := strings.Cut(strings.Clone(rest), " ")
			s, err := conn.Subscribe(subject, func(m *nats.Msg) { take(m, id) })
			if err != nil {
				panic(err)
			}
			_ = s.SetPendingLimits(-1, -1)
			subscriptions[id] = s
		case "UNSUB":
			_ = subscriptions[rest].Unsubscribe()
			delete(subscriptions, rest)
		}
	}
}

// publish sends one message, and returns what is behind it.
func publish(line string, lines []byte) []byte {
	subject, rest, _ := strings.Cut(line, " ")
	reply, digits, replied := strings.Cut(rest, " ")
	if !replied {
		reply, digits = "", rest
	}
	size, err := strconv.Atoi(digits)
	if err == nil && reply != "" {
		err = conn.PublishRequest(subject, reply, lines[:size])
	} else if err == nil {
		err = conn.Publish(subject, lines[:size])
	}
	if err != nil {
		panic(err)
	}
	return lines[size+2:]
}

const status = "NATS/1.0 100\r\n\r\n"

// take gathers a message for the script.
func take(m *nats.Msg, id string) {
	mu.Lock()
	defer mu.Unlock()
	if need := used + len(m.Subject) + len(m.Reply) + len(m.Data) + 128; need > len(memory) {
		p := C.realloc(unsafe.Pointer(unsafe.SliceData(memory)), C.size_t(2*need))
		memory = unsafe.Slice((*byte)(p), 2*need)
	}
	first := used == 0
	b := memory[:used]
	if len(m.Header) > 0 { // flow control and heartbeats alone have one
		b = append(b, 'H')
	}
	b = append(append(append(b, "MSG "...), m.Subject...), ' ')
	b = append(append(b, id...), ' ')
	if m.Reply != "" {
		b = append(append(b, m.Reply...), ' ')
	}
	size := len(m.Data)
	if len(m.Header) > 0 {
		b = append(strconv.AppendInt(b, int64(len(status)), 10), ' ')
		size += len(status)
	}
	b = append(strconv.AppendInt(b, int64(size), 10), "\r\n"...)
	if len(m.Header) > 0 {
		b = append(b, status...)
	}
	b = append(append(b, m.Data...), "\r\n"...)
	used = len(b)
	if first {
		C.wake(event)
	}
}

func main() {}
