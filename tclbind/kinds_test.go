// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"errors"
	"testing"

	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
	"natstcl/tclbind/internal/values"
)

func TestMetadataAreADictThatIsNotEmpty(t *testing.T) {
	table := option.Table{{Name: "extra", Kind: metadata}}
	o, err := table.Parse(values.Of("-extra", "k v k w"))
	if err != nil {
		t.Fatal(err)
	}
	if extra := dictOf(o, "extra"); len(extra) != 1 || extra.Text("k") != "w" {
		t.Errorf("extra: %v", extra)
	}
	for _, bad := range []string{"odd", ""} {
		_, err := table.Parse(values.Of("-extra", bad))
		var e *bridge.Fault
		if want := "Invalid value for the metadata option extra : " + bad; !errors.As(err, &e) || e.Code != bridge.ErrInvalidArg || e.Text != want {
			t.Errorf("%q: %v, want %s", bad, err, want)
		}
	}
}
