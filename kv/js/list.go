// SPDX-License-Identifier: Apache-2.0

package js

import (
	"natstcl/kv/dict"
	"natstcl/kv/fault"
)

// StreamList returns the infos of all streams, however many pages that takes, or of those that
// listen to a subject where that is not empty; durations in ns.
func (j *JetStream) StreamList(subject string, done func([]dict.Dict, error)) error {
	filter := dict.Dict{}
	if subject != "" {
		filter.Set("subject", subject)
	}
	return j.infos(infoPages{at("STREAM.LIST"), "streams", filter, "stream"}, nil, done)
}

// ConsumerList returns the infos of all consumers of a stream, likewise.
func (j *JetStream) ConsumerList(stream string, done func([]dict.Dict, error)) error {
	return j.infos(infoPages{at("CONSUMER.LIST", stream), "consumers", dict.Dict{}, "consumer"}, nil, done)
}

// infoPages is a request whose reply has infos in it, some at a time.
type infoPages struct {
	endpoint endpoint
	field    string // of the reply, that has them
	filter   dict.Dict
	what     string // "stream" or "consumer"
}

// infos reads the page that begins after what is there already.
func (j *JetStream) infos(pages infoPages, known []dict.Dict, done func([]dict.Dict, error)) error {
	request := append(dict.Dict{{Key: "offset", Value: len(known)}}, pages.filter...)
	subject := j.prefix + "." + pages.endpoint.path
	return j.call(pages.endpoint, request.JSON(), func(reply dict.Dict, err error) {
		var page []dict.Dict
		if err == nil {
			page, err = pages.read(subject, reply)
		}
		if err == nil && len(page) > 0 && len(known) > 0 && pages.name(page[0]) == pages.name(known[0]) {
			err = beginsAnew(subject)
		}
		if err != nil {
			done(nil, err)
			return
		}
		known = append(known, page...)
		if len(page) == 0 || uint64(len(known)) >= count(reply, "total") {
			done(known, nil)
			return
		}
		if err := j.infos(pages, known, done); err != nil {
			done(nil, err)
		}
	}, aCount("total"))
}

// read takes the infos out of a reply; null, and nothing at all, is none.
func (p *infoPages) read(subject string, reply dict.Dict) ([]dict.Dict, error) {
	v := reply.Path(p.field)
	list, ok := v.([]any)
	if !ok && v != nil {
		return nil, badReply(subject, p.field+" is no list")
	}
	out := make([]dict.Dict, len(list))
	for i, e := range list {
		info, ok := e.(dict.Dict)
		if _, config := info.Path("config").(dict.Dict); !ok || !config || p.name(info) == "" {
			return nil, badReply(subject, "an element of "+p.field+" is no "+p.what+"'s info")
		}
		out[i] = info
	}
	return out, nil
}

func (p *infoPages) name(info dict.Dict) string {
	if p.what == "stream" {
		return info.Text("config", "name")
	}
	return info.Text("name")
}

// Details are what a stream's info has beside the usual.
type Details struct {
	Deleted  bool   // the sequence numbers of the messages that are deleted
	Subjects string // the subjects that match this filter, with the numbers of their messages; empty: none
}

// StreamDetails is StreamInfo with details, however many pages the subjects take.
func (j *JetStream) StreamDetails(stream string, details Details, done func(dict.Dict, error)) error {
	request := dict.Dict{}
	if details.Deleted {
		request.Set("deleted_details", true)
	}
	if details.Subjects != "" {
		request.Set("subjects_filter", details.Subjects)
	}
	e := at("STREAM.INFO", stream)
	return j.call(e, request.JSON(), func(info dict.Dict, err error) {
		var page dict.Dict
		if err == nil {
			page, err = subjectCounts(j.prefix+"."+e.path, info)
		}
		if err != nil {
			done(nil, err)
			return
		}
		total := count(info, "total")
		info = info.Without("total", "offset", "limit")
		if details.Subjects == "" || uint64(len(page)) >= total {
			done(info, nil)
			return
		}
		err = j.subjects(stream, details.Subjects, page, func(all dict.Dict, err error) {
			if err != nil {
				done(nil, err)
				return
			}
			state := append(dict.Dict(nil), info.Path("state").(dict.Dict)...) // streamInfo wants it
			state.Set("subjects", all)
			info.Set("state", state)
			done(info, nil)
		})
		if err != nil {
			done(nil, err)
		}
	}, streamInfo...)
}

// CreateOrUpdateStream changes a stream, or makes it where it is not there.
func (j *JetStream) CreateOrUpdateStream(stream string, config dict.Dict, done func(dict.Dict, error)) error {
	return j.UpdateStream(stream, config, func(reply dict.Dict, err error) {
		if fault.CodeOf(err) != fault.StreamNotFound {
			done(reply, err)
			return
		}
		if err := j.AddStream(stream, config, done); err != nil {
			done(nil, err)
		}
	})
}
