// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package gotcl

// yieldThread is for Linux: elsewhere a thread that waits sleeps at once.
func yieldThread() bool { return false }
