/* SPDX-License-Identifier: Apache-2.0 */
#include "model/arena.h"
#include "base/atomic.h"
#include "base/str.h"
#include "os/os.h"

#define ARENA_MIN  (64u << 10)
#define ARENA_MAX  (1ull << 36)
#define ARENA_TAIL 4096u /* where a load at the last address of the arena ends */
#define IDLE_SLOT  1u

_Static_assert(sizeof(struct kernel_task) <= KERNEL_SLOT_SIZE, "a task fits its slot");

static void fill_idle(const struct kernel_arena *arena);

int kernel_arena_init(struct kernel_arena *arena, u64 size)
{
	u64 rounded = ARENA_MIN;

	if (size > ARENA_MAX)
		return -EINVAL;
	while (rounded < size)
		rounded *= 2;
	*arena = (struct kernel_arena){ .size = rounded, .n_slots = rounded / KERNEL_SLOT_SIZE };
	arena->base = os_reserve(rounded + ARENA_TAIL);
	arena->used = os_alloc(((size_t)arena->n_slots + 63) / 64 * sizeof(u64));
	if (!arena->base || !arena->used) {
		kernel_arena_release(arena);
		return -ENOMEM;
	}
	arena->used[0] = 1 | 1u << IDLE_SLOT;
	fill_idle(arena);
	return 0;
}

void kernel_arena_release(struct kernel_arena *arena)
{
	if (arena->base)
		os_unreserve(arena->base, arena->size + ARENA_TAIL);
	os_free(arena->used);
	*arena = (struct kernel_arena){ 0 };
}

/* Claims the first free bit of a word: its number, or -1. */
static s32 claim_bit(u64 *word)
{
	u64 seen = load_relaxed(word);

	while (~seen) {
		u32 bit = __builtin_ctzll(~seen);

		if (cas_acq_rel(word, &seen, seen | 1ull << bit))
			return bit;
	}
	return -1;
}

struct kernel_task *kernel_task_alloc(struct kernel_arena *arena)
{
	for (u32 w = 0; w * 64 < arena->n_slots; w++) {
		s32 bit = claim_bit(&arena->used[w]);
		struct kernel_task *task;

		if (bit < 0)
			continue;
		if (w * 64 + bit >= arena->n_slots) /* a bit past the end: leave it claimed */
			return NULL;
		task = (struct kernel_task *)(arena->base + (u64)(w * 64 + bit) * KERNEL_SLOT_SIZE);
		memset(task, 0, sizeof(*task));
		return task;
	}
	return NULL;
}

void kernel_task_free(struct kernel_arena *arena, struct kernel_task *task)
{
	u64 slot = ((u8 *)task - arena->base) / KERNEL_SLOT_SIZE;

	fetch_and_seq_cst(&arena->used[slot / 64], ~(1ull << slot % 64));
}

u64 kernel_idle_task(const struct kernel_arena *arena)
{
	const u8 *slot = arena->base + (size_t)IDLE_SLOT * KERNEL_SLOT_SIZE;

	return kernel_address(arena, &((const struct kernel_task *)slot)->task);
}

static void fill_idle(const struct kernel_arena *arena)
{
	u64 self = kernel_idle_task(arena);
	struct kernel_task *k = kernel_host(arena, self);

	str_copy(k->task.comm, "swapper/0", sizeof(k->task.comm));
	k->task.real_parent = k->task.parent = k->task.group_leader = self;
	k->task.cred = k->task.real_cred = kernel_address(arena, &k->cred);
	k->task.flags = 0x00200002; /* PF_KTHREAD | PF_IDLE */
	k->task.prio = k->task.static_prio = 120;
	k->task.thread_pid = kernel_address(arena, &k->pid);
	k->task.signal = kernel_address(arena, &k->signal);
	k->signal.nr_threads = k->signal.live.counter = 1;
}

static void fill_cred(const struct kernel_arena *arena, struct kernel_task *k,
		      const struct kernel_task_facts *facts)
{
	struct kernel_cred *cred = &k->cred;

	cred->uid.val = facts->info.uid;
	cred->gid.val = facts->info.gid;
	cred->euid.val = facts->euid;
	cred->egid.val = facts->egid;
	cred->suid.val = facts->suid;
	cred->sgid.val = facts->sgid;
	cred->fsuid.val = facts->fsuid;
	cred->fsgid.val = facts->fsgid;
	cred->cap_inheritable.val = facts->cap_inheritable;
	cred->cap_permitted.val = facts->cap_permitted;
	cred->cap_effective.val = facts->cap_effective;
	cred->user_ns = kernel_address(arena, &k->user_ns);
}

static u64 fill_part(const struct kernel_arena *arena, struct kernel_path_parts *path, u32 i,
		     const char *name, u32 len)
{
	struct kernel_dentry *part = &path->parts[i];

	part->d_parent = kernel_address(arena, &path->parts[i ? i - 1 : 0]);
	part->d_name.name = kernel_address(arena, name);
	part->d_name.len = len;
	return kernel_address(arena, part);
}

/*
 * Lays out an absolute path; the address of its last part, or 0 when it has more parts or
 * bytes than there is room for: no dentry is better than a wrong one.
 */
static u64 fill_path(const struct kernel_arena *arena, struct kernel_path_parts *path,
		     const char *text)
{
	u32 n = 1, at = 2;
	u64 last;

	if (!text || *text != '/' || str_len(text) + 3 > sizeof(path->text))
		return 0;
	memcpy(path->text, "/", 2);
	last = fill_part(arena, path, 0, path->text, 1);
	while (*text) {
		u32 len = 0;

		while (*text == '/')
			text++;
		while (text[len] && text[len] != '/')
			len++;
		if (!len)
			break;
		if (n == KERNEL_PATH_PARTS)
			return 0;
		memcpy(path->text + at, text, len);
		path->text[at + len] = 0;
		last = fill_part(arena, path, n++, path->text + at, len);
		at += len + 1;
		text += len;
	}
	return last;
}

static void fill_exe(const struct kernel_arena *arena, struct kernel_task *k,
		     const struct kernel_task_facts *facts)
{
	struct kernel_inode *inode = &k->exe_inode;

	k->exe_file.f_path.dentry = fill_path(arena, &k->exe, facts->exe_path);
	k->exe_file.f_inode = kernel_address(arena, inode);
	inode->i_ino = facts->exe.ino;
	inode->i_mode = facts->exe.mode;
	inode->i_uid.val = facts->exe.uid;
	inode->i_gid.val = facts->exe.gid;
	inode->i_nlink = facts->exe.nlink;
	inode->i_size = facts->exe.size;
	k->mm.exe_file = facts->exe_path ? kernel_address(arena, &k->exe_file) : 0;
}

static void fill_mm(const struct kernel_arena *arena, struct kernel_task *k,
		    const struct kernel_task_facts *facts)
{
	struct kernel_mm_struct *mm = &k->mm;

	mm->total_vm = facts->total_vm;
	mm->arg_start = facts->arg_start;
	mm->arg_end = facts->arg_end;
	mm->env_start = facts->env_start;
	mm->env_end = facts->env_end;
	mm->start_stack = facts->start_stack;
	mm->start_code = facts->start_code;
	mm->end_code = facts->end_code;
	mm->start_data = facts->start_data;
	mm->end_data = facts->end_data;
	mm->start_brk = facts->start_brk;
	mm->owner = k->task.group_leader;
	fill_exe(arena, k, facts);
}

static void fill_fs(const struct kernel_arena *arena, struct kernel_task *k,
		    const struct kernel_task_facts *facts)
{
	k->fs.umask = facts->umask;
	k->fs.pwd.dentry = fill_path(arena, &k->cwd, facts->cwd_path);
}

static void fill_namespaces(const struct kernel_arena *arena, struct kernel_task *k,
			    const struct kernel_task_facts *facts)
{
	struct kernel_nsproxy *ns = &k->nsproxy;

	k->pid_ns.ns.inum = facts->info.pidns_ino;
	k->mnt_ns.ns.inum = facts->mnt_ns_ino;
	k->net_ns.ns.inum = facts->net_ns_ino;
	k->uts_ns.ns.inum = facts->uts_ns_ino;
	k->ipc_ns.ns.inum = facts->ipc_ns_ino;
	k->user_ns.ns.inum = facts->user_ns_ino;
	k->cgroup_ns.ns.inum = facts->cgroup_ns_ino;
	k->time_ns.ns.inum = facts->time_ns_ino;
	ns->pid_ns_for_children = kernel_address(arena, &k->pid_ns);
	ns->mnt_ns = kernel_address(arena, &k->mnt_ns);
	ns->net_ns = kernel_address(arena, &k->net_ns);
	ns->uts_ns = kernel_address(arena, &k->uts_ns);
	ns->ipc_ns = kernel_address(arena, &k->ipc_ns);
	ns->time_ns = kernel_address(arena, &k->time_ns);
	ns->cgroup_ns = kernel_address(arena, &k->cgroup_ns);
}

/* What the task, its leader and its parent have alike. */
static void fill_common(const struct kernel_arena *arena, const struct kernel_task *k,
			struct kernel_task_struct *task, const char *comm)
{
	memset(task->comm, 0, sizeof(task->comm));
	str_copy(task->comm, comm, sizeof(task->comm));
	task->cred = task->real_cred = kernel_address(arena, &k->cred);
	task->nsproxy = kernel_address(arena, &k->nsproxy);
}

static void fill_task(const struct kernel_arena *arena, struct kernel_task *k,
		      struct kernel_task_struct *task, u32 pid,
		      const struct kernel_task_facts *facts)
{
	u32 tgid = facts->info.tgid;

	task->pid = pid;
	task->tgid = tgid;
	/* A leader stands at one address only, so that programs may compare. */
	task->group_leader = facts->info.pid == tgid ? kernel_address(arena, &k->task)
			     : facts->leader_addr    ? facts->leader_addr
						     : kernel_address(arena, &k->leader);
	task->real_parent = task->parent =
	    facts->parent_addr ? facts->parent_addr : kernel_address(arena, &k->parent);
	task->__state = facts->state;
	task->exit_signal = facts->exit_signal;
	task->flags = facts->flags;
	task->start_time = facts->start_time;
	task->start_boottime = facts->start_boottime;
	task->utime = facts->utime;
	task->stime = facts->stime;
	task->nvcsw = facts->nvcsw;
	task->nivcsw = facts->nivcsw;
	task->min_flt = facts->min_flt;
	task->maj_flt = facts->maj_flt;
	task->prio = facts->prio;
	task->static_prio = facts->static_prio;
	task->policy = facts->policy;
	task->thread_info.cpu = facts->cpu;
	task->mm = task->active_mm = facts->has_mm ? kernel_address(arena, &k->mm) : 0;
	task->signal = kernel_address(arena, &k->signal);
	task->fs = kernel_address(arena, &k->fs);
	task->thread_pid = kernel_address(arena, &k->pid);
}

static void fill_pid(const struct kernel_arena *arena, struct kernel_task *k,
		     const struct task_info *info)
{
	k->pid.level = info->ns_pid && info->ns_pid != info->pid;
	k->pid.numbers[0].nr = info->pid;
	k->pid.numbers[1].nr = info->ns_pid;
	k->pid.numbers[k->pid.level].ns = kernel_address(arena, &k->pid_ns);
	k->pid_ns.level = k->pid.level;
}

u64 kernel_task_fill(const struct kernel_arena *arena, struct kernel_task *k,
		     const struct kernel_task_facts *facts)
{
	const struct task_info *info = &facts->info;
	const char *leader_comm = facts->leader_comm[0] ? facts->leader_comm : info->comm;

	fill_common(arena, k, &k->task, info->comm);
	fill_common(arena, k, &k->leader, info->pid == info->tgid ? info->comm : leader_comm);
	fill_common(arena, k, &k->parent, facts->parent_comm);
	fill_task(arena, k, &k->task, info->pid, facts);
	fill_task(arena, k, &k->leader, info->tgid, facts);
	k->parent.pid = k->parent.tgid = facts->ppid;
	k->parent.group_leader = kernel_address(arena, &k->parent);
	k->parent.real_parent = k->parent.parent = kernel_idle_task(arena);

	fill_cred(arena, k, facts);
	fill_mm(arena, k, facts);
	fill_fs(arena, k, facts);
	fill_namespaces(arena, k, facts);
	fill_pid(arena, k, info);
	k->signal.nr_threads = k->signal.live.counter = facts->nr_threads ? facts->nr_threads : 1;
	return kernel_address(arena, &k->task);
}

int kernel_arena_read(struct run_ctx *rc, void *dst, u64 src, u32 size)
{
	u64 offset = src - KERNEL_ARENA_START;

	if (!rc->arena || src < KERNEL_ARENA_START || offset > rc->arena_mask ||
	    size > rc->arena_mask + 1 - offset)
		return -EFAULT;
	memcpy(dst, rc->arena + offset, size);
	return 0;
}
