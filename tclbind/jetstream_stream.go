// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"strings"
	"time"

	"natstcl/kv/dict"
	"natstcl/kv/js"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

var streamInfoOptions = option.Table{
	{Name: "deleted_details", Kind: option.Bool, About: "the dict state has the field deleted: the sequence numbers of deleted messages"},
	{Name: "subjects_filter", Kind: option.Nonempty, About: "the dict state has the field subjects: those that match, with the numbers of their messages"},
}

func cmdStreamInfo(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := streamInfoOptions.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	return bridge.Begin(p, func(done func(dict.Dict, error)) error {
		if o.Len() == 0 {
			return j.js.StreamInfo(args[0].Text(), done)
		}
		details := js.Details{Deleted: o.Bool("deleted_details"), Subjects: o.Text("subjects_filter")}
		return j.js.StreamDetails(args[0].Text(), details, done)
	}, configInMillis(streamOptions))
}

// cmdStreamList takes the same options as cmdStreamNames.
func cmdStreamList(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := streamNamesOptions.Parse(args)
	if err != nil {
		return nil, err
	}
	return bridge.Begin(p, func(done func([]dict.Dict, error)) error {
		return j.js.StreamList(o.Text("subject"), done)
	}, configsInMillis(streamOptions))
}

var streamNamesOptions = option.Table{{Name: "subject", Kind: option.Nonempty, About: "only streams that listen to this subject"}}

func cmdStreamNames(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := streamNamesOptions.Parse(args)
	if err != nil {
		return nil, err
	}
	return bridge.Begin(p, func(done func([]string, error)) error {
		return j.js.StreamNames(o.Text("subject"), done)
	}, bridge.Plain)
}

var streamSubjectsOptions = option.Table{{Name: "filter", Kind: option.Nonempty, Default: ">", About: "only subjects that match this pattern"}}

func cmdStreamSubjects(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := streamSubjectsOptions.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	return bridge.Begin(p, func(done func(dict.Dict, error)) error {
		return j.js.StreamSubjects(args[0].Text(), o.Text("filter"), done)
	}, bridge.Plain)
}

func cmdAddStream(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return changeStream(p, j, args, j.js.AddStream)
}

func cmdUpdateStream(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return changeStream(p, j, args, j.js.UpdateStream)
}

func cmdCreateOrUpdateStream(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return changeStream(p, j, args, j.js.CreateOrUpdateStream)
}

// changeStream sends a stream's config. Options that the table does not know are
// passed over, so that the config from stream_info can be given back; the log tells of them.
func changeStream(p *bridge.Package, j *jetStream, args []bridge.Value, send func(string, dict.Dict, func(dict.Dict, error)) error) (any, error) {
	given, err := streamOptions.ParseKnown(args[1:])
	if err != nil {
		return nil, err
	}
	if err := js.CheckMarkerTTL("The option subject_delete_marker_ttl", time.Duration(given.Nanos("subject_delete_marker_ttl"))); err != nil {
		return nil, err
	}
	j.c.tellIgnored(p, args[1:], streamOptions)
	config := jsonConfig(given.OrDefaults(streamOptions), streamOptions)
	return bridge.Begin(p, func(done func(dict.Dict, error)) error {
		return send(args[0].Text(), config, done)
	}, configInMillis(streamOptions))
}

// tellIgnored writes a line for each option that a table does not know: a warning where one that it knows is so near
// that a mistake is likely, else for debugging.
func (c *connection) tellIgnored(p *bridge.Package, args []bridge.Value, table option.Table) {
	told := false
	for i := 0; i < len(args); i += 2 {
		name := strings.TrimPrefix(args[i].Text(), "-")
		if table.Row(name) != nil || name == "name" { // which the first argument is
			continue
		}
		told = true
		if meant := table.Meant(name); meant != "" {
			c.wire.Logf(wire.LogWarn, "Option %s is ignored: %s", name, meant)
		} else {
			c.wire.Logf(wire.LogDebug, "Option %s is ignored", name)
		}
	}
	if told {
		c.news.lines(p)
	}
}

func cmdAddStreamFromJSON(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return bridge.Begin(p, func(done func(string, error)) error {
		return j.js.AddStreamJSON([]byte(args[0].Text()), done)
	}, bridge.Plain)
}

func cmdDeleteStream(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return bridge.BeginPlain(p, true, func(done func(error)) error {
		return j.js.DeleteStream(args[0].Text(), done)
	})
}

var purgeStreamOptions = option.Table{
	{Name: "filter", Kind: option.Nonempty, About: "only subjects that match this pattern"},
	{Name: "keep", Kind: option.Natural, About: "so many messages stay"},
	{Name: "seq", Kind: option.Natural, About: "messages before this sequence number are deleted"},
}

func cmdPurgeStream(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := purgeStreamOptions.Parse(args[1:])
	if err != nil {
		return nil, err
	}
	return bridge.Begin(p, func(done func(uint64, error)) error {
		return j.js.PurgeStream(args[0].Text(), jsonConfig(o, purgeStreamOptions), func(n uint64, _ bool, err error) { done(n, err) })
	}, bridge.Plain)
}
