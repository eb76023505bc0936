// SPDX-License-Identifier: Apache-2.0

package bridge

import "iter"

// Noter is a host that can take down calls of a method, and hand them over together: where a call of Go costs more than what
// is done in it. A host in Go is none.
type Noter interface {
	// Note has calls of the methods that are Noted (Command) taken down from now on, where they are of this object, have two
	// arguments, and the first of these is a name of the kind. It ends with TakeNotes, or when the calls take more
	// than room bytes. to gets them in order, in the goroutine of TakeNotes; the bytes are valid until it returns.
	Note(object Value, kind *Names, room int, to func(calls iter.Seq2[[]byte, []byte]))
	// TakeNotes hands over what was taken down, and ends that. Any goroutine may call it. When it returns, nothing that
	// was taken down before is on its way any more.
	TakeNotes()
}

// Names is a kind of names in ASCII, by what each character is in one.
type Names [256]NameChar

// NameChar is what a character is.
type NameChar byte

const (
	NotInName NameChar = iota
	InName
	BetweenNames // not at the ends, and not twice in a row
)

// Note is that of a Noter, and does nothing where the host is none.
func (p *Package) Note(object Value, kind *Names, room int, to func(calls iter.Seq2[[]byte, []byte])) {
	if p.noter != nil {
		p.noter.Note(object, kind, room, to)
	}
}

// TakeNotes is that of a Noter. Whoever changes what a call would do that may be taken down calls it before. A host calls it
// before each command. Any goroutine may call it.
func (p *Package) TakeNotes() {
	if p.noter != nil {
		p.noter.TakeNotes()
	}
}
