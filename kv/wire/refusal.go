package wire

import (
	"maps"
	"regexp"
	"slices"
)

// OnRefusal has f called, by a goroutine of the Conn, whenever the server refuses a subscription for want
// of permission, with its subject. A server tells that some time after Subscribe and Listen have returned.
func (c *Conn) OnRefusal(f func(subject string, why *Error)) (stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastWatch++
	n := c.lastWatch
	c.refusals[n] = f
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.refusals, n)
	}
}

// refusedSubject is how a server names the subscription that it refuses.
var refusedSubject = regexp.MustCompile(`(?i)^permissions violation for subscription to "([^"]*)"`)

func (c *Conn) refused(why *Error) {
	m := refusedSubject.FindStringSubmatch(why.Text)
	if m == nil {
		return
	}
	c.mu.Lock()
	tell := slices.Collect(maps.Values(c.refusals))
	c.mu.Unlock()
	for _, f := range tell {
		f(m[1], why)
	}
}
