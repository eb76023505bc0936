// SPDX-License-Identifier: Apache-2.0

package tclbind

import (
	"strings"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
	"natstcl/kv/wire"
	"natstcl/tclbind/bridge"
	"natstcl/tclbind/bridge/option"
)

var publishOptions = option.Table{
	{Name: "reply", Kind: option.Text, About: "the subject that a reply shall go to"},
	{Name: "header", Kind: headers, About: "headers: keys with lists of values"},
}

// plainSubjects are those that need no further look: of ASCII, and without wildcards.
var plainSubjects = func() (kind bridge.Names) {
	for c := range kind {
		if c < utf8.RuneSelf && wire.ValidSubject(string(rune(c)), false) {
			kind[c] = bridge.InName
		}
	}
	kind['.'] = bridge.BetweenNames
	return kind
}()

func cmdPublish(p *bridge.Package, args []bridge.Value) (any, error) {
	c, err := bridge.Get[*connection](p, args[0])
	if err != nil {
		return nil, err
	}
	if err := c.publish(p, args[1:]); err != nil {
		return nil, err
	}
	if len(args) == 3 && !c.settings.utf8Convert {
		if room := c.wire.Room(); room > 0 {
			p.Note(args[0], &plainSubjects, room, c.published)
			if c.wire.Room() == 0 {
				p.TakeNotes() // the timer was over in between, or the connection
			}
		}
	}
	return nil, nil
}

// publish is that of a subject and a payload, and what may follow.
func (c *connection) publish(p *bridge.Package, args []bridge.Value) error {
	m := &c.scratch
	*m = nats.Msg{Subject: args[0].Text()}
	if rest := args[2:]; len(rest) == 1 && !isOption(rest[0].ViewText(), publishOptions) {
		m.Reply = rest[0].Text() // the old form
	} else if len(rest) > 0 {
		o, err := publishOptions.Parse(rest)
		if err != nil {
			return err
		}
		m.Reply = o.Text("reply")
		m.Header, _ = o.Get("header").(nats.Header)
	}
	warned := false
	// Behind the options: one of them may be the same value.
	if c.settings.utf8Convert {
		m.Data = []byte(args[1].Text())
	} else {
		warned = c.warnOfText(args[1])
		m.Data = args[1].View()
	}
	err := c.wire.PublishNow(m)
	*m = nats.Msg{} // it holds what is Tcl's
	c.wire.Hold()
	if warned {
		c.news.lines(p)
	}
	return err
}

// isOption tells whether a word is the name of an option, with its dash.
func isOption(word string, table option.Table) bool {
	name, dash := strings.CutPrefix(word, "-")
	return dash && table.Row(name) != nil
}

func cmdPublishMsg(_ *bridge.Package, c *connection, args []bridge.Value) (any, error) {
	m, err := c.messageOf(args[0])
	if err != nil {
		return nil, err
	}
	err = c.wire.Publish(m)
	c.wire.Hold()
	return nil, err
}
