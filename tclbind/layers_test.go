// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"os/exec"
	"slices"
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

// Each package of the core has those of ours that it may import, in its own imports and not by way of others; the
// packages for tests import what they test.
func TestImportsWithinTheCore(t *testing.T) {
	allowed := map[string][]string{
		"kv/fault": nil, "kv/dict": nil, "kv/codec": nil, "kv/numbered": nil,
		"kv/natscontext": {"kv/dict", "kv/fault"},
		"kv/wire":        {"kv/dict", "kv/fault", "kv/numbered"},
		"kv/server":      {"kv/dict", "kv/fault", "kv/wire"},
		"kv/micro":       {"kv/dict", "kv/fault", "kv/wire"},
		"kv/js":          {"kv/dict", "kv/fault", "kv/wire"},
		"kv/object":      {"kv/dict", "kv/fault", "kv/wire", "kv/js"},
		"kv":             {"kv/dict", "kv/fault", "kv/wire", "kv/js"},
		"kv/client":      {"kv/dict", "kv/fault", "kv/wire", "kv/js", "kv"},
	}
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "natstcl/kv/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		imports := strings.Fields(strings.ReplaceAll(line, "natstcl/", ""))
		name := imports[0]
		if strings.HasPrefix(name, "kv/internal/") {
			continue
		}
		may, known := allowed[name]
		if !known {
			t.Errorf("%s has no row: what of ours may it import?", name)
		}
		seen++
		for _, path := range imports[1:] {
			if (path == "kv" || strings.HasPrefix(path, "kv/")) && !slices.Contains(may, path) {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
	if seen != len(allowed) {
		t.Errorf("%d packages, %d rows", seen, len(allowed))
	}
}
