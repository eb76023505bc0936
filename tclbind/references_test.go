// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A page may be followed by the sections that are meant: docs/page.md "Section", "Another" and "A third".
var (
	reference = regexp.MustCompile(`([\w./-]*\b[\w-]+\.md)((?:(?:,| and)?\s*(?:(?://|#|\*)\s*)?"[^"\n]+")*)`)
	quoted    = regexp.MustCompile(`"([^"\n]+)"`)
	inCode    = regexp.MustCompile("`([\\w/.-]*[\\w-]+\\.(?:go|tcl|c|h|test))`")
	heading   = regexp.MustCompile(`(?m)^#+ (.*)$`)
	stranger  = regexp.MustCompile(`(?i)\bcontract('s)?\b|\bKvAPI\b|\bcore-nats\b|\bkv-details\b`)
)

// What a comment or a page refers to is in the project: a page of the documentation, its section,
// a file of the source.
func TestReferencesLeadSomewhere(t *testing.T) {
	for _, file := range projectFiles(t) {
		text := read(t, file)
		where := strings.TrimPrefix(file, "../")
		page := strings.HasSuffix(file, ".md")
		if where == "tclbind/references_test.go" || where == "CHANGELOG.md" {
			continue
		}
		for _, m := range reference.FindAllStringSubmatch(comments(text, page), -1) {
			target := pageOf(file, m[1])
			if target == "" {
				t.Errorf("%s: there is no %s", where, m[1])
				continue
			}
			if page {
				continue
			}
			known := map[string]bool{}
			for _, h := range heading.FindAllStringSubmatch(read(t, target), -1) {
				known[h[1]] = true
			}
			for _, section := range quoted.FindAllStringSubmatch(m[2], -1) {
				if !known[section[1]] {
					t.Errorf("%s: %s has no section %q", where, m[1], section[1])
				}
			}
		}
		if page {
			for _, m := range inCode.FindAllStringSubmatch(text, -1) {
				if !exists(t, m[1]) {
					t.Errorf("%s: there is no file %s", where, m[1])
				}
			}
		}
		if m := stranger.FindString(text); m != "" {
			t.Errorf("%s speaks of %q, which a reader does not have", where, m)
		}
	}
}

// projectFiles are all that people read.
func projectFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && (name == ".git" || name == "build" || name == "testdata") {
			return filepath.SkipDir
		}
		switch filepath.Ext(path) {
		case ".go", ".tcl", ".test", ".c", ".h", ".md":
			files = append(files, filepath.ToSlash(path))
		}
		return nil
	})
	if err != nil || len(files) < 100 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	return files
}

// comments are the lines of a source that are comments, or all of a page.
func comments(text string, page bool) string {
	if page {
		return text
	}
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		if _, comment, ok := strings.Cut(line, "//"); ok && !strings.Contains(line, "://") {
			out = append(out, "// "+comment)
		} else if start := strings.TrimSpace(line); strings.HasPrefix(start, "#") || strings.HasPrefix(start, "*") {
			out = append(out, start)
		}
	}
	return strings.Join(out, "\n")
}

// pageOf finds a page as a reader would: beside the one that names it, or from the top.
func pageOf(file, name string) string {
	places := []string{"../" + name}
	if strings.HasSuffix(file, ".md") {
		places = append(places, filepath.Join(filepath.Dir(file), name))
	}
	for _, place := range places {
		if _, err := os.Stat(place); err == nil {
			return place
		}
	}
	return ""
}

var sources []string

// exists tells whether there is a file that a page names by the end of its path.
func exists(t *testing.T, name string) bool {
	if sources == nil {
		sources = projectFiles(t)
	}
	for _, file := range sources {
		if strings.HasSuffix(file, "/"+name) {
			return true
		}
	}
	return false
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Each source file names its licence.
func TestEachFileNamesItsLicence(t *testing.T) {
	for _, file := range projectFiles(t) {
		if strings.HasSuffix(file, ".md") {
			continue
		}
		if begin, _, _ := strings.Cut(read(t, file), "\n\n"); !strings.Contains(begin, "SPDX-License-Identifier: Apache-2.0") {
			t.Errorf("%s does not name its licence: SPDX-License-Identifier: Apache-2.0 at its head", strings.TrimPrefix(file, "../"))
		}
	}
}
