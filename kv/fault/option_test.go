// SPDX-License-Identifier: Apache-2.0

package fault_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The core names an option by its field, with Option: how a language writes options is the binding's.
func TestTheCoreWritesNoDashBeforeAnOption(t *testing.T) {
	option := regexp.MustCompile(`(^|[^\w.])-[a-z_]{2,}`)
	checked := 0
	for _, pattern := range []string{"../*.go", "../*/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			set := token.NewFileSet()
			tree, err := parser.ParseFile(set, file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			checked++
			ast.Inspect(tree, func(n ast.Node) bool {
				literal, ok := n.(*ast.BasicLit)
				if !ok || literal.Kind != token.STRING {
					return true
				}
				if text, _ := strconv.Unquote(literal.Value); option.MatchString(text) {
					t.Errorf("%s: %s", set.Position(literal.Pos()), literal.Value)
				}
				return true
			})
		}
	}
	if checked < 50 {
		t.Errorf("%d files were read", checked)
	}
}
