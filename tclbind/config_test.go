package tclbind

import (
	"testing"

	"natstcl/kv/dict"
)

func TestDurationsAreExact(t *testing.T) {
	for ns, ms := range map[dict.Number]dict.Number{
		"0": "0", "-1": "-1", "1": "0.000001", "1500000": "1.5", "1000000": "1", "120000000000": "120000",
		"1000000000500000": "1000000000.5", "9223372036854775807": "9223372036854.775807", "1e9": "1e9", "": "",
	} {
		if got := nanosToMillis(ns); got != ms {
			t.Errorf("%s ns are %s ms, not %s", ns, ms, got)
		}
	}
}

func TestConfigsAreReadInMillis(t *testing.T) {
	number := func(n string) dict.Number { return dict.Number(n) }
	config := dict.Dict{
		{Key: "max_age", Value: number("5000000")},
		{Key: "future", Value: number("5000000")},
		{Key: "consumer_limits", Value: dict.Dict{{Key: "inactive_threshold", Value: number("1500000")}}},
		{Key: "max_msgs", Value: number("5000000")},
	}
	got := inMillis(config, streamOptions)
	if got.Text("max_age") != "5" || got.Text("future") != "5000000" || got.Text("max_msgs") != "5000000" ||
		got.Text("consumer_limits", "inactive_threshold") != "1.5" {
		t.Errorf("got %v", got)
	}
	if config.Text("max_age") != "5000000" {
		t.Error("the one that was given has changed")
	}
	got = inMillis(dict.Dict{{Key: "backoff", Value: []any{number("1000000"), number("2500000")}}}, consumerOptions)
	if list := got.Path("backoff").([]any); list[0] != number("1") || list[1] != number("2.5") {
		t.Errorf("got %v", got)
	}
}
