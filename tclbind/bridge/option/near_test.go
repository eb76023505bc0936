// SPDX-License-Identifier: Apache-2.0

package option

import (
	"slices"
	"testing"
)

func TestNearNamesAreThoseThatMayHaveBeenMeant(t *testing.T) {
	names := []string{"servers", "secure", "user", "connect_timeout", "request_timeout", "kv_buckets", "port"}
	for _, c := range []struct {
		word string
		want []string
	}{
		{"server", []string{"servers"}},
		{"Servers", []string{"servers"}},
		{"timeout", []string{"connect_timeout", "request_timeout"}},
		{"usr", []string{"user"}},
		{"prot", []string{"port"}},
		{"kvbuckets", []string{"kv_buckets"}},
		{"quux", nil},
		{"", nil},
	} {
		if got := Near(c.word, names); !slices.Equal(got, c.want) {
			t.Errorf("Near(%q) = %q, want %q", c.word, got, c.want)
		}
	}
}
