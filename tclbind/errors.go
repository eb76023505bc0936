package tclbind

import (
	"errors"
	"strings"

	"natstcl/kv/wire"
)

var errClosed = wire.Fail("ErrInternal", "the package nats was unloaded with its interpreter")

// TclError is an error with an errorCode that is not ours: one of Tcl's own.
type TclError struct {
	Code []string
	Text string
}

func (e *TclError) Error() string { return e.Text }

// ErrorCode is the errorCode with which err is thrown.
func ErrorCode(err error) []string {
	var ours *wire.Error
	if errors.As(err, &ours) {
		return append([]string{"NATS", ours.Code}, ours.Words...)
	}
	var tcls *TclError
	if errors.As(err, &tcls) {
		return tcls.Code
	}
	return []string{"NATS", "ErrInternal"}
}

// invalid is ErrInvalidArg, the error of most bad input.
func invalid(text string) error { return wire.Fail("ErrInvalidArg", text) }

func wrongArgs(c command) error {
	usage := make([]string, len(c.usage))
	for i, name := range c.usage {
		usage[i] = name
		if name[0] == '?' {
			usage[i] = name + "?"
		} else if name == "args" {
			usage[i] = "?arg ...?"
		}
	}
	words := append([]string{namespace + c.name}, usage...)
	return &TclError{[]string{"TCL", "WRONGARGS"}, `wrong # args: should be "` + strings.Join(words, " ") + `"`}
}
