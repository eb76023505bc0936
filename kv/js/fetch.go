package js

import (
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/wire"
)

// FetchConfig is one pull request (jetstream.md, Fetching).
type FetchConfig struct {
	Batch   int           // messages at most, 1 and more
	Timeout time.Duration // of the client; 0: what is there now, with the JetStream's timeout
	Expires time.Duration // of the server; 0: a little less than Timeout
	Explain bool          // where its time is over and nothing came, asks why before it ends
}

// expiresBefore is by how much the server's limit is shorter than the client's, so that
// its word that the time is over arrives first; below twice that there is no difference.
const expiresBefore = 10 * time.Millisecond

// body is the request's JSON.
func (f *FetchConfig) body() []byte {
	d := dict.Dict{{Key: "batch", Value: f.Batch}}
	switch {
	case f.Timeout == 0:
		d.Set("no_wait", true)
	case f.Expires > 0:
		d.Set("expires", int64(f.Expires))
	case f.Timeout < 2*expiresBefore:
		d.Set("expires", int64(f.Timeout))
	default:
		d.Set("expires", int64(f.Timeout-expiresBefore))
	}
	return d.JSON()
}

// Fetch is a pull request that is under way.
type Fetch struct {
	js               *JetStream
	stream, consumer string
	config           FetchConfig
	subject          string
	deadline         time.Time // of the client; zero: without end
	take             func(*nats.Msg)
	end              func(status *nats.Msg, err error)

	mu        sync.Mutex
	pending   *wire.Pending
	cancelled bool
}

// Fetch asks a pull consumer for messages. take is called with each, in order; end once
// behind them, with the server's status message where the request ended early (404, 408,
// 409), or an error: ErrTimeout, where the time is over or the connection is lost for good;
// ErrConnectionClosed; ErrStreamNotFound, ErrConsumerNotFound and
// ErrJetStreamNotEnabled where that is why nothing came. Both are called by goroutines of
// the connection.
func (j *JetStream) Fetch(stream, consumer string, c FetchConfig, take func(*nats.Msg), end func(status *nats.Msg, err error)) (*Fetch, error) {
	if err := checkStreamName(stream); err != nil {
		return nil, err
	}
	if err := checkConsumerName(consumer); err != nil {
		return nil, err
	}
	f := &Fetch{
		js: j, stream: stream, consumer: consumer, config: c, take: take, end: end,
		subject: j.prefix + ".CONSUMER.MSG.NEXT." + stream + "." + consumer,
	}
	timeout := c.Timeout
	if timeout == 0 {
		timeout = j.options.Timeout
	}
	if timeout > 0 {
		f.deadline = time.Now().Add(timeout)
	}
	if err := f.send(timeout); err != nil {
		return nil, err
	}
	return f, nil
}

// Cancel ends the request. take and end may be running; they are not called again.
func (f *Fetch) Cancel() {
	f.mu.Lock()
	f.cancelled = true
	pending := f.pending
	f.mu.Unlock()
	pending.Cancel()
}

// send makes one request, which may take so long (0: without end).
func (f *Fetch) send(timeout time.Duration) error {
	j := f.js
	request := &nats.Msg{Subject: f.subject, Data: f.config.body()}
	if j.options.Trace {
		j.conn.Logf(wire.LogDebug, ">>> %s %s", request.Subject, request.Data)
	}
	came := 0
	var status *nats.Msg
	take := func(m *nats.Msg) bool {
		if code := statusOf(m); code == "100" {
			return false
		} else if code != "" {
			status = m
			return true
		}
		came++
		f.take(m)
		return came == f.config.Batch
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cancelled {
		return nil
	}
	pending, err := j.conn.Collect(request, timeout, take, func(_ *nats.Msg, err error) { f.over(came, status, err) })
	if err == nil {
		f.pending = pending
	}
	return err
}

// over is the end of one request.
func (f *Fetch) over(came int, status *nats.Msg, err error) {
	nobody, late := wire.CodeOf(err) == "ErrNoResponders", wire.IsDeadline(err)
	switch {
	case nobody, late && came == 0 && f.config.Explain && f.js.conn.Status() == wire.Connected:
		// Nobody was there to take the request, or to answer it: why?
		f.js.absent(f.stream, f.consumer, func(why error) {
			if why != nil || !nobody {
				f.tell(why)
				return
			}
			f.retry()
		})
	case late:
		f.tell(nil)
	default:
		f.finish(status, err)
	}
}

// tell ends it with a reason; with none its time is over.
func (f *Fetch) tell(why error) {
	if why == nil {
		why = &fetchTimeout{wire.Fail("ErrTimeout", "Sync pull request timeout, subject="+f.subject)}
	}
	f.finish(nil, why)
}

func (f *Fetch) finish(status *nats.Msg, err error) {
	f.mu.Lock()
	cancelled := f.cancelled
	f.mu.Unlock()
	if !cancelled {
		f.end(status, err)
	}
}

// retryFetch is the wait before a request is made again that nobody took, though the
// consumer is there: its leader may be changing.
const retryFetch = 100 * time.Millisecond

func (f *Fetch) retry() {
	time.AfterFunc(retryFetch, func() {
		f.js.conn.Guarded(func() {
			var left time.Duration
			if !f.deadline.IsZero() {
				if left = time.Until(f.deadline); left <= 0 {
					f.tell(nil)
					return
				}
			}
			if err := f.send(left); err != nil {
				f.tell(err)
			}
		})
	})
}

// fetchTimeout is the ErrTimeout of a fetch whose own time is over.
type fetchTimeout struct{ cause *wire.Error }

func (e *fetchTimeout) Error() string { return e.cause.Text }
func (e *fetchTimeout) Unwrap() error { return e.cause }

// IsFetchTimeout tells whether a fetch ended because its time was over.
func IsFetchTimeout(err error) bool {
	var late *fetchTimeout
	return errors.As(err, &late)
}

// statusOf is the code of a message that is the server's own, "" for one of a stream.
func statusOf(m *nats.Msg) string {
	if len(m.Data) > 0 || len(m.Header) == 0 || m.Reply != "" {
		return ""
	}
	return m.Header.Get("Status")
}

// absent has done called with the reason why a consumer does not answer, where the API
// can tell one: the stream, the consumer or JetStream is not there.
func (j *JetStream) absent(stream, consumer string, done func(error)) {
	err := j.ConsumerInfo(stream, consumer, func(_ dict.Dict, err error) {
		switch wire.CodeOf(err) {
		case "ErrConnectionClosed", "ErrStreamNotFound", "ErrConsumerNotFound", "ErrJetStreamNotEnabled", "ErrJetStreamNotEnabledForAccount":
			done(err)
		default:
			done(nil)
		}
	})
	if err != nil {
		done(nil)
	}
}
