/* SPDX-License-Identifier: Apache-2.0 */
/* A program that is only loaded when asked for, and records that are sent in part. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

struct event {
	__u32 number;
	char path[32];
	__u64 behind;
};

/* Keeps the type in the BTF. */
const struct event *unused;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

SEC("tp/syscalls/sys_enter_getppid")
int on_getppid(struct trace_event_raw_sys_enter *ctx)
{
	struct event event = { .number = 3, .path = "cut", .behind = 9 };

	bpf_ringbuf_output(&events, &event, 8, 0);
	return 0;
}

SEC("?tp/sched/sched_switch")
int not_here(void *ctx)
{
	return 0;
}

/* Addresses what Linux's record of an exit does not have: refused when it is attached. */
SEC("?tp/syscalls/sys_exit_getppid")
int reads_too_far(struct trace_event_raw_sys_enter *ctx)
{
	return (int)ctx->args[5];
}

char LICENSE[] SEC("license") = "GPL";
