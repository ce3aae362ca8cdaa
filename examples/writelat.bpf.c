/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long do writes take, and how much do they write: per process name, for write, pwrite64,
 * writev, sendto, fsync and fdatasync.
 *
 *	skep run writelat.bpf.c -- sqlite3 test.db 'create table t(x); insert into t values(1)'
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "hist.h"

struct process {
	char comm[16];
};

struct hist {
	__u64 count;
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
	__type(key, struct process);
	__type(value, struct hist);
} latency_ns SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct process);
	__type(value, struct hist);
} size_bytes SEC(".maps");

static void count(void *map, const struct process *process, __u64 value)
{
	static const struct hist none;
	struct hist *hist = bpf_map_lookup_elem(map, process);

	if (!hist) {
		bpf_map_update_elem(map, process, &none, BPF_NOEXIST);
		hist = bpf_map_lookup_elem(map, process);
	}
	if (!hist)
		return;
	__sync_fetch_and_add(&hist->count, 1);
	__sync_fetch_and_add(&hist->slots[hist_slot(value)], 1);
}

static int enter(void)
{
	__u32 thread = (__u32)bpf_get_current_pid_tgid();
	__u64 now = bpf_ktime_get_ns();

	bpf_map_update_elem(&_started, &thread, &now, BPF_ANY);
	return 0;
}

static int leave(long ret)
{
	__u32 thread = (__u32)bpf_get_current_pid_tgid();
	__u64 *start = bpf_map_lookup_elem(&_started, &thread);
	struct process process = { 0 };
	__u64 ns;

	if (!start)
		return 0;
	ns = bpf_ktime_get_ns() - *start;
	bpf_map_delete_elem(&_started, &thread);
	bpf_get_current_comm(process.comm, sizeof(process.comm));
	count(&latency_ns, &process, ns);
	if (ret > 0)
		count(&size_bytes, &process, ret);
	return 0;
}

#define WATCH(call)                                             \
	SEC("tracepoint/syscalls/sys_enter_" #call)             \
	int call##_enter(struct trace_event_raw_sys_enter *ctx) \
	{                                                       \
		return enter();                                 \
	}                                                       \
	SEC("tracepoint/syscalls/sys_exit_" #call)              \
	int call##_exit(struct trace_event_raw_sys_exit *ctx)   \
	{                                                       \
		return leave(ctx->ret);                         \
	}

WATCH(write)
WATCH(pwrite64)
WATCH(writev)
WATCH(sendto)
WATCH(fsync)
WATCH(fdatasync)

char LICENSE[] SEC("license") = "Dual BSD/GPL";
