// SPDX-License-Identifier: Apache-2.0

// Manual makes manual pages and HTML of the pages in docs/manual:
//
//	manual -version V -from docs/manual -to build
//
// writes build/man/mann/NAME.n and build/html/NAME.html with an index.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	htmlrenderer "github.com/yuin/goldmark/renderer/html"
)

func main() {
	version := flag.String("version", "", "of the package")
	from := flag.String("from", "docs/manual", "the folder with the pages")
	to := flag.String("to", "build", "the folder to write to")
	flag.Parse()
	if err := makeAll(*version, *from, *to); err != nil {
		fmt.Fprintln(os.Stderr, "manual:", err)
		os.Exit(1)
	}
}

func makeAll(version, from, to string) error {
	pages, err := readPages(from)
	if err != nil {
		return err
	}
	man, web := filepath.Join(to, "man", "mann"), filepath.Join(to, "html")
	for _, dir := range []string{man, web} {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	for _, p := range pages {
		if err := os.WriteFile(filepath.Join(man, p.name+".n"), p.man(version), 0o644); err != nil {
			return err
		}
		text, err := p.html(pages)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(web, p.name+".html"), text, 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(web, "index.html"), index(pages, version), 0o644)
}

// page is one page, as it is written.
type page struct {
	name  string // of its file, without the ending
	title string // "nats::key_value"
	about string // its first sentence, without links
	body  string // what stands below the title
}

var (
	comment   = regexp.MustCompile(`(?m)^<!--.*?-->\n`)
	localLink = regexp.MustCompile(`\[([^\]]*)\]\((?:[^):]*)\)`)
)

func readPages(dir string) ([]page, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("there is no page in %s", dir)
	}
	var pages []page
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		title, body, ok := strings.Cut(comment.ReplaceAllString(string(text), ""), "\n")
		if !ok || !strings.HasPrefix(title, "# ") {
			return nil, fmt.Errorf("%s does not begin with a title: # NAME", file)
		}
		body = strings.TrimLeft(body, "\n")
		first, _, _ := strings.Cut(body, "\n")
		about, _, _ := strings.Cut(localLink.ReplaceAllString(first, "$1"), ". ")
		pages = append(pages, page{
			name:  strings.TrimSuffix(filepath.Base(file), ".md"),
			title: strings.TrimPrefix(title, "# "), about: strings.TrimSuffix(about, "."), body: body,
		})
	}
	return pages, nil
}

// man is the page in the form of man(7). Links within the manual are names of pages there, and options a
// list, for a terminal is narrow.
func (p *page) man(version string) []byte {
	text := localLink.ReplaceAllString(optionList(p.body), "$1")
	head := fmt.Sprintf("%% %q \"n\" \"\" \"nats %s\" \"NATS for Tcl\"\n\n## NAME\n\n%s - %s\n\n## DESCRIPTION\n\n", p.name, version,
		strings.ReplaceAll(p.name, "_", `\_`), p.about)
	return plain(md2man.Render([]byte(head + text)))
}

// plain writes characters beyond ASCII by their numbers: a formatter may be told of another encoding.
func plain(roff []byte) []byte {
	var b bytes.Buffer
	for _, r := range string(roff) {
		if r < utf8.RuneSelf {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "\\[u%04X]", r)
		}
	}
	return b.Bytes()
}

// optionList makes definitions of the tables of options.
func optionList(text string) string {
	var b strings.Builder
	for _, line := range strings.SplitAfter(text, "\n") {
		cells := cellsOf(line)
		switch {
		case cells == nil:
			b.WriteString(line)
		case strings.HasPrefix(cells[0], "-") && !strings.HasPrefix(cells[0], "---"):
			fmt.Fprintf(&b, "**%s** *%s*", strings.ReplaceAll(cells[0], "_", `\_`), strings.ReplaceAll(cells[1], "_", `\_`))
			switch {
			case cells[2] == "required":
				b.WriteString(", required")
			case cells[2] != "":
				b.WriteString(", by default " + strings.ReplaceAll(cells[2], "_", `\_`))
			}
			about := cells[3]
			if about == "" {
				about = "see the page of the class"
			}
			b.WriteString("\n: " + about + "\n\n")
		}
	}
	return b.String()
}

// cellsOf is a row of a table, nil for another line.
func cellsOf(line string) []string {
	line = strings.TrimSuffix(line, "\n")
	if !strings.HasPrefix(line, "|") {
		return nil
	}
	cells := strings.Split(strings.Trim(strings.ReplaceAll(line, `\|`, "\x00"), "|"), "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(strings.ReplaceAll(cells[i], "\x00", "|"))
	}
	for len(cells) < 4 {
		cells = append(cells, "")
	}
	return cells
}

var (
	pageLink  = regexp.MustCompile(`\]\((\w+)\.md(#[^)]*)?\)`)
	otherLink = regexp.MustCompile(`\[([^\]]*)\]\(\.\./[^)]*\)`)
)

// html is the page for a browser. What leads out of the manual is no link there.
func (p *page) html(pages []page) ([]byte, error) {
	text := otherLink.ReplaceAllString(p.body, "$1")
	text = pageLink.ReplaceAllString(text, "]($1.html$2)")
	markdown := goldmark.New(goldmark.WithExtensions(extension.Table),
		goldmark.WithParserOptions(parser.WithAutoHeadingID()), goldmark.WithRendererOptions(htmlrenderer.WithXHTML()))
	var body bytes.Buffer
	names := parser.WithContext(parser.NewContext(parser.WithIDs(anchors{})))
	if err := markdown.Convert([]byte(text), &body, names); err != nil {
		return nil, err
	}
	return document(p.title, navigation(pages, p.name)+"<main><h1>"+html.EscapeString(p.title)+"</h1>\n"+body.String()+"</main>"), nil
}

// anchors names headings as GitHub does, so that the links of docs/manual lead somewhere in both places.
type anchors struct{}

func (anchors) Generate(heading []byte, _ ast.NodeKind) []byte {
	return []byte(strings.NewReplacer(" ", "-", ",", "", ":", "").Replace(strings.ToLower(string(heading))))
}

func (anchors) Put([]byte) {}

func index(pages []page, version string) []byte {
	var b strings.Builder
	b.WriteString("<main><h1>NATS for Tcl " + html.EscapeString(version) + "</h1>\n<dl>\n")
	for _, p := range pages {
		fmt.Fprintf(&b, "<dt><a href=\"%s.html\">%s</a></dt><dd>%s</dd>\n", p.name, html.EscapeString(p.title), html.EscapeString(p.about))
	}
	b.WriteString("</dl></main>")
	return document("NATS for Tcl", b.String())
}

func navigation(pages []page, here string) string {
	var b strings.Builder
	b.WriteString("<nav><a href=\"index.html\">index</a>")
	for _, p := range pages {
		if p.name == here {
			fmt.Fprintf(&b, " <b>%s</b>", html.EscapeString(p.title))
		} else {
			fmt.Fprintf(&b, " <a href=\"%s.html\">%s</a>", p.name, html.EscapeString(p.title))
		}
	}
	b.WriteString("</nav>\n")
	return b.String()
}

// style is legible in light and dark, narrow and wide.
const style = `:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem}
nav{font-size:.85rem;border-bottom:1px solid #8884;padding-bottom:.5rem}nav a,nav b{margin-right:.6rem;white-space:nowrap;display:inline-block}
pre,code{font-family:ui-monospace,monospace;font-size:.9em}pre{overflow-x:auto;padding:.6rem;border:1px solid #8884;border-radius:4px}
table{border-collapse:collapse;display:block;overflow-x:auto}th,td{border:1px solid #8884;padding:.25rem .5rem;text-align:left;vertical-align:top}td:first-child{white-space:nowrap}a{text-underline-offset:.25em}
h3{border-top:1px solid #8884;padding-top:.8rem;margin-top:1.6rem}dt{margin-top:.5rem}`

func document(title, body string) []byte {
	return []byte("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"/>" +
		"<title>" + html.EscapeString(title) + "</title><style>" + style + "</style></head><body>\n" + body + "\n</body></html>\n")
}
