// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"time"

	"natstcl/kv/dict"
	"natstcl/kv/js"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

// jetStream is what a nats::jet_stream object stands on.
type jetStream struct {
	bridge.Object
	js        *js.JetStream
	c         *connection
	fetches   map[int64]*fetch // those with a callback, by their IDs
	lastFetch int64

	unanswered unanswered
}

// Release ends those that wait for their turn; requests that are out end by themselves.
func (j *jetStream) Release(*bridge.Package) { j.unanswered.giveUp() }

var jetStreamCommands = []bridge.Command{
	{Name: "api_prefix", Usage: "jet_stream", Run: bridge.On(cmdAPIPrefix)},
	{Name: "timeout", Usage: "jet_stream", Run: bridge.On(cmdTimeout)},
	{Name: "account_info", Usage: "jet_stream", Run: bridge.On(cmdAccountInfo)},
	{Name: "stream_info", Usage: "jet_stream stream args", Run: bridge.On(cmdStreamInfo)},
	{Name: "stream_list", Usage: "jet_stream args", Run: bridge.On(cmdStreamList)},
	{Name: "stream_names", Usage: "jet_stream args", Run: bridge.On(cmdStreamNames)},
	{Name: "stream_subjects", Usage: "jet_stream stream args", Run: bridge.On(cmdStreamSubjects)},
	{Name: "add_stream", Usage: "jet_stream stream args", Run: bridge.On(cmdAddStream)},
	{Name: "update_stream", Usage: "jet_stream stream args", Run: bridge.On(cmdUpdateStream)},
	{Name: "create_or_update_stream", Usage: "jet_stream stream args", Run: bridge.On(cmdCreateOrUpdateStream)},
	{Name: "add_stream_from_json", Usage: "jet_stream json", Run: bridge.On(cmdAddStreamFromJSON)},
	{Name: "delete_stream", Usage: "jet_stream stream", Run: bridge.On(cmdDeleteStream)},
	{Name: "purge_stream", Usage: "jet_stream stream args", Run: bridge.On(cmdPurgeStream)},
	{Name: "stream_msg_get", Usage: "jet_stream stream args", Run: bridge.On(cmdStreamMsgGet)},
	{Name: "stream_direct_get", Usage: "jet_stream stream args", Run: bridge.On(cmdStreamDirectGet)},
	{Name: "stream_direct_get_batch", Usage: "jet_stream stream args", Run: bridge.On(cmdStreamDirectGetBatch)},
	{Name: "stream_msg_delete", Usage: "jet_stream stream args", Run: bridge.On(cmdStreamMsgDelete)},
	{Name: "make_stream_source", Usage: "args", Run: cmdMakeStreamSource},
	{Name: "make_subject_transform", Usage: "args", Run: cmdMakeSubjectTransform},
	{Name: "make_republish", Usage: "args", Run: cmdMakeRepublish},
}

var jetStreamOptions = option.Table{
	{Name: "timeout", Kind: option.Millis, Default: 5 * time.Second, About: "how long each request waits for its answer; 0: no limit"},
	{Name: "domain", Kind: option.Text, About: "the JetStream domain; excludes -api_prefix. By default that of the connection's -context"},
	{Name: "api_prefix", Kind: option.Text, About: "the prefix of the API's subjects, in place of $JS.API"},
	{Name: "required_api_level", Kind: option.Natural, Default: dict.Number("0"), About: "a server of a lower API level refuses every request with {NATS ErrJSResponse 412 10185}, and does not ignore what it does not know; 0: every server is fine"},
	{Name: "trace", Kind: option.Bool, Default: false, About: "requests and replies go to the log at level debug"},
	maxPendingOption,
}

// cmdJetStream returns the handle of a new jet_stream.
func cmdJetStream(p *bridge.Package, c *connection, args []bridge.Value) (any, error) {
	o, err := jetStreamOptions.Parse(args)
	if err != nil {
		return nil, err
	}
	domain, prefix := o.Text("domain"), o.Text("api_prefix")
	if !o.Has("domain") && !o.Has("api_prefix") {
		domain, prefix = c.domain, c.apiPrefix
	}
	core, err := js.New(c.wire, js.Options{
		Timeout:   o.Duration("timeout"),
		Domain:    domain,
		APIPrefix: prefix,
		Trace:     o.Bool("trace"),
		APILevel:  small(o.Int("required_api_level")),
	})
	if err != nil {
		return nil, err
	}
	j := &jetStream{js: core, c: c, fetches: map[int64]*fetch{}}
	j.unanswered.most = small(o.Int("max_pending"))
	return p.Add(j, c), nil
}

func cmdAPIPrefix(_ *bridge.Package, j *jetStream, _ []bridge.Value) (any, error) {
	return j.js.APIPrefix(), nil
}

func cmdTimeout(_ *bridge.Package, j *jetStream, _ []bridge.Value) (any, error) {
	return j.js.Timeout().Milliseconds(), nil
}

func cmdAccountInfo(p *bridge.Package, j *jetStream, _ []bridge.Value) (any, error) {
	return bridge.Begin(p, j.js.AccountInfo, bridge.Plain)
}
