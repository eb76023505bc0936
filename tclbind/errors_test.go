// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"natstcl/kv/fault"
)

// Every code that is thrown anywhere, in Go, in C or in Tcl, has its row.
func TestEveryCodeHasARow(t *testing.T) {
	known := map[string]bool{}
	for _, row := range fault.Table {
		if row.When == "" || known[row.Code] {
			t.Errorf("%s: there are two of it, or nothing is said of it", row.Code)
		}
		known[row.Code] = true
	}
	code := regexp.MustCompile(`"(Err[A-Z]\w+)"|NATS (Err[A-Z]\w+)`)
	for _, pattern := range []string{"../kv/*.go", "../kv/*/*.go", "*.go", "*/*.go", "bridge/*/*.go", "ctcl/*.[ch]", "script/*.tcl"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range code.FindAllStringSubmatch(string(text), -1) {
				if name := m[1] + m[2]; !known[name] {
					t.Errorf("%s: %s has no row in fault.Table", file, name)
				}
			}
		}
	}
}

// errorTable is that of docs/errors.md.
func errorTable() string {
	var b strings.Builder
	b.WriteString("| errorCode | what has happened | what to do |\n|---|---|---|\n")
	for _, row := range fault.Table {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", strings.TrimSpace("NATS "+row.Code+" "+row.Words), row.When, row.Do)
	}
	return b.String()
}

// A code is compared and made by its constant: a misspelt one does not build.
func TestCodesAreConstants(t *testing.T) {
	known := map[string]bool{}
	for _, row := range fault.Table {
		known[row.Code] = true
	}
	for _, pattern := range []string{"../kv/*.go", "../kv/*/*.go", "*.go"} {
		files, _ := filepath.Glob(pattern)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") || strings.HasPrefix(file, "../kv/fault/") {
				continue
			}
			set := token.NewFileSet()
			tree, err := parser.ParseFile(set, file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(tree, func(n ast.Node) bool {
				text, ok := n.(*ast.BasicLit)
				if !ok || text.Kind != token.STRING {
					return true
				}
				if code, _ := strconv.Unquote(text.Value); known[code] {
					t.Errorf("%s: %s is a text, and a constant of fault", set.Position(text.Pos()), text.Value)
				}
				return true
			})
		}
	}
}
