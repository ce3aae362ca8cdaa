/* SPDX-License-Identifier: Apache-2.0 */
/* Verifies, and would run for a very long time without a budget. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

static long inner(__u64 i, void *ctx)
{
	return 0;
}

static long outer(__u64 i, void *ctx)
{
	bpf_loop(1 << 23, inner, NULL, 0);
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_getppid")
int on_getppid(void *ctx)
{
	bpf_loop(1 << 23, outer, NULL, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
