// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"natstcl/kv/dict"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
	"natstcl/tclbind/internal/values"
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

// The configs of the nats.go that go.mod names have no field that there is no option for.
func TestNothingOfNatsGosConfigsIsMissing(t *testing.T) {
	covered(t, "stream", reflect.TypeFor[jetstream.StreamConfig](), streamOptions,
		"name",           // an argument of its own
		"template_owner") // of a feature that servers from 2.10 have no more
	covered(t, "consumer", reflect.TypeFor[jetstream.ConsumerConfig](), consumerOptions)
}

// covered checks that each field of a config has a row of a kind that fits.
func covered(t *testing.T, what string, config reflect.Type, table option.Table, others ...string) {
	for _, f := range reflect.VisibleFields(config) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		row := table.Row(name)
		switch {
		case name == "-" || strings.Contains(" "+strings.Join(others, " ")+" ", " "+name+" "):
		case row == nil:
			t.Errorf("%s.%s has no option", what, name)
		case !fits(row, f.Type):
			t.Errorf("%s.%s is of the kind %s, and %s in nats.go", what, name, row.Kind.Word, f.Type)
		case row.Kind == option.Enum:
			for _, word := range enumerated(f.Type) {
				if !slices.Contains(row.Allowed, word) {
					t.Errorf("%s.%s does not take %s, as nats.go does", what, name, word)
				}
			}
			for _, word := range row.Allowed {
				if name == "priority_policy" && word == "none" {
					continue // servers take it; nats.go leaves it out
				}
				if err := json.Unmarshal([]byte(strconv.Quote(word)), reflect.New(f.Type).Interface()); err != nil {
					t.Errorf("%s.%s takes %s, and nats.go does not: %v", what, name, word, err)
				}
			}
		case row.Kind == nested || row.Kind == nestedIn:
			covered(t, what+"."+name, element(f.Type), row.Fields)
		}
	}
}

// enumerated are the words of one of nats.go's enumerations.
func enumerated(enumeration reflect.Type) (words []string) {
	for n := range 20 {
		v := reflect.New(enumeration).Elem()
		switch {
		case v.CanInt():
			v.SetInt(int64(n))
		case v.CanUint():
			v.SetUint(uint64(n))
		}
		word := ""
		if text, err := json.Marshal(v.Interface()); err == nil && json.Unmarshal(text, &word) == nil && word != "" {
			words = append(words, word)
		}
	}
	return words
}

// fits tells whether an option's kind is that of a field: those with words of their own are
// integers or texts in nats.go.
func fits(row *option.Row, field reflect.Type) bool {
	switch field {
	case reflect.TypeFor[time.Duration]():
		return row.Kind == option.Duration
	case reflect.TypeFor[[]time.Duration]():
		return row.Kind == option.Durations
	case reflect.TypeFor[*time.Time]():
		return row.Kind == option.Nonempty
	}
	switch field.Kind() {
	case reflect.Bool:
		return row.Kind == option.Bool
	case reflect.String:
		return row.Kind == option.Nonempty || row.Kind == option.Text
	case reflect.Map:
		return row.Kind == metadata
	case reflect.Slice:
		return row.Kind == option.List || row.Kind == nestedIn
	case reflect.Pointer, reflect.Struct:
		return row.Kind == nested
	}
	return row.Kind == option.Int || row.Kind == option.Enum
}

func element(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t
}

// A duration that was read can be written back: no nanosecond is lost on the way.
func FuzzDurations(f *testing.F) {
	for _, n := range []int64{1, 999_999, 1_000_000, 1_500_000, 1<<63 - 1} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, ns int64) {
		if ns <= 0 {
			return // stays as it is
		}
		ms := nanosToMillis(dict.Number(strconv.FormatInt(ns, 10)))
		read, ok := bridge.Decimal(string(ms))
		if !ok || option.Nanos(read) != ns {
			t.Fatalf("%d ns were %s ms and then %v", ns, ms, read)
		}
	})
}

// Any text may be given for a nested option: what is taken is an object, and can be sent.
func FuzzNested(f *testing.F) {
	for _, s := range []string{`{"name":"a","opt_start_seq":5}`, "name a subject_transforms {{src a dest b}}", "", "{", "a b c", "external {api x}", `[1]`} {
		f.Add(s)
	}
	row := streamOptions.Row("mirror")
	f.Fuzz(func(t *testing.T, text string) {
		v, err := row.Parse(values.Of(text)[0])
		if err != nil {
			return
		}
		if _, err := dict.Parse(v.(dict.Dict).JSON()); err != nil {
			t.Fatalf("%q was taken for %v: %v", text, v, err)
		}
	})
}
