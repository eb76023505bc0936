// SPDX-License-Identifier: Apache-2.0

// Package fault is the errors of the core: one type, and one table of their codes (Table).
package fault

import (
	"errors"
	"slices"
	"strings"
)

// Error is the one error type of the core. The Tcl package throws it with the errorCode
// {NATS Code Words...} and Text as the message.
type Error struct {
	Code  string   // one of the constants, "ErrTimeout" for instance
	Words []string // what follows the code in errorCode, usually nothing
	Text  string
	// Help says what would be right where Text may not: it is the pure-Tcl client's. The Tcl package shows it in
	// errorInfo.
	Help string
}

// Helps returns Help.
func (e *Error) Helps() string { return e.Help }

// New makes an Error. A text of "" is the default of the code.
func New(code, text string) *Error {
	if text == "" {
		if row := find(code); row != nil {
			text = row.Text
		}
	}
	return &Error{Code: code, Text: text}
}

func (e *Error) Error() string { return e.Text }

// Helped returns an error with this help. One that is no Error stays as it is.
func Helped(err error, help string) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	helped := *e
	helped.Help = help
	return &helped
}

// Is has errors.Is compare by Code, and by Words, where target has any.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && len(t.Words) <= len(e.Words) && slices.Equal(t.Words, e.Words[:len(t.Words)])
}

// CodeOf returns the code of the Error in err's chain, "" for none.
func CodeOf(err error) string {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// Of finds the code of an err_code that JetStream's API tells: JSResponse where it has none of its own.
func Of(errCode string) string {
	for _, row := range Table {
		if slices.Contains(row.JetStream, errCode) {
			return row.Code
		}
	}
	return JSResponse
}

// OfServer finds the code of what a server says in an -ERR, in lower case: Server where it is none of its own.
func OfServer(text string) string {
	for _, row := range Table {
		if slices.ContainsFunc(row.Said, func(begin string) bool { return strings.HasPrefix(text, begin) }) {
			return row.Code
		}
	}
	return Server
}

// OfClient finds the code of an error of nats.go's, "" for none.
func OfClient(err error) string {
	for _, row := range Table {
		if slices.ContainsFunc(row.Client, func(theirs error) bool { return errors.Is(err, theirs) }) {
			return row.Code
		}
	}
	return ""
}

func find(code string) *Row {
	for i := range Table {
		if Table[i].Code == code {
			return &Table[i]
		}
	}
	return nil
}
