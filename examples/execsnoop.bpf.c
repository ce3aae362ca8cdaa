/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which programs are executed, with which arguments, and by whom.
 *
 *	skep run execsnoop.bpf.c -- sh -c 'ls | wc -l'
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define MAX_ARGS 8
#define ARG_LEN  48

struct exec {
	__u32 pid, ppid, uid;
	__s32 ret;
	char comm[16]; /* of who calls execve */
	char path[128];
	__u32 n_args; /* shown; there may be more */
	char args[MAX_ARGS][ARG_LEN];
};

const struct exec *execs_record;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} execs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct exec);
} _started SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct exec);
} _scratch SEC(".maps");

static void read_args(struct exec *exec, const char *const *argv)
{
	exec->n_args = 0;
	for (__u32 i = 0; i < MAX_ARGS; i++) {
		const char *arg = NULL;

		exec->args[i][0] = 0;
		if (exec->n_args < i)
			continue;
		bpf_probe_read_user(&arg, sizeof(arg), &argv[i]);
		if (!arg)
			continue;
		bpf_probe_read_user_str(exec->args[i], ARG_LEN, arg);
		exec->n_args = i + 1;
	}
}

SEC("tracepoint/syscalls/sys_enter_execve")
int execve_enter(struct trace_event_raw_sys_enter *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	__u64 id = bpf_get_current_pid_tgid();
	__u32 zero = 0, thread = (__u32)id;
	struct exec *exec = bpf_map_lookup_elem(&_scratch, &zero);

	if (!exec)
		return 0;
	exec->pid = id >> 32;
	exec->ppid = BPF_CORE_READ(task, real_parent, tgid);
	exec->uid = (__u32)bpf_get_current_uid_gid();
	bpf_get_current_comm(exec->comm, sizeof(exec->comm));
	bpf_probe_read_user_str(exec->path, sizeof(exec->path), (const char *)ctx->args[0]);
	read_args(exec, (const char *const *)ctx->args[1]);
	bpf_map_update_elem(&_started, &thread, exec, BPF_ANY);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_execve")
int execve_exit(struct trace_event_raw_sys_exit *ctx)
{
	__u32 thread = (__u32)bpf_get_current_pid_tgid();
	struct exec *exec = bpf_map_lookup_elem(&_started, &thread);

	if (!exec)
		return 0;
	exec->ret = (__s32)ctx->ret;
	bpf_ringbuf_output(&execs, exec, sizeof(*exec), 0);
	bpf_map_delete_elem(&_started, &thread);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
