// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"time"

	"natstcl/kv/fault"
)

// Confirm has done called when the server has taken the subscription, behind the deliveries that came
// before. Where it is refused, or nothing is heard within timeout (0: no limit), the subscription has ended.
// It waits through reconnects. Errors: ErrPermissions, ErrTimeout, ErrConnectionClosed.
func (s *Sub) Confirm(timeout time.Duration, done func(error)) error {
	c := s.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closedLocked() {
		return NoConnection()
	}
	late := fault.New(fault.Timeout, "The server has not confirmed the subscription to "+s.subject+" in time")
	c.pingLocked(timeout, late, func(_ time.Duration, err error) {
		if why := s.refusal.Load(); why != nil {
			err = why
		}
		if err != nil {
			s.Stop()
		}
		done(err)
	})
	return nil
}
