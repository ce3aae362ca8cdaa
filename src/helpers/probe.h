/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading memory that may not be there. User addresses belong to the current task; kernel
 * addresses are the arena of presented objects and what in Linux is kernel memory too: the
 * program's own stack, context and map values. On failure dst is all zero.
 */
#ifndef SKEP_HELPERS_PROBE_H
#define SKEP_HELPERS_PROBE_H

#include "vm/run.h"

/* 0, -EFAULT (not mapped) or -ERANGE (kernel: an address that is not the kernel's). */
int probe_user(struct run_ctx *rc, void *dst, u32 size, u64 src);
int probe_kernel(struct run_ctx *rc, void *dst, u32 size, u64 src);
/* Bytes copied with the NUL, at most size (then cut off, and terminated); or -errno. */
s64 probe_user_str(struct run_ctx *rc, char *dst, u32 size, u64 src);
s64 probe_kernel_str(struct run_ctx *rc, char *dst, u32 size, u64 src);
/* Kernel or user by address, as bpf_probe_read and %s choose. */
int probe_any(struct run_ctx *rc, void *dst, u32 size, u64 src);
s64 probe_any_str(struct run_ctx *rc, char *dst, u32 size, u64 src);

#endif
