// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func made(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := makeAll("1.2.3", "../../docs/manual", dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestPagesAreManualPagesWithoutWarnings(t *testing.T) {
	if _, err := exec.LookPath("groff"); err != nil {
		t.Skip("there is no groff")
	}
	pages, _ := filepath.Glob(filepath.Join(made(t), "man", "mann", "*.n"))
	if len(pages) < 15 {
		t.Fatalf("%d pages", len(pages))
	}
	for _, page := range pages {
		c := exec.Command("groff", "-t", "-man", "-ww", "-Tutf8", "-z", page)
		if told, err := c.CombinedOutput(); err != nil || len(told) > 0 {
			t.Errorf("%s: %v %s", filepath.Base(page), err, told)
		}
	}
}

func TestAManualPageTellsOfOptions(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(made(t), "man", "mann", "nats_key_value.n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`.TH "nats_key_value"`, "1.2.3", ".SH NAME", `nats_key_value \- A key-value bucket`, `\fB-ttl\fP`, ".SS put"} {
		if !strings.Contains(strings.ReplaceAll(string(text), `\\_`, "_"), part) {
			t.Errorf("there is no %s", part)
		}
	}
	if strings.Contains(string(text), "<!--") || strings.Contains(string(text), "](") {
		t.Error("there is Markdown left")
	}
}

func TestLinksOfTheWebPagesLeadSomewhere(t *testing.T) {
	web := filepath.Join(made(t), "html")
	pages, _ := filepath.Glob(filepath.Join(web, "*.html"))
	link := regexp.MustCompile(`href="([^"#]*)(?:#([^"]+))?"`)
	links := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			links++
			target := text
			if m[1] != "" {
				if target, err = os.ReadFile(filepath.Join(web, m[1])); err != nil {
					t.Errorf("%s: %v", filepath.Base(page), err)
					continue
				}
			}
			if m[2] != "" && !strings.Contains(string(target), `id="`+m[2]+`"`) {
				t.Errorf("%s: %s has no %s", filepath.Base(page), m[1], m[2])
			}
		}
	}
	if links < 400 {
		t.Errorf("only %d links", links)
	}
}

func TestAFolderWithoutPagesIsAnError(t *testing.T) {
	if err := makeAll("1", t.TempDir(), t.TempDir()); err == nil {
		t.Error("nothing is said")
	}
}
