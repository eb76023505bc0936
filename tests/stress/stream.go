// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A stream is what the server has at the end, read message by message by nats.go itself.
type stream struct {
	last     uint64                       // the sequence number of its last message
	messages map[uint64]message           // by sequence number
	places   map[string]map[string]uint64 // key -> value -> its sequence number
	markers  map[string][]uint64          // key -> the sequence numbers of its deletions
	previous map[uint64]uint64            // sequence number -> that of the same key before it, 0 for none
	final    map[string]uint64            // key -> its last sequence number
	twice    []string                     // values that are there more than once
	replicas bool                         // a cluster has it
}

type message struct {
	key, value string
	marker     bool  // a deletion
	stored     int64 // when, in µs since 1970
}

func newStream() *stream {
	return &stream{messages: map[uint64]message{}, places: map[string]map[string]uint64{}, markers: map[string][]uint64{},
		previous: map[uint64]uint64{}, final: map[string]uint64{}}
}

// add notes a message; they come in the stream's order.
func (s *stream) add(sequence uint64, m message) {
	s.last = sequence
	s.messages[sequence] = m
	s.previous[sequence] = s.final[m.key]
	s.final[m.key] = sequence
	if m.marker {
		s.markers[m.key] = append(s.markers[m.key], sequence)
		return
	}
	if s.places[m.key] == nil {
		s.places[m.key] = map[string]uint64{}
	}
	if _, there := s.places[m.key][m.value]; there {
		s.twice = append(s.twice, fmt.Sprintf("%s: %s", m.key, m.value))
	}
	s.places[m.key][m.value] = sequence
}

// readStream reads all messages of a stream.
func readStream(ctx context.Context, js jetstream.JetStream, name, prefix string) (*stream, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	source, err := js.Stream(ctx, name)
	if err != nil {
		return nil, err
	}
	result := newStream()
	result.replicas = source.CachedInfo().Config.Replicas > 1
	last := source.CachedInfo().State.LastSeq
	if source.CachedInfo().State.Msgs == 0 {
		return result, nil
	}
	consumer, err := source.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return nil, err
	}
	messages, err := consumer.Messages()
	if err != nil {
		return nil, err
	}
	defer messages.Stop()
	stop := context.AfterFunc(ctx, messages.Stop)
	defer stop()
	for result.last < last {
		m, err := messages.Next()
		if err != nil {
			return nil, fmt.Errorf("%s read to %d of %d: %w", name, result.last, last, err)
		}
		metadata, err := m.Metadata()
		if err != nil {
			return nil, err
		}
		result.add(metadata.Sequence.Stream, message{
			key: strings.TrimPrefix(m.Subject(), prefix), value: string(m.Data()), marker: m.Headers().Get("KV-Operation") != "",
			stored: metadata.Timestamp.UnixMicro()})
	}
	return result, nil
}

func number(text string) uint64 {
	n, _ := strconv.ParseUint(text, 10, 64)
	return n
}
