/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often is each system call made, how long does it take, and how does that time
 * spread: over all processes under trace.
 *
 *	skep run syscount.bpf.c -- redis-server
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "hist.h"

/* A member of this name is printed as the call's name. */
struct call {
	__u64 syscall_nr;
};

struct times {
	__u64 count;
	__u64 total_ns;
	__u64 max_ns;
	__u64 slots[HIST_SLOTS];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, __u64);
} _started SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct call);
	__type(value, struct times);
} latency_ns SEC(".maps");

SEC("tracepoint/raw_syscalls/sys_enter")
int call_enter(struct trace_event_raw_sys_enter *ctx)
{
	__u32 thread = (__u32)bpf_get_current_pid_tgid();
	__u64 now = bpf_ktime_get_ns();

	bpf_map_update_elem(&_started, &thread, &now, BPF_ANY);
	return 0;
}

static struct times *times_of(struct call *call)
{
	static const struct times none;
	struct times *times = bpf_map_lookup_elem(&latency_ns, call);

	if (times)
		return times;
	bpf_map_update_elem(&latency_ns, call, &none, BPF_NOEXIST);
	return bpf_map_lookup_elem(&latency_ns, call);
}

SEC("tracepoint/raw_syscalls/sys_exit")
int call_exit(struct trace_event_raw_sys_exit *ctx)
{
	__u32 thread = (__u32)bpf_get_current_pid_tgid();
	__u64 *start = bpf_map_lookup_elem(&_started, &thread);
	struct call call = { .syscall_nr = ctx->id };
	struct times *times;
	__u64 ns;

	if (!start)
		return 0; /* it was made before we came, or returns in a new child */
	ns = bpf_ktime_get_ns() - *start;
	bpf_map_delete_elem(&_started, &thread);
	times = times_of(&call);
	if (!times)
		return 0;
	__sync_fetch_and_add(&times->count, 1);
	__sync_fetch_and_add(&times->total_ns, ns);
	__sync_fetch_and_add(&times->slots[hist_slot(ns)], 1);
	if (ns > times->max_ns)
		times->max_ns = ns;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
