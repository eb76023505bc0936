// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// An event is one line that a worker has written: a call that it made, or something that it was told.
type event struct {
	worker     string
	what       string // put, create, …; seen, consumed, cache
	begin, end int64  // µs since 1970; 0 where it is no call
	key, value string // - where there is none
	expected   uint64 // the revision of an update; of what was seen its own
	code       string // ok, or an errorCode
	result     string
}

// ok tells whether the call succeeded.
func (e *event) ok() bool { return e.code == "ok" }

// isCall tells whether it is a call; else it is something that the worker was told.
func (e *event) isCall() bool { return e.end > 0 }

// revision is the first word of the result.
func (e *event) revision() uint64 {
	text, _, _ := strings.Cut(e.result, " ")
	revision, _ := strconv.ParseUint(text, 10, 64)
	return revision
}

// String is the event as a report names it.
func (e *event) String() string {
	return fmt.Sprintf("%s: %s %s %s %d from %d to %d: %s %s", e.worker, e.what, e.key, e.value, e.expected, e.begin, e.end, e.code, e.result)
}

// parse reads a line of a worker's file.
func parse(worker, line string) (*event, error) {
	fields := strings.SplitN(line, "\t", 8)
	if len(fields) != 8 {
		return nil, fmt.Errorf("%s wrote %q", worker, line)
	}
	e := &event{worker: worker, what: fields[0], key: fields[3], value: fields[4], code: fields[6], result: fields[7]}
	var err error
	if e.begin, err = strconv.ParseInt(fields[1], 10, 64); err != nil {
		return nil, err
	}
	if e.end, err = strconv.ParseInt(fields[2], 10, 64); err != nil {
		return nil, err
	}
	e.expected, err = strconv.ParseUint(fields[5], 10, 64)
	return e, err
}

// readHistory reads what a worker has written.
func readHistory(worker, file string) ([]*event, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var events []*event
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		e, err := parse(worker, lines.Text())
		if err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	return events, lines.Err()
}
