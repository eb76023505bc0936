// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"natstcl/tclbind/bridge/option"
)

// The tables of options in the documentation are made of those that parse them:
//
//	go test ./tclbind -run Docs -update
var update = flag.Bool("update", false, "write the tables of options into the documentation")

// references have the tables by the names that stand in each file: <!-- options NAME --> before a
// table, <!-- end --> behind it.
var references = map[string]map[string]option.Table{
	"../docs/connection.md": {
		"new":         loggerOptions,
		"connection":  connectionOptions,
		"publish":     publishOptions,
		"subscribe":   subscribeOptions,
		"unsubscribe": unsubscribeOptions,
		"next_msg":    nextOptions,
		"set_pending": setPendingOptions,
		"respond":     respondOptions,
		"request":     requestOptions,
		"connect":     connectOptions,
		"ping":        pingOptions,
		"drain":       drainOptions,
	},
	"../docs/server.md": {"server": serverOptions},
	"../docs/object-store.md": {
		"store":       objectStoreFreshOptions,
		"put":         objectPutOptions,
		"get":         objectGetOptions,
		"info":        objectInfoOptions,
		"list":        objectListOptions,
		"update_meta": objectMetaOptions,
		"link":        objectLinkOptions,
		"watch":       objectWatchOptions,
	},
	"../docs/services.md": {
		"service":         serviceOptions,
		"endpoint":        endpointOptions,
		"group":           serviceGroupOptions,
		"respond":         respondOptions,
		"stop":            serviceStopOptions,
		"ask":             serviceAskOptions,
		"service_request": serviceRequestOptions,
	},
	"../docs/key-value.md": {
		"bucket":        bucketOptions,
		"codec":         codecOptions,
		"get":           getOptions,
		"put":           writeOptions,
		"touch":         touchOptions,
		"delete":        deleteOptions,
		"purge":         purgeOptions,
		"origin":        originOptions,
		"watch_wait":    watchWaitOptions,
		"put_many":      putManyOptions,
		"get_many":      getManyOptions,
		"keys":          keysOptions,
		"history":       historyOptions,
		"delete_keys":   deleteKeysOptions,
		"purge_deletes": purgeDeletesOptions,
		"call":          callOptions,
		"watch":         watchOptions,
	},
	"../docs/jetstream.md": {
		"jet_stream":              jetStreamOptions,
		"publish":                 jsPublishOptions,
		"publish_wait":            publishWaitOptions,
		"batch":                   atomicBatchOptions,
		"batch_add":               inBatchOptions,
		"publish_batch":           publishBatchOptions,
		"fast_publisher":          fastPublisherOptions,
		"fetch":                   fetchOptions,
		"nak":                     nakOptions,
		"term":                    termOptions,
		"pull_consumer":           pullConsumerOptions,
		"push_consumer":           pushConsumerOptions,
		"next":                    nextOptions,
		"ordered_consumer":        orderedConsumerOptions,
		"stream":                  streamOptions,
		"stream_info":             streamInfoOptions,
		"stream_names":            streamNamesOptions,
		"reset_consumer":          resetConsumerOptions,
		"stream_subjects":         streamSubjectsOptions,
		"purge_stream":            purgeStreamOptions,
		"stream_msg_get":          whichOptions,
		"stream_direct_get_batch": batchOptions,
		"stream_msg_delete":       msgDeleteOptions,
		"consumer":                consumerOptions,
		"make_stream_source":      streamSourceOptions,
		"make_subject_transform":  subjectTransformOptions,
		"make_republish":          republishOptions,
	},
}

var place = regexp.MustCompile(`(?s)(<!-- options (\w+) -->\n).*?(<!-- end -->)`)

func TestDocsHaveTheOptionsAsTheyAre(t *testing.T) {
	for file, tables := range references {
		missing := make(map[string]bool)
		for name := range tables {
			missing[name] = true
		}
		upToDate(t, file, func(text string) string {
			return place.ReplaceAllStringFunc(text, func(part string) string {
				m := place.FindStringSubmatch(part)
				delete(missing, m[2])
				table, ok := tables[m[2]]
				if !ok {
					t.Errorf("%s: there is no table %s", file, m[2])
				}
				return m[1] + "\n" + markdown(t, table) + "\n" + m[3]
			})
		})
		for name := range missing {
			t.Errorf("%s has no <!-- options %s -->", file, name)
		}
	}
}

// Every table that a command reads its options by is in the documentation, by itself or as a part of another.
func TestDocsHaveEveryTableOfOptions(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	parts, used, documented := map[string]map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		names := used
		switch {
		case file == "docs_test.go":
			names = documented
		case strings.HasSuffix(file, "_test.go"):
			continue
		}
		var visit func(ast.Node) bool
		visit = func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				if table := n.Names[0].Name; strings.HasSuffix(table, "Options") {
					outer := names
					names = map[string]bool{}
					for _, value := range n.Values {
						ast.Inspect(value, visit)
					}
					parts[table], names = names, outer
					return false
				}
			case *ast.SelectorExpr:
				ast.Inspect(n.X, visit) // what is selected is of another package, or a field
				return false
			case *ast.Ident:
				names[n.Name] = true
			}
			return true
		}
		ast.Inspect(tree, visit)
	}
	var document func(table string)
	document = func(table string) {
		documented[table] = true
		for part := range parts[table] {
			document(part)
		}
	}
	for table := range maps.Clone(documented) {
		document(table)
	}
	if len(parts) < 50 {
		t.Errorf("only %d tables were found", len(parts))
	}
	for table := range parts {
		if used[table] && !documented[table] {
			t.Errorf("%s has no place in references", table)
		}
	}
}

var errorsPlace = regexp.MustCompile(`(?s)(<!-- errors -->\n).*?(<!-- end -->)`)

func TestDocsHaveTheErrorsAsTheyAre(t *testing.T) {
	upToDate(t, "../docs/errors.md", func(text string) string {
		if !errorsPlace.MatchString(text) {
			t.Error("docs/errors.md has no <!-- errors -->")
		}
		return errorsPlace.ReplaceAllStringFunc(text, func(part string) string {
			m := errorsPlace.FindStringSubmatch(part)
			return m[1] + "\n" + errorTable() + "\n" + m[2]
		})
	})
}

// upToDate checks that a file is what is made of it, or with -update writes that.
func upToDate(t *testing.T, file string, makeOf func(text string) string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	made := makeOf(string(text))
	switch {
	case made == string(text):
	case *update:
		if err := os.WriteFile(file, []byte(made), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s is not up to date (go test ./tclbind -run Docs -update):\n%s", file, difference(string(text), made))
	}
}

// markdown is a table of options, as a Markdown table.
func markdown(t *testing.T, table option.Table) string {
	var b strings.Builder
	b.WriteString("| option | takes | default | |\n|---|---|---|---|\n")
	for _, row := range table {
		if row.About == "" {
			t.Errorf("the option %s tells nothing about itself", row.Name)
		}
		fmt.Fprintf(&b, "| -%s | %s | %s | %s |\n", row.Name, takes(&row), defaultCell(&row), row.About)
	}
	return b.String()
}

// defaultCell says what holds where nothing is given.
func defaultCell(o *option.Row) string {
	if o.Required {
		return "required"
	}
	return standard(o)
}

// difference has the lines that only one of two texts has.
func difference(have, want string) string {
	var b strings.Builder
	only := func(sign, text, other string) {
		lines := make(map[string]bool)
		for line := range strings.SplitSeq(other, "\n") {
			lines[line] = true
		}
		for line := range strings.SplitSeq(text, "\n") {
			if !lines[line] {
				b.WriteString(sign + line + "\n")
			}
		}
	}
	only("- ", have, want)
	only("+ ", want, have)
	return b.String()
}

// The table of docs/SECURITY.md has a reason for each module that go.mod asks for by itself.
func TestDocsNameEachDependency(t *testing.T) {
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	direct := regexp.MustCompile(`(?m)^\t(\S+) v\S+$`).FindAllStringSubmatch(string(mod), -1)
	if len(direct) < 10 {
		t.Fatalf("only %d modules in go.mod", len(direct))
	}
	_, table, _ := strings.Cut(string(page), "| module | why |")
	table = strings.NewReplacer("|", " ", ",", " ").Replace(table)
	for _, module := range direct {
		// A second module of a row may stand there without its host.
		_, short, _ := strings.Cut(module[1], "/")
		if !strings.Contains(table, " "+module[1]+" ") && !strings.Contains(table, " "+short+" ") && !strings.Contains(table, " "+filepath.Base(short)+" ") {
			t.Errorf("docs/SECURITY.md does not say what %s is there for", module[1])
		}
	}
}
