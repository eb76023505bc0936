// SPDX-License-Identifier: Apache-2.0

package fault_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	"natstcl/kv/fault"
)

func TestWhatOthersSayHasItsCode(t *testing.T) {
	for errCode, want := range map[string]string{
		"10059": fault.StreamNotFound, "10071": fault.WrongLastSequence, "10164": fault.WrongLastSequence, "10058": fault.JSResponse, "": fault.JSResponse,
	} {
		if got := fault.Of(errCode); got != want {
			t.Errorf("err_code %q is %s, want %s", errCode, got, want)
		}
	}
	for said, want := range map[string]string{
		"authorization violation": fault.Authorization, "authentication timeout": fault.Server,
		"user authentication expired": fault.AuthExpired, "permissions violation for publish to \"a\"": fault.Permissions,
		"maximum connections exceeded": fault.Server,
	} {
		if got := fault.OfServer(said); got != want {
			t.Errorf("-ERR %q is %s, want %s", said, got, want)
		}
	}
	if got := fault.OfClient(fmt.Errorf("at publish: %w", nats.ErrMaxPayload)); got != fault.MaxPayload {
		t.Errorf("nats.go's is %s", got)
	}
	if got := fault.OfClient(errors.New("something else")); got != "" {
		t.Errorf("an unknown one is %s", got)
	}
}

func TestErrorsAreComparedByTheirCodes(t *testing.T) {
	err := fmt.Errorf("while it went: %w", &fault.Error{Code: fault.JSResponse, Words: []string{"400", "10058"}, Text: "in use"})
	for _, c := range []struct {
		target error
		is     bool
	}{
		{fault.New(fault.JSResponse, ""), true},
		{&fault.Error{Code: fault.JSResponse, Words: []string{"400"}}, true},
		{&fault.Error{Code: fault.JSResponse, Words: []string{"404"}}, false},
		{&fault.Error{Code: fault.JSResponse, Words: []string{"400", "10058", "1"}}, false},
		{fault.New(fault.Timeout, ""), false},
	} {
		if got := errors.Is(err, c.target); got != c.is {
			t.Errorf("%+v: %v, want %v", c.target, got, c.is)
		}
	}
	if fault.CodeOf(err) != fault.JSResponse || fault.CodeOf(errors.New("x")) != "" {
		t.Error("CodeOf")
	}
	if text := fault.New(fault.BadSubject, "").Error(); text != "Invalid subject" {
		t.Errorf("the default text is %q", text)
	}
}
