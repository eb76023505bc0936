// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"github.com/nats-io/nats.go"
	"natstcl/kv/dict"
	"natstcl/kv/micro"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// serviceGroup is what a nats::service_group object stands on.
type serviceGroup struct {
	bridge.Object
	core *micro.Group
	s    *service
}

// It holds nothing: its endpoints are the service's.
func (*serviceGroup) Release(*bridge.Package) {}

var serviceGroupOptions = option.Table{
	{Name: "queue", Kind: option.Text, About: "the queue group of those endpoints of the group for which none is given; by default that of the service; empty: none"},
}

// groupOf is the parent of a new group or endpoint: a group, or the service itself.
func groupOf(p *bridge.Package, v bridge.Value) (*service, *micro.Group, error) {
	if g, err := bridge.Get[*serviceGroup](p, v); err == nil {
		return g.s, g.core, nil
	}
	s, err := bridge.Get[*service](p, v)
	if err != nil {
		return nil, nil, err
	}
	g, err := s.core.Group("", nil)
	return s, g, err
}

// cmdServiceGroup returns the handle of a new group.
func cmdServiceGroup(p *bridge.Package, args []bridge.Value) (any, error) {
	o, err := serviceGroupOptions.Parse(args[2:])
	if err != nil {
		return nil, err
	}
	s, outer, err := groupOf(p, args[0])
	if err != nil {
		return nil, err
	}
	inner, err := outer.Group(args[1].Text(), queueOf(o))
	if err != nil {
		return nil, err
	}
	return p.Add(&serviceGroup{core: inner, s: s}, s), nil
}

var endpointOptions = option.Table{
	{Name: "callback", Kind: option.Prefix, Required: true, About: "called as `cmd request`, each time in a coroutine of its own"},
	{Name: "subject", Kind: option.Nonempty, About: "the endpoint's subject, behind the group's prefix; by default its name; may have wildcards"},
	{Name: "metadata", Kind: pairs, About: "texts for programs"},
	{Name: "queue", Kind: option.Text, About: "the queue group: each message goes to one of its members"},
	{Name: "pending_msgs", Kind: option.Natural, Default: dict.Number(pendingMessages), About: "how many messages may wait for the script; further ones are dropped; 0: no limit"},
	{Name: "pending_bytes", Kind: option.Natural, Default: dict.Number(pendingBytes), About: "how many bytes of payloads and headers may wait for the script; further messages are dropped; 0: no limit"},
}

// handler is an endpoint's callback. It lives as long as the service.
type handler struct {
	bridge.Object
	s        *service
	callback bridge.Value // retained
}

func (h *handler) Release(*bridge.Package) { h.callback.Release() }

func cmdServiceEndpoint(p *bridge.Package, args []bridge.Value) (any, error) {
	o, err := endpointOptions.Parse(args[2:])
	if err != nil {
		return nil, err
	}
	s, group, err := groupOf(p, args[0])
	if err != nil {
		return nil, err
	}
	h := &handler{s: s}
	options := micro.EndpointOptions{
		Subject: o.Text("subject"), Queue: queueOf(o),
		PendingMessages: o.Int("pending_msgs"), PendingBytes: o.Int("pending_bytes"),
	}
	if o.Has("metadata") {
		options.Metadata = dictOf(o, "metadata")
	}
	_, err = group.AddEndpoint(args[1].Text(), options, func(r *micro.Request) {
		if !p.Post(&serviceRequest{h: h, core: r}) {
			r.Drop()
		}
	})
	if err != nil {
		return nil, err
	}
	h.callback = o.Get("callback").(bridge.Value).Retain()
	p.Add(h, s)
	return nil, nil
}

// serviceRequest is one request to an endpoint, on its way to the handler and until it is answered.
type serviceRequest struct {
	h        *handler
	core     *micro.Request
	number   int64
	answered bool
	handled  bool // the handler is through
}

func (r *serviceRequest) Run(p *bridge.Package) {
	s := r.h.s
	if !p.Alive(s) {
		r.core.Drop()
		return
	}
	r.core.Begin()
	s.last++
	r.number = s.last
	s.requests[r.number] = r
	s.c.deliver(p, s.serve, r)
}

// WriteTo writes the arguments of serve: the request's number, the callback, and the message with that number.
func (r *serviceRequest) WriteTo(w bridge.Writer) {
	w.List(3)
	w.Int(r.number)
	w.Any(r.h.callback)
	w.List(12)
	message := messageRecord{r.h.s.c, r.core.Msg, 0}
	message.fields(w)
	w.Text("request")
	w.Int(r.number)
}

// settle lets go of a request that is over.
func (r *serviceRequest) settle() {
	if r.handled && (r.answered || r.core.Msg.Reply == "") {
		r.core.Done()
		delete(r.h.s.requests, r.number)
	}
}

// requestOf finds a request by its message, or by its number.
func (s *service) requestOf(v bridge.Value) (*serviceRequest, error) {
	number := v
	if list, err := v.List(); err == nil && len(list) > 1 && len(list)%2 == 0 {
		for i := 0; i < len(list); i += 2 {
			if list[i].Text() == "request" {
				number = list[i+1]
			}
		}
	}
	n, err := bridge.Integer(number)
	if r := s.requests[n]; err == nil && r != nil {
		return r, nil
	}
	return nil, invalid("There is no such request, or it was answered")
}

var respondOptions = option.Table{{Name: "header", Kind: headers, About: "headers: keys with lists of values"}}

func cmdServiceRespond(_ *bridge.Package, s *service, args []bridge.Value) (any, error) {
	o, err := respondOptions.Parse(args[2:])
	if err != nil {
		return nil, err
	}
	r, err := s.requestOf(args[0])
	if err != nil {
		return nil, err
	}
	header, _ := o.Get("header").(nats.Header)
	if err := r.core.Respond(s.c.outgoing(args[1]), header); err != nil {
		return nil, err
	}
	r.answered = true
	r.settle()
	return nil, nil
}

// cmdServiceError answers with an error. The data may stand before the options.
func cmdServiceError(_ *bridge.Package, s *service, args []bridge.Value) (any, error) {
	rest := args[3:]
	var data []byte
	if len(rest)%2 == 1 {
		data, rest = s.c.outgoing(rest[0]), rest[1:]
	}
	o, err := respondOptions.Parse(rest)
	if err != nil {
		return nil, err
	}
	r, err := s.requestOf(args[0])
	if err != nil {
		return nil, err
	}
	header, _ := o.Get("header").(nats.Header)
	if err := r.core.Error(args[1].Text(), args[2].Text(), data, header); err != nil {
		return nil, err
	}
	r.answered = true
	r.settle()
	return nil, nil
}

// cmdServiceFailed is told that a handler has thrown an error: it is the answer, unless there was one.
func cmdServiceFailed(_ *bridge.Package, s *service, args []bridge.Value) (any, error) {
	r, err := s.requestOf(args[0])
	if err != nil {
		return nil, nil // the handler has destroyed the service, or answered and then failed
	}
	code, text := args[1].Text(), args[2].Text()
	if text == "" {
		text = "The handler failed"
	}
	if r.answered || r.core.Msg.Reply == "" {
		r.core.Failed(code, text)
	} else if err := r.core.Error(code, text, nil, nil); err != nil {
		r.core.Failed(code, text) // nobody can be told
	}
	r.answered = true
	return nil, nil
}

// cmdServiceHandled is told that a handler is through.
func cmdServiceHandled(_ *bridge.Package, s *service, args []bridge.Value) (any, error) {
	if r, err := s.requestOf(args[0]); err == nil {
		r.handled = true
		r.settle()
	}
	return nil, nil
}
