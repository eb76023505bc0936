// SPDX-License-Identifier: Apache-2.0

package bridge

import "testing"

func TestNumbersAndBooleansAreTcls(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0", " 12 ": "12", "-0x1F": "-31", "0b101": "5", "0o17": "15", "017": "15", "+3": "3",
		"18446744073709551616": "18446744073709551616",
	} {
		if n, ok := BigInteger(text); !ok || n.String() != want {
			t.Errorf("integer %q: %v, want %s", text, n, want)
		}
	}
	for _, text := range []string{"", " ", "-", "+-1", "08", "0x", "1_000", "1e3", "1.0", "a"} {
		if n, ok := BigInteger(text); ok {
			t.Errorf("%q was read as the integer %v", text, n)
		}
	}
	for text, want := range map[string]bool{
		"1": true, "0": false, "tr": true, "Y": true, "ON": true, "of": false, "n": false, "F": false, "2": true, "0.0": false,
	} {
		if b, ok := Boolean(text); !ok || b != want {
			t.Errorf("boolean %q: %v %v, want %v", text, b, ok, want)
		}
	}
	for _, text := range []string{"", "o", "truex", "maybe"} {
		if _, ok := Boolean(text); ok {
			t.Errorf("%q was read as a boolean", text)
		}
	}
}

func TestNumbersOfTcl9(t *testing.T) {
	Tcl9 = true
	defer func() { Tcl9 = false }()
	for text, want := range map[string]string{
		"017": "17", "08": "8", "1_000": "1000", "1__0": "10", "-1_0": "-10", "0xf_f": "255", "0b1_0": "2", "0o17": "15", "0_1": "1",
	} {
		if n, ok := BigInteger(text); !ok || n.String() != want {
			t.Errorf("integer %q: %v, want %s", text, n, want)
		}
	}
	for _, text := range []string{"_1", "1_", "+_1", "0x_ff", "0x_", "0_x1", "_", "1_e3"} {
		if n, ok := BigInteger(text); ok {
			t.Errorf("%q was read as the integer %v", text, n)
		}
	}
	for text, want := range map[string]string{"1_0.5": "21/2", "1.5_0": "3/2", "08.5": "17/2"} {
		if n, ok := Decimal(text); !ok || n.String() != want {
			t.Errorf("decimal %q: %v, want %s", text, n, want)
		}
	}
	for _, text := range []string{"1_e3", "1._5", "1_.5"} {
		if n, ok := Decimal(text); ok {
			t.Errorf("%q was read as the number %v", text, n)
		}
	}
}

func TestBytesThatAreNoUTF8KeepTheirNumber(t *testing.T) {
	if got := DecodeUTF8([]byte("a\xffb\xc3\xa9\xc3")); got != "aÿbéÃ" {
		t.Errorf("got %q", got)
	}
}
