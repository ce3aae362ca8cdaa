/* SPDX-License-Identifier: Apache-2.0 */
/* Who is it that the program runs for? */
#include "helpers/helpers.h"
#include "base/str.h"

static const struct task_info *current_task(struct run_ctx *rc)
{
	if (!rc->task && rc->world && rc->world->load_task)
		rc->world->load_task(rc);
	return rc->task;
}

u64 helper_get_current_pid_tgid(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	const struct task_info *task = current_task(rc);

	return task ? (u64)task->tgid << 32 | task->pid : (u64)-EINVAL;
}

u64 helper_get_current_uid_gid(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	const struct task_info *task = current_task(rc);

	return task ? (u64)task->gid << 32 | task->uid : (u64)-EINVAL;
}

/* (buf, size): cut off if need be, always terminated, zeroes behind. */
u64 helper_get_current_comm(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	const struct task_info *task = current_task(rc);
	char *buf = (char *)(uintptr_t)r1;
	u32 size = r2;

	memset(buf, 0, size);
	if (!task)
		return -EINVAL;
	memcpy(buf, task->comm, str_nlen(task->comm, MIN(size - 1, sizeof(task->comm) - 1)));
	return 0;
}

u64 helper_get_current_task(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	const struct task_info *task = current_task(rc);

	return task ? task->task_addr : 0;
}

u64 helper_get_current_task_btf(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	return helper_get_current_task(r1, r2, r3, r4, r5, rc);
}

/* (dev, ino, struct bpf_pidns_info *, size): pid and tgid as that namespace numbers them. */
u64 helper_get_ns_current_pid_tgid(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc)
{
	const struct task_info *task = current_task(rc);
	struct bpf_pidns_info *info = (struct bpf_pidns_info *)(uintptr_t)r3;
	u32 size = r4;

	if (size == sizeof(*info) && task && task->pidns_ino && task->pidns_dev == r1 &&
	    task->pidns_ino == r2) {
		info->pid = task->ns_pid;
		info->tgid = task->ns_tgid;
		return 0;
	}
	memset(info, 0, size);
	return -EINVAL;
}
