// SPDX-License-Identifier: Apache-2.0

package bridge

import (
	"errors"
	"fmt"
	"strings"
)

// Fault is an error of this package's own. The extension says what its errorCode is.
type Fault struct {
	Code string // one of those below
	Text string
	Help string // what would be right, for errorInfo, where the text may not say it
}

func (e *Fault) Error() string { return e.Text }

// Helps returns Help.
func (e *Fault) Helps() string { return e.Help }

// InfoOf returns what the host adds to errorInfo: what an error that has a method Helps says of what would be right, or
// where a script has failed; "" for nothing.
func InfoOf(err error) string {
	var tcls *TclError
	if errors.As(err, &tcls) {
		return tcls.Info
	}
	var helps interface{ Helps() string }
	if errors.As(err, &helps) && helps.Helps() != "" {
		return "\n    (" + helps.Helps() + ")"
	}
	return ""
}

// The codes of a Fault.
const (
	ErrInternal         = "ErrInternal"         // the classes and the core are not of one mind, or a panic
	ErrInvalidArg       = "ErrInvalidArg"       // a value that an option or a command does not take
	ErrBadTimeout       = "ErrBadTimeout"       // a time in ms that is none
	ErrTimeout          = "ErrTimeout"          // a script that does not look at its events
	ErrClosed           = "ErrConnectionClosed" // an object that is gone, in the middle of what a method does with it
	ErrInvalidCoroutine = "ErrInvalidCoroutine" // one that was to be resumed is gone
)

func fail(code, text string) error { return &Fault{Code: code, Text: text} }

// Destroyed is the error of a method whose object is gone.
func Destroyed() error { return fail(ErrClosed, "The object was destroyed") }

// Gone is the error of a call that comes after Close.
func (p *Package) Gone() error {
	return fail(ErrInternal, "the package "+p.extension.Name+" was unloaded with its interpreter")
}

// Panicked is the error that a panic of a command becomes.
func (x *Extension) Panicked(r any) error {
	return fail(ErrInternal, fmt.Sprintf("panic in the package %s: %v", x.Name, r))
}

// TclError is an error with an errorCode that is one of Tcl's own.
type TclError struct {
	Code []string
	Text string
	Info string // what errorInfo has behind the text
}

func (e *TclError) Error() string { return e.Text }

// CodeOf is the errorCode with which err is thrown.
func (x *Extension) CodeOf(err error) []string {
	var tcls *TclError
	if errors.As(err, &tcls) {
		return tcls.Code
	}
	return x.ErrorCode(err)
}

func wrongArgs(command, words string) error {
	return &TclError{Code: []string{"TCL", "WRONGARGS"}, Text: `wrong # args: should be "` + strings.TrimSpace(command+" "+words) + `"`}
}

// Keep makes of a ScriptError an error that can be thrown, and looked at, when the interpreter has done something else. It is
// called before that. Other errors stay what they are.
func (p *Package) Keep(err error) error {
	scripts, ok := err.(ScriptError)
	if !ok {
		return err
	}
	kept := &TclError{Code: []string{"NONE"}, Text: scripts.Text}
	options := p.Host.ErrorOptions()
	defer options.Release()
	list, _ := options.List()
	for i := 0; i+1 < len(list); i += 2 {
		switch list[i].Text() {
		case "-errorcode":
			if code, failure := Texts(list[i+1]); failure == nil {
				kept.Code = code
			}
		case "-errorinfo":
			kept.Info, _ = strings.CutPrefix(list[i+1].Text(), scripts.Text)
		}
	}
	return kept
}
