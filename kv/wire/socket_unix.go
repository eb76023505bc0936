// SPDX-License-Identifier: Apache-2.0

//go:build unix

package wire

import (
	"net"
	"syscall"
)

// writeNow writes as much as the kernel takes without waiting.
func writeNow(c net.Conn, b []byte) (int, error) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return 0, nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return 0, err
	}
	var n int
	var writeErr error
	err = raw.Write(func(fd uintptr) bool {
		for {
			n, writeErr = syscall.Write(int(fd), b)
			if writeErr != syscall.EINTR {
				return true // once: the rest is the goroutine's
			}
		}
	})
	if err != nil {
		return 0, err
	}
	if writeErr == syscall.EAGAIN {
		return 0, nil
	}
	return max(n, 0), writeErr
}
