// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"natstcl/kv/fault"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// tokenChars are the characters of a subject's token beside letters and digits
// (docs/connection.md, Subjects).
const tokenChars = "-!#$%&'()+,/:;<=?@^_`|~"

// inToken are those of ASCII.
var inToken = func() (set [utf8.RuneSelf]bool) {
	for c := range set {
		set[c] = '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' ||
			strings.IndexByte(tokenChars, byte(c)) >= 0
	}
	return set
}()

func validToken(t string) bool {
	for i := range len(t) {
		if t[i] >= utf8.RuneSelf {
			return validLetters(t)
		}
		if !inToken[t[i]] {
			return false
		}
	}
	return t != ""
}

// validLetters is validToken for one with characters beyond ASCII: letters and digits of all languages.
func validLetters(t string) bool {
	for _, r := range t {
		switch {
		case r == utf8.RuneError:
			return false
		case r < utf8.RuneSelf && !inToken[r], r >= utf8.RuneSelf && !unicode.IsLetter(r) && !unicode.IsDigit(r):
			return false
		}
	}
	return true
}

// ValidSubject tells whether a subject is made of tokens (docs/connection.md "Subjects"); * and > are
// allowed as whole tokens with wildcards.
func ValidSubject(subject string, wildcards bool) bool {
	for {
		token, rest, more := strings.Cut(subject, ".")
		switch {
		case validToken(token):
		case wildcards && token == "*":
		case wildcards && token == ">" && !more:
		default:
			return false
		}
		if !more {
			return true
		}
		subject = rest
	}
}

// ValidQueue tells whether a queue name is one such token.
func ValidQueue(queue string) bool { return validToken(queue) }

// SafeSubject is what is demanded of every subject, reply and queue, also where
// Options.CheckSubjects is false: not empty, and nothing that ends a protocol field or line.
func SafeSubject(subject string) bool {
	return subject != "" && !strings.ContainsAny(subject, " \t\r\n\f\v\x00")
}

// checkSubject is the error of a bad subject; what is "subject" or "reply".
func checkSubject(what, subject string, check, wildcards bool) error {
	ok := false
	if check {
		ok = ValidSubject(subject, wildcards) // and safe with it
	} else {
		ok = SafeSubject(subject)
	}
	if !ok {
		return badSubject(what, subject, check, wildcards)
	}
	return nil
}

// BadSubject is the error of a subject that is not made of tokens; wildcards tells whether * and > may be some.
func BadSubject(subject string, wildcards bool) *fault.Error {
	return badSubject("subject", subject, true, wildcards)
}

// hasEmptyToken tells whether nats.go refuses to subscribe to a subject, and a server would.
func hasEmptyToken(subject string) bool { return slices.Contains(strings.Split(subject, "."), "") }

// badSubject is the error of a subject; check tells by which of the two rules.
func badSubject(what, subject string, check, wildcards bool) *fault.Error {
	help := tokensRule + "; * and > stand in subscriptions alone"
	switch {
	case !check:
		help = "a subject is not empty, and has no blanks"
	case wildcards:
		help = tokensRule + "; * is one, and > the last one"
	}
	return &fault.Error{Code: fault.BadSubject, Text: "Invalid " + what + " " + subject, Help: help}
}

// tokensRule says what a subject is.
const tokensRule = "a subject is words with dots between them, which have no blanks"

// BadQueue is the error of a queue's name that is none.
func BadQueue(queue string) error {
	return &fault.Error{Code: fault.BadQueueName, Text: "Invalid queue " + queue, Help: "a queue is one word, without blanks and dots"}
}
