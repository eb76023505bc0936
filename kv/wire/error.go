// SPDX-License-Identifier: Apache-2.0

package wire

import "natstcl/kv/fault"

// Error is the one error type of the core.
type Error = fault.Error

// Fail makes an Error.
func Fail(code, text string) *Error { return fault.New(code, text) }

// CodeOf returns the code of the Error in err's chain, or "".
func CodeOf(err error) string { return fault.CodeOf(err) }
