// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

// entries are where somebody else calls code of ours, for whom a panic would be the end of the
// process, by the name of what is called or set, and the number of the argument.
var entries = map[string]int{
	"AfterFunc": 1, "SetFinalizer": 1, "AddCleanup": 1, // goroutines of Go's own
	"procedure": 0, // C, or what was translated from it, in gotcl
}

// callbacksOfNats are fields of nats.Options whose functions nats.go calls in goroutines of its own. (Those
// that it calls in Connect belong to whoever calls that.)
var callbacksOfNats = []string{"AsyncErrorCB", "ClosedCB", "ConnectedCB", "DisconnectedErrCB", "ReconnectedCB", "LameDuckModeHandler", "DiscoveredServersCB"}

// leaves are functions for C that do nothing that can panic.
var leaves = map[string]bool{
	"freeCommand": true, "ownEvent": true, "getTime": true, "scaleTime": true,
	"freeMethod": true, "shareMethod": true, "letHandleGo": true, "keepHandle": true,
}

// Whatever runs code of ours in a goroutine, or for C, recovers: a panic is a line in a log, not the end of
// somebody's process.
func TestWhatRunsInGoroutinesRecovers(t *testing.T) {
	files := map[string]*ast.File{}
	positions := token.NewFileSet()
	for _, name := range projectFiles(t) {
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "../tests/") {
			continue
		}
		file, err := parser.ParseFile(positions, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = file
	}
	r := recovering{}
	for range 3 { // those that leave all to one that recovers are learnt behind it
		for _, file := range files {
			r.learn(file)
		}
	}
	for name := range guardedCalls {
		if !r[name] {
			t.Errorf("%s does not recover", name)
		}
	}
	seen := 0
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			for what, f := range entered(n) {
				seen++
				if !r.safe(f) {
					t.Errorf("%s: a panic in this %s would end the process", positions.Position(n.Pos()), what)
				}
			}
			return true
		})
	}
	if seen < 60 {
		t.Errorf("there are %d places where others call us", seen)
	}
}

// entered are the functions that a node has somebody else call, by what they are.
func entered(n ast.Node) map[string]ast.Expr {
	switch n := n.(type) {
	case *ast.GoStmt:
		if nameOf(n.Call.Fun) == "Guarded" {
			return map[string]ast.Expr{"goroutine": n.Call}
		}
		return map[string]ast.Expr{"goroutine": n.Call.Fun}
	case *ast.CallExpr:
		name := nameOf(n.Fun)
		if at, ok := entries[name]; ok && len(n.Args) > at {
			return map[string]ast.Expr{name: n.Args[at]}
		}
	case *ast.KeyValueExpr:
		for _, name := range callbacksOfNats {
			if nameOf(n.Key) == name {
				return map[string]ast.Expr{name: n.Value}
			}
		}
	case *ast.FuncDecl:
		if n.Doc != nil {
			for _, line := range n.Doc.List {
				if strings.HasPrefix(line.Text, "//export ") {
					return map[string]ast.Expr{"exported function": n.Name}
				}
			}
		}
	}
	return nil
}

// recovering are the names of functions that recover, or call one that does.
type recovering map[string]bool

func (r recovering) learn(file *ast.File) {
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil && (r.guards(f.Body) || recovers(f.Body)) {
			r[f.Name.Name] = true
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if set, ok := n.(*ast.AssignStmt); ok && len(set.Rhs) == 1 {
			if f, ok := set.Rhs[0].(*ast.FuncLit); ok && r.guards(f.Body) {
				r[nameOf(set.Lhs[0])] = true
			}
		}
		return true
	})
}

// safe tells whether a panic in a function that others call is caught.
func (r recovering) safe(f ast.Expr) bool {
	switch f := f.(type) {
	case *ast.FuncLit:
		return r.guards(f.Body)
	case *ast.CallExpr:
		return nameOf(f.Fun) == "Guarded"
	}
	name := nameOf(f)
	return r[name] || leaves[name] || name == "nil"
}

// guards tells whether a function's own statements defer something that recovers, or leave all to one
// that does.
func (r recovering) guards(body *ast.BlockStmt) (found bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false // what that does is its own
		case *ast.DeferStmt:
			f, ok := n.Call.Fun.(*ast.FuncLit)
			if ok && recovers(f.Body) || !ok && r[nameOf(n.Call.Fun)] {
				found = true
			}
		case *ast.CallExpr:
			found = found || guardedCalls[nameOf(n.Fun)]
		}
		return !found
	})
	return found
}

// guardedCalls are the functions that catch what panics in them, and that others leave all their work to.
var guardedCalls = map[string]bool{"Guarded": true, "drain": true, "Init": true, "attach": true}

// recovers tells whether a function calls recover itself.
func recovers(body *ast.BlockStmt) (found bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		if _, other := n.(*ast.FuncLit); other {
			return false
		}
		if call, ok := n.(*ast.CallExpr); ok && nameOf(call.Fun) == "recover" {
			found = true
		}
		return true
	})
	return found
}

func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}
