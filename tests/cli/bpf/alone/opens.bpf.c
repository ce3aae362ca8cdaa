/* SPDX-License-Identifier: Apache-2.0 */
/* Like a tool of the perf-buffer age: maps of many types, a tracepoint's arguments, user memory. */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct start {
	u64 ts;
	const char *name;
	struct open_how how;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 10240);
	__uint(map_flags, BPF_F_NO_COMMON_LRU);
	__type(key, u32);
	__type(value, struct start);
} starts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(u32));
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} cgroups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 128);
	__type(key, u32);
	__uint(value_size, 127 * sizeof(u64));
} stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct start);
} storage SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_openat2")
int enter(struct trace_event_raw_sys_enter *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct start start = { .ts = bpf_ktime_get_ns(), .name = (const char *)ctx->args[1] };
	u32 tid = bpf_get_current_pid_tgid();

	if (bpf_current_task_under_cgroup(&cgroups, 0) != 1 || !BPF_CORE_READ(task, real_parent, tgid))
		return 0;
	bpf_probe_read_user(&start.how, sizeof(start.how), (void *)ctx->args[2]);
	bpf_map_update_elem(&starts, &tid, &start, BPF_NOEXIST);
	bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK | BPF_F_FAST_STACK_CMP);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_openat2")
int leave(struct trace_event_raw_sys_exit *ctx)
{
	u32 tid = bpf_get_current_pid_tgid();
	struct start *start = bpf_map_lookup_elem(&starts, &tid);

	if (start)
		bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, start, sizeof(*start));
	return 0;
}

SEC("perf_event")
int sample(struct bpf_perf_event_data *ctx)
{
	return PT_REGS_IP(&ctx->regs) && ctx->sample_period;
}

SEC("kprobe/do_unlinkat")
int BPF_KPROBE(unlinked, int dfd)
{
	return dfd;
}

char LICENSE[] SEC("license") = "GPL";
