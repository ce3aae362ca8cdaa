/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor below the private libbpf: the libc functions by which it reaches a kernel are
 * renamed to these when it is made (privatise.sh), so its bpf(2) and its reads of
 * /sys/kernel/btf/vmlinux come here. Which kernel answers is a matter of the thread: it
 * lasts from libbpf_enter to libbpf_leave. Outside of that nothing reaches any kernel.
 */
#ifndef SKEP_LOADER_LIBBPF_OS_H
#define SKEP_LOADER_LIBBPF_OS_H

#include "loader/loader.h"

/* Returns the kernel that was current before: give it back to libbpf_leave. */
const struct loader_kernel *libbpf_enter(const struct loader_kernel *kernel);
void libbpf_leave(const struct loader_kernel *before);
const struct loader_kernel *libbpf_current(void);

#endif
