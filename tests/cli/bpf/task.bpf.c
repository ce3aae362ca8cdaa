/* SPDX-License-Identifier: Apache-2.0 */
/* What programs see of the task that makes a call, and that they can write to its memory. */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

struct who {
	__u32 pid, tgid, uid, gid;
	__u32 task_pid, task_tgid, parent, leader;
	char comm[16];
	char task_comm[16];
	__u64 regs_arg;
	__s64 read_bad, read_kernel_of_user;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct who);
} seen SEC(".maps");

SEC("raw_tracepoint/sys_enter")
int on_enter(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct pt_regs *regs = (struct pt_regs *)ctx->args[0];
	__u64 ids = bpf_get_current_pid_tgid(), creds = bpf_get_current_uid_gid();
	__u32 zero = 0;
	struct who *who = bpf_map_lookup_elem(&seen, &zero);
	__u64 word;

	/* getpgid(4242) marks the call this test is about */
	if (!who || ctx->args[1] != 121 || BPF_CORE_READ(regs, di) != 4242)
		return 0;
	who->regs_arg = BPF_CORE_READ(regs, di);
	who->pid = (__u32)ids;
	who->tgid = ids >> 32;
	who->uid = (__u32)creds;
	who->gid = creds >> 32;
	who->task_pid = BPF_CORE_READ(task, pid);
	who->task_tgid = BPF_CORE_READ(task, tgid);
	who->parent = BPF_CORE_READ(task, real_parent, tgid);
	who->leader = BPF_CORE_READ(task, group_leader, pid);
	bpf_get_current_comm(who->comm, sizeof(who->comm));
	BPF_CORE_READ_STR_INTO(&who->task_comm, task, comm);
	who->read_bad = bpf_probe_read_user(&word, sizeof(word), (void *)8);
	who->read_kernel_of_user = bpf_probe_read_kernel(&word, sizeof(word), (void *)BPF_CORE_READ(regs, sp));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
