/* SPDX-License-Identifier: Apache-2.0 */
/* The chain of parents, as far as it goes, and what of a task can be compared with /proc. */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define DEPTH 24

struct one {
	__s32 pid, tgid, leader;
	__u32 uid, is_its_own_parent;
	__u64 start;
	char comm[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DEPTH);
	__type(key, __u32);
	__type(value, struct one);
} chain SEC(".maps");

struct self {
	__u64 total_vm, min_flt, nvcsw, arg_start, size;
	__u32 umask, mode;
	char exe[16], dir[16], above[16];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct self);
} self SEC(".maps");

static void see_self(struct task_struct *task)
{
	struct dentry *exe = BPF_CORE_READ(task, mm, exe_file, f_path.dentry);
	struct dentry *dir = BPF_CORE_READ(task, fs, pwd.dentry);
	__u32 zero = 0;
	struct self *s = bpf_map_lookup_elem(&self, &zero);

	if (!s)
		return;
	s->total_vm = BPF_CORE_READ(task, mm, total_vm);
	s->min_flt = BPF_CORE_READ(task, min_flt);
	s->nvcsw = BPF_CORE_READ(task, nvcsw);
	s->arg_start = BPF_CORE_READ(task, mm, arg_start);
	s->size = BPF_CORE_READ(task, mm, exe_file, f_inode, i_size);
	s->mode = BPF_CORE_READ(task, mm, exe_file, f_inode, i_mode);
	s->umask = BPF_CORE_READ(task, fs, umask);
	bpf_probe_read_kernel_str(s->exe, sizeof(s->exe), BPF_CORE_READ(exe, d_name.name));
	bpf_probe_read_kernel_str(s->dir, sizeof(s->dir), BPF_CORE_READ(dir, d_name.name));
	bpf_probe_read_kernel_str(s->above, sizeof(s->above),
				  BPF_CORE_READ(dir, d_parent, d_name.name));
}

SEC("tracepoint/syscalls/sys_enter_getppid")
int on_getppid(void *ctx)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	see_self(task);
	for (__u32 i = 0; i < DEPTH; i++) {
		struct one *one = bpf_map_lookup_elem(&chain, &i);
		struct task_struct *parent = BPF_CORE_READ(task, real_parent);

		if (!one)
			return 0;
		one->pid = BPF_CORE_READ(task, pid);
		one->tgid = BPF_CORE_READ(task, tgid);
		one->leader = BPF_CORE_READ(task, group_leader, pid);
		one->uid = BPF_CORE_READ(task, cred, uid.val);
		one->start = BPF_CORE_READ(task, start_boottime);
		one->is_its_own_parent = parent == task;
		BPF_CORE_READ_STR_INTO(&one->comm, task, comm);
		if (parent == task)
			break;
		task = parent;
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
