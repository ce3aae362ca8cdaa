/* SPDX-License-Identifier: Apache-2.0 */
/* Pins: names under which objects outlive their fds (pin.c). */
#ifndef SKEP_KERNEL_PIN_H
#define SKEP_KERNEL_PIN_H

#include "base/types.h"

struct skep;

/* The directory whose paths mean this kernel's pins. */
#define PIN_ROOT "/sys/fs/bpf"

void pins_release(struct skep *skep);

/*
 * For those who stand between a client and the file system (skep exec): what unlink and
 * readdir of PIN_ROOT do. 0 or -ENOENT; the n-th pin's path, or NULL behind the last.
 */
int skep_unpin(struct skep *skep, const char *path);
const char *skep_pin_path(struct skep *skep, u32 n);

#endif
