// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"natstcl/tclbind/bridge/option"
)

// The pages of the manual (docs/manual) have a section for each method, with its call in the first block
// of code. The synopsis and the tables of options are made:
//
//	go test ./tclbind -run Manual -update

var (
	section        = regexp.MustCompile(`(?m)^### (.+)\n\n    (.+)\n`)
	synopsisPlace  = regexp.MustCompile(`(?s)<!-- synopsis -->\n.*?<!-- end -->\n`)
	manualOptions  = regexp.MustCompile(`(?s)\n<!-- options -->\n.*?<!-- end -->\n`)
	sameOptions    = regexp.MustCompile(`Options as of \[(\w+)\]`)
	nextHeading    = regexp.MustCompile(`(?m)^##+ `)
	pageExceptions = map[string]string{"nats": "nats.md", "msg": "nats_msg.md"}
)

func TestManualHasTheOptionsAsTheyAre(t *testing.T) {
	for class, methods := range optionTables {
		file := pageExceptions[class]
		if file == "" {
			file = "nats_" + class + ".md"
		}
		path := "../docs/manual/" + file
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
			continue
		}
		upToDate(t, path, func(text string) string {
			text = manualOptions.ReplaceAllString(text, "")
			for _, method := range slices.Sorted(maps.Keys(methods)) {
				text = withOptions(t, file, text, class, method)
			}
			return withSynopsis(text)
		})
	}
}

// withOptions puts a method's table behind its section.
func withOptions(t *testing.T, file, text, class, method string) string {
	table := optionTables[class][method]
	heading := strings.Index(text, "\n### "+method+"\n")
	if heading < 0 {
		t.Errorf("%s: there is no section ### %s", file, method)
		return text
	}
	begin := heading + len("\n### ")
	end := len(text)
	if next := nextHeading.FindStringIndex(text[begin:]); next != nil {
		end = begin + next[0]
	}
	if same := sameOptions.FindStringSubmatch(text[begin:end]); same != nil {
		if !slices.EqualFunc(table, optionTables[class][same[1]], sameRow) {
			t.Errorf("%s: %s has not the options of %s", file, method, same[1])
		}
		return text
	}
	body := strings.TrimRight(text[:end], "\n")
	made := body + "\n\n<!-- options -->\n\n" + strings.ReplaceAll(markdown(t, table), "](", "](../") + "\n<!-- end -->\n"
	if end < len(text) {
		made += "\n" + text[end:]
	}
	return made
}

// sameRow tells whether two rows are of the same option.
func sameRow(a, b option.Row) bool { return a.Name == b.Name && a.Kind == b.Kind }

// withSynopsis lists the calls of all sections, with links to them.
func withSynopsis(text string) string {
	var b strings.Builder
	for _, m := range section.FindAllStringSubmatch(text, -1) {
		anchor := strings.ReplaceAll(strings.ReplaceAll(m[1], ",", ""), " ", "-")
		b.WriteString("- [`" + m[2] + "`](#" + anchor + ")\n")
	}
	return synopsisPlace.ReplaceAllLiteralString(text, "<!-- synopsis -->\n\n"+b.String()+"\n<!-- end -->\n")
}

func TestManualLinksLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#]*)(?:#([^)]+))?\)`)
	files, err := filepath.Glob("../docs/manual/*.md")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d pages, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			target := text
			if m[1] != "" {
				if target, err = os.ReadFile(filepath.Join(filepath.Dir(file), m[1])); err != nil {
					t.Errorf("%s: %v", file, err)
					continue
				}
			}
			if m[2] != "" && !anchors(string(target))[m[2]] {
				t.Errorf("%s: %s has no section %s", file, m[1], m[2])
			}
		}
	}
}

// anchors are those that a Markdown page has for its headings.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(text, -1) {
		all[strings.ReplaceAll(strings.ReplaceAll(strings.ToLower(m[1]), ",", ""), " ", "-")] = true
	}
	return all
}
