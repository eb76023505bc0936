// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"os/exec"
	"strings"
	"testing"
)

// Imports point one way (docs/architecture.md, How it is built).
func TestImportsPointDown(t *testing.T) {
	for _, rule := range []struct {
		packages string
		never    []string // the beginnings of import paths
	}{
		{"natstcl/kv/...", []string{"natstcl/tclbind"}},
		{"natstcl/tclbind/bridge/...", []string{"natstcl/kv", "github.com/nats-io", "modernc.org"}},
		{"natstcl/tclbind/ctcl", []string{"natstcl/kv", "github.com/nats-io", "modernc.org"}},
		{"natstcl/tclbind/gotcl", []string{"natstcl/kv", "github.com/nats-io", "natstcl/tclbind/ctcl"}},
		{"natstcl/tclbind", []string{"natstcl/tclbind/ctcl", "natstcl/tclbind/gotcl", "modernc.org"}},
	} {
		// The hosts are one each of C and of Go: the tag has both listed, and nothing is compiled.
		list := exec.Command("go", "list", "-deps", "-tags", "ctcl", rule.packages)
		out, err := list.Output()
		if err != nil {
			t.Fatalf("go list %s: %v", rule.packages, err)
		}
		imports := strings.Fields(string(out))
		if len(imports) < 2 {
			t.Errorf("%s: go list tells of %v alone", rule.packages, imports)
		}
		for _, path := range imports {
			for _, never := range rule.never {
				if path == never || strings.HasPrefix(path, never+"/") {
					t.Errorf("%s imports %s", rule.packages, path)
				}
			}
		}
	}
}
