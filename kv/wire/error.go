package wire

import "errors"

// Error is the one error type of the core. The Tcl packages throw it with the
// errorCode {NATS Code Words...} and Text as the message.
type Error struct {
	Code  string   // "ErrTimeout", one of the contract's names
	Words []string // what follows the code in errorCode, usually nothing
	Text  string
}

func (e *Error) Error() string { return e.Text }

// Is makes errors.Is compare by Code (and Words, where target has any).
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	if !ok || t.Code != e.Code || len(t.Words) > len(e.Words) {
		return false
	}
	for i, w := range t.Words {
		if e.Words[i] != w {
			return false
		}
	}
	return true
}

// Fail makes an Error.
func Fail(code, text string) *Error { return &Error{Code: code, Text: text} }

// CodeOf returns the code of the Error in err's chain, or "".
func CodeOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
