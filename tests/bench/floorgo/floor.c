// SPDX-License-Identifier: Apache-2.0

//go:build floor

/* The floor of ../floor, with the transport of main.go in place of a socket. */
#define GO_CORE
#include "../floor/floor.c"
