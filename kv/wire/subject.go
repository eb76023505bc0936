package wire

import (
	"slices"
	"strings"
)

// tokenChars are the characters of a subject's token beside letters and digits
// (core-nats.md, Subjects).
const tokenChars = "-!#$%&'()+,/:;<=?@^_`|~"

var inToken = func() (set [256]bool) {
	for c := range 256 {
		set[c] = '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' ||
			strings.IndexByte(tokenChars, byte(c)) >= 0 && c < 128
	}
	return set
}()

func validToken(t string) bool {
	for i := range len(t) {
		if !inToken[t[i]] {
			return false
		}
	}
	return t != ""
}

// ValidSubject tells whether a subject is made of the contract's tokens; * and > are
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

// SafeSubject is what is demanded of every subject, reply and queue, whatever
// -check_subjects says: not empty, and nothing that ends a protocol field or line.
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
		return badSubject(what, subject)
	}
	return nil
}

// checkSubscription is checkSubject for a subscription, of which nats.go refuses empty
// tokens too, at the latest when it comes back after a reconnect.
func checkSubscription(subject string, check bool) error {
	if slices.Contains(strings.Split(subject, "."), "") {
		return badSubject("subject", subject)
	}
	return checkSubject("subject", subject, check, true)
}

func badSubject(what, subject string) error {
	return Fail("ErrBadSubject", "Invalid "+what+" "+subject)
}
