// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"natstcl/kv/dict"
	"natstcl/kv/js"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

var consumerCommands = []bridge.Command{
	{Name: "add_consumer", Usage: "jet_stream stream args", Run: bridge.On(cmdAddConsumer)},
	{Name: "add_pull_consumer", Usage: "jet_stream stream name args", Run: bridge.On(cmdAddPullConsumer)},
	{Name: "add_push_consumer", Usage: "jet_stream stream name deliver_subject args", Run: bridge.On(cmdAddPushConsumer)},
	{Name: "update_consumer", Usage: "jet_stream stream args", Run: bridge.On(cmdUpdateConsumer)},
	{Name: "add_consumer_from_json", Usage: "jet_stream stream consumer json", Run: bridge.On(cmdAddConsumerFromJSON)},
	{Name: "delete_consumer", Usage: "jet_stream stream consumer", Run: bridge.On(cmdDeleteConsumer)},
	{Name: "consumer_info", Usage: "jet_stream stream consumer", Run: bridge.On(cmdConsumerInfo)},
	{Name: "consumer_names", Usage: "jet_stream stream", Run: bridge.On(cmdConsumerNames)},
	{Name: "create_or_update_consumer", Usage: "jet_stream stream args", Run: bridge.On(cmdCreateOrUpdateConsumer)},
	{Name: "consumer_list", Usage: "jet_stream stream", Run: bridge.On(cmdConsumerList)},
	{Name: "reset_consumer", Usage: "jet_stream stream consumer args", Run: bridge.On(cmdResetConsumer)},
	{Name: "unpin_consumer", Usage: "jet_stream stream consumer group", Run: bridge.On(cmdUnpinConsumer)},
	{Name: "pause_consumer", Usage: "jet_stream stream consumer ?until", Run: bridge.On(cmdPauseConsumer)},
}

func cmdAddConsumer(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return changeConsumer(p, args[0], args[1:], &option.Set{}, j.js.AddConsumer)
}

func cmdAddPullConsumer(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	own, err := consumerArguments("durable_name", args[1])
	if err != nil {
		return nil, err
	}
	return changeConsumer(p, args[0], args[2:], own, j.js.AddConsumer)
}

func cmdAddPushConsumer(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	own, err := consumerArguments("durable_name", args[1], "deliver_subject", args[2])
	if err != nil {
		return nil, err
	}
	return changeConsumer(p, args[0], args[3:], own, j.js.AddConsumer)
}

// consumerArguments checks arguments that are options of a consumer in all but the place where
// they stand: names and values.
func consumerArguments(pairs ...any) (option.Values, error) {
	out := &option.Set{}
	for i := 0; i < len(pairs); i += 2 {
		name := pairs[i].(string)
		v, err := consumerOptions.Row(name).Parse(pairs[i+1].(bridge.Value))
		if err != nil {
			return nil, err
		}
		out.Put(name, v)
	}
	return out, nil
}

func cmdUpdateConsumer(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return changeConsumer(p, args[0], args[1:], nil, j.js.UpdateConsumer)
}

func cmdCreateOrUpdateConsumer(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return changeConsumer(p, args[0], args[1:], nil, j.js.CreateOrUpdateConsumer)
}

// changeConsumer sends a consumer's config: the options, and what the method itself says,
// nil where that may be the config that was read.
func changeConsumer(p *bridge.Package, stream bridge.Value, args []bridge.Value, own option.Values, send func(string, dict.Dict, func(dict.Dict, error)) error) (any, error) {
	o, err := consumerOptions.Parse(args)
	if err != nil {
		return nil, err
	}
	for name, value := range own.All() {
		o.Put(name, value)
	}
	if o.Has("name") && o.Has("durable_name") {
		// A config that was read has both, and they are one.
		if own != nil || o.Get("name") != o.Get("durable_name") {
			return nil, invalid("-name conflicts with -durable_name")
		}
		o.Remove("name")
	}
	config := jsonConfig(o, consumerOptions)
	return bridge.Begin(p, func(done func(dict.Dict, error)) error {
		return send(stream.Text(), config, done)
	}, configInMillis(consumerOptions))
}

func cmdAddConsumerFromJSON(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return bridge.Begin(p, func(done func(string, error)) error {
		return j.js.AddConsumerJSON(args[0].Text(), args[1].Text(), []byte(args[2].Text()), done)
	}, bridge.Plain)
}

func cmdDeleteConsumer(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return bridge.BeginPlain(p, true, func(done func(error)) error {
		return j.js.DeleteConsumer(args[0].Text(), args[1].Text(), done)
	})
}

func cmdConsumerInfo(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return bridge.Begin(p, func(done func(dict.Dict, error)) error {
		return j.js.ConsumerInfo(args[0].Text(), args[1].Text(), done)
	}, configInMillis(consumerOptions))
}

func cmdConsumerNames(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return bridge.Begin(p, func(done func([]string, error)) error {
		return j.js.ConsumerNames(args[0].Text(), done)
	}, bridge.Plain)
}

// cmdPauseConsumer pauses a consumer until a time, or without one lets it go on.
func cmdPauseConsumer(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	until := ""
	if len(args) > 2 {
		until = args[2].Text()
		if err := js.CheckTime(until); err != nil {
			return nil, err
		}
	}
	return bridge.Begin(p, func(done func(dict.Dict, error)) error {
		return j.js.PauseConsumer(args[0].Text(), args[1].Text(), until, done)
	}, bridge.Plain)
}

func cmdConsumerList(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return bridge.Begin(p, func(done func([]dict.Dict, error)) error {
		return j.js.ConsumerList(args[0].Text(), done)
	}, configsInMillis(consumerOptions))
}

var resetConsumerOptions = option.Table{{Name: "seq", Kind: option.Natural, About: "the sequence number to begin at; without it, or with 0, the consumer's deliver_policy decides"}}

func cmdResetConsumer(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	o, err := resetConsumerOptions.Parse(args[2:])
	if err != nil {
		return nil, err
	}
	return bridge.Begin(p, func(done func(dict.Dict, error)) error {
		return j.js.ResetConsumer(args[0].Text(), args[1].Text(), uint64(o.Int("seq")), done)
	}, configInMillis(consumerOptions))
}

func cmdUnpinConsumer(p *bridge.Package, j *jetStream, args []bridge.Value) (any, error) {
	return bridge.BeginPlain(p, nil, func(done func(error)) error {
		return j.js.UnpinConsumer(args[0].Text(), args[1].Text(), args[2].Text(), done)
	})
}
