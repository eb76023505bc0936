// SPDX-License-Identifier: Apache-2.0

package dict

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestJSONKeepsOrderAndNumbersAsWritten(t *testing.T) {
	const text = `{"z":1.50,"a":[1e3,-0,18446744073709551616],"b":{"y":null,"x":true},"s":"<a>\"é\u0000","z2":false}`
	v, err := Parse([]byte(" " + text + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(v.(Dict).JSON()); got != text {
		t.Errorf("\ngot  %s\nwant %s", got, text)
	}
}

func TestTheLastOfTwoKeysCountsAtTheFirstPlace(t *testing.T) {
	for _, more := range []int{0, 100} {
		text := `{"a":1,"b":2,`
		for i := range more {
			text += `"k` + strings.Repeat("x", i) + `":0,`
		}
		v, err := Parse([]byte(text + `"a":3}`))
		if err != nil {
			t.Fatal(err)
		}
		d := v.(Dict)
		if d[0] != (Field{"a", Number("3")}) || len(d) != 2+more {
			t.Errorf("got %v", d)
		}
	}
}

func TestWhatIsNoJSONIsRefused(t *testing.T) {
	for _, text := range []string{"", " ", "{", `{"a"}`, `{"a":}`, "[1,]", "nul", "1 2", "{} x", `"a`, "\xff", strings.Repeat("[", 5000)} {
		if v, err := Parse([]byte(text)); err == nil {
			t.Errorf("%.20q was read as %v", text, v)
		}
	}
}

func TestPathFollowsKeys(t *testing.T) {
	d := Dict{{"a", Dict{{"b", Number("7")}}}, {"t", "x"}}
	if d.Text("a", "b") != "7" || d.Text("t") != "x" || d.Path("a", "c") != nil || d.Path("t", "x") != nil {
		t.Errorf("wrong path in %v", d)
	}
	if got := d.Without("a"); !reflect.DeepEqual(got, Dict{{"t", "x"}}) {
		t.Errorf("got %v", got)
	}
}

// What encoding/json reads, Parse reads too, to the same effect, and the other way round.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.0,"x",null,true,{}]}`, `[]`, `"\ud83d\ude00"`, `-1e-5`, `{"a":1,"a":2}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := Parse(data)
		var want any
		wantErr := json.Unmarshal(data, &want)
		if (err == nil) != (wantErr == nil) {
			if err != nil && strings.Contains(err.Error(), "nested too deeply") {
				return
			}
			if wantErr != nil && strings.Contains(wantErr.Error(), "cannot unmarshal number") {
				return // a number that no float64 holds
			}
			t.Fatalf("%q: %v, encoding/json: %v", data, err, wantErr)
		}
		if err != nil {
			return
		}
		again, err := Parse(appendJSON(nil, v))
		if err != nil || !reflect.DeepEqual(again, v) {
			t.Fatalf("%q: written and read again: %v, %v", data, again, err)
		}
	})
}

// What is written is JSON, and encoding/json reads the same texts in it.
func FuzzJSON(f *testing.F) {
	f.Add("key", "a \"text\" with \\ and \x00", "é\xff")
	f.Add("", "", "\u2028<>&")
	f.Fuzz(func(t *testing.T, key, a, b string) {
		d := Dict{{key, a}, {"list", []string{a, b}}, {"nested", []any{Dict{{key, []byte(b)}}, nil, true, Number("1.50")}}}
		if key == "list" || key == "nested" {
			return
		}
		var got map[string]any
		if err := json.Unmarshal(d.JSON(), &got); err != nil {
			t.Fatalf("%q: %v", d.JSON(), err)
		}
		valid := func(s string) string { return strings.ToValidUTF8(s, "\ufffd") }
		same := func(s string, v any) {
			// Each bad byte is one U+FFFD in JSON.
			if got, _ := v.(string); strings.ReplaceAll(got, "\ufffd", "") != strings.ReplaceAll(valid(s), "\ufffd", "") {
				t.Fatalf("%q was written as %q", s, v)
			}
		}
		list := got["list"].([]any)
		same(a, list[0])
		same(b, list[1])
		nested := got["nested"].([]any)
		for k, v := range nested[0].(map[string]any) {
			same(key, k)
			same(b, v)
		}
		again, err := Parse(d.JSON())
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := Parse(again.(Dict).JSON()); err != nil || !reflect.DeepEqual(twice, again) {
			t.Fatalf("%q: written and read again: %v, %v", d.JSON(), twice, err)
		}
	})
}
