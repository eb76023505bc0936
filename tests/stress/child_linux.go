// SPDX-License-Identifier: Apache-2.0

package main

import "syscall"

// ownChild has the system kill a child where this process dies.
func ownChild() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
