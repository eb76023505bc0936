// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package main

import "syscall"

// ownChild: only Linux ends a child with its parent.
func ownChild() *syscall.SysProcAttr { return nil }
