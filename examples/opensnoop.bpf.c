/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which files are opened, by whom, and with what success: a line for each open, as it
 * happens.
 *
 *	skep run opensnoop.bpf.c -- git status
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#define NAME_LEN 256

struct open {
	__u32 pid;
	__s32 ret; /* the descriptor, or a negative errno */
	__u32 flags;
	char comm[16];
	char path[NAME_LEN];
};

/* Names the type of the records in `opens`, for whoever prints them. */
const struct open *opens_record;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} opens SEC(".maps");

/* Calls in progress, by thread: the path is read at entry, before the call may change it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, struct open);
} _started SEC(".maps");

/* Too big for the stack with room to spare. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct open);
} _scratch SEC(".maps");

static int enter(const char *path, __u32 flags)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 zero = 0, thread = (__u32)id;
	struct open *open = bpf_map_lookup_elem(&_scratch, &zero);

	if (!open)
		return 0;
	open->pid = id >> 32;
	open->flags = flags;
	bpf_get_current_comm(open->comm, sizeof(open->comm));
	bpf_probe_read_user_str(open->path, sizeof(open->path), path);
	bpf_map_update_elem(&_started, &thread, open, BPF_ANY);
	return 0;
}

static int leave(long ret)
{
	__u32 thread = (__u32)bpf_get_current_pid_tgid();
	struct open *open = bpf_map_lookup_elem(&_started, &thread);

	if (!open)
		return 0;
	open->ret = (__s32)ret;
	bpf_ringbuf_output(&opens, open, sizeof(*open), 0);
	bpf_map_delete_elem(&_started, &thread);
	return 0;
}

SEC("tracepoint/syscalls/sys_enter_open")
int open_enter(struct trace_event_raw_sys_enter *ctx)
{
	return enter((const char *)ctx->args[0], ctx->args[1]);
}

SEC("tracepoint/syscalls/sys_enter_openat")
int openat_enter(struct trace_event_raw_sys_enter *ctx)
{
	return enter((const char *)ctx->args[1], ctx->args[2]);
}

SEC("tracepoint/syscalls/sys_exit_open")
int open_exit(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx->ret);
}

SEC("tracepoint/syscalls/sys_exit_openat")
int openat_exit(struct trace_event_raw_sys_exit *ctx)
{
	return leave(ctx->ret);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
