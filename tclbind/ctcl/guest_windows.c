// SPDX-License-Identifier: Apache-2.0

//go:build ctcl && windows

/* Windows has neither signals nor a limit of open files that Go's runtime would change. */

#include "shim.h"

void natsRestoreLimits(void) {}
void natsCheckHandlers(void) {}
