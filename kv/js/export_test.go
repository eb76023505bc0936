// SPDX-License-Identifier: Apache-2.0

package js

import "time"

// SetRetryAfter changes the wait after a new start that failed, and returns what puts it back.
func SetRetryAfter(d time.Duration) (restore func()) {
	before := retryAfter
	retryAfter = d
	return func() { retryAfter = before }
}
