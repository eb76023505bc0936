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

// HelpOf returns what an error that has a method Helps says of what would be right, "" for none. The host adds it
// to errorInfo.
func HelpOf(err error) string {
	var helps interface{ Helps() string }
	if errors.As(err, &helps) {
		return helps.Helps()
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
	return &TclError{[]string{"TCL", "WRONGARGS"}, `wrong # args: should be "` + strings.TrimSpace(command+" "+words) + `"`}
}
