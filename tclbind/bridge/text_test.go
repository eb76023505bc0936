// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"strings"
	"testing"
)

func TestTextIsWideFromU0100On(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "abc": false, "\xC0\x80": false, "\u00ff": false, "\u0100": true, "€": true, "\U0001F600": true,
	} {
		for _, before := range []int{0, 1, 7, 8, 9, 100} {
			s := strings.Repeat("x", before) + text
			if got := WideText([]byte(s + "tail")); got != want {
				t.Errorf("%q: %v, want %v", s, got, want)
			}
			if got := WideText([]byte(s)); got != want {
				t.Errorf("%q at the end: %v, want %v", s, got, want)
			}
		}
	}
}

func TestTextIsASCIIFromU0001ToU007F(t *testing.T) {
	for text, want := range map[string]bool{
		"": true, "abc": true, "\x01\x7F": true, "\xC0\x80": false, "\u0080": false, "\u00ff": false, "€": false, "\U0001F600": false,
	} {
		for _, before := range []int{0, 1, 7, 8, 9, 100} {
			for _, after := range []string{"", "tail", "a longer tail"} {
				s := strings.Repeat("x", before) + text + after
				if got := ASCII(s); got != want {
					t.Errorf("%q: %v, want %v", s, got, want)
				}
			}
		}
	}
}
