/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The presented kernel's memory: one reserved piece of this process, which programs see at
 * kernel-range addresses. Loads through BTF pointers become host base + (address & mask), so
 * they cannot fault whatever the address is; probe_read_kernel reads only what lies inside.
 *
 * The arena is cut into slots of KERNEL_SLOT_SIZE, each of which holds what belongs to one
 * task. Slot 0 belongs to nobody: its task is what a program sees where none is known
 * (address 0 leads there too), all zeros. Slot 1 is the idle task, "swapper/0" of pid 0, which
 * is its own parent and the end of every chain of parents. A slot that is given back may be handed
 * out again at once; a program that still reads it sees another task's objects, as it would on
 * Linux after a use too late.
 */
#ifndef SKEP_MODEL_ARENA_H
#define SKEP_MODEL_ARENA_H

#include "model/presented.h"
#include "vm/run.h"

#define KERNEL_ARENA_START 0xffff888000000000ull
#define KERNEL_SLOT_SIZE   8192u

struct kernel_arena {
	u8 *base;
	u64 size; /* a power of two; pages behind it are zero and readable, too */
	u32 n_slots;
	u64 *used; /* bitmap of slots, changed atomically */
};

#define KERNEL_PATH_PARTS 24u

/* A path as the dentries it leads through, from "/" on. */
struct kernel_path_parts {
	struct kernel_dentry parts[KERNEL_PATH_PARTS];
	char text[512];
};

/* What one task is made of. */
struct kernel_task {
	struct kernel_task_struct task;
	/* Where no address of theirs is known: only their ids and names are true. */
	struct kernel_task_struct leader;
	struct kernel_task_struct parent;
	struct kernel_cred cred;
	struct kernel_mm_struct mm;
	struct kernel_signal_struct signal;
	struct kernel_pid pid;
	struct kernel_fs_struct fs;
	struct kernel_file exe_file;
	struct kernel_inode exe_inode;
	struct kernel_path_parts exe, cwd;
	struct kernel_nsproxy nsproxy;
	struct kernel_pid_namespace pid_ns;
	struct kernel_mnt_namespace mnt_ns;
	struct kernel_uts_namespace uts_ns;
	struct kernel_ipc_namespace ipc_ns;
	struct kernel_net net_ns;
	struct kernel_cgroup_namespace cgroup_ns;
	struct kernel_time_namespace time_ns;
	struct kernel_user_namespace user_ns;
	struct kernel_pt_regs regs; /* for raw tracepoints that pass them */
};

/* Plain values to fill one with; what is not known stays 0. */
struct kernel_task_facts {
	struct task_info info;
	u64 parent_addr, leader_addr; /* of their task_structs; 0: only what follows is known */
	u32 ppid;
	char parent_comm[16];
	char leader_comm[16];
	u32 euid, suid, fsuid, egid, sgid, fsgid;
	u64 cap_inheritable, cap_permitted, cap_effective;
	u32 flags; /* PF_* */
	u32 state, policy, umask;
	s32 exit_signal, prio, static_prio;
	u64 start_time, start_boottime, utime, stime; /* ns */
	u64 nvcsw, nivcsw, min_flt, maj_flt;
	bool has_mm;
	u64 total_vm; /* pages */
	u64 arg_start, arg_end, env_start, env_end, start_stack, start_code, end_code, start_data,
	    end_data, start_brk;
	u32 nr_threads, cpu;
	const char *exe_path, *cwd_path; /* absolute; NULL: not known */
	struct {
		u64 ino, size;
		u32 mode, uid, gid, nlink;
	} exe;
	u32 mnt_ns_ino, net_ns_ino, uts_ns_ino, ipc_ns_ino, user_ns_ino, cgroup_ns_ino, time_ns_ino;
};

/* size is rounded up to a power of two of at least 64 KiB. 0, -EINVAL, -ENOMEM. */
int kernel_arena_init(struct kernel_arena *arena, u64 size);
void kernel_arena_release(struct kernel_arena *arena);

/* Address of a host pointer into the arena, and back (any address: always inside). */
static inline u64 kernel_address(const struct kernel_arena *arena, const void *host)
{
	return KERNEL_ARENA_START + (u64)((const u8 *)host - arena->base);
}
static inline void *kernel_host(const struct kernel_arena *arena, u64 address)
{
	return arena->base + (address & (arena->size - 1));
}

/* A zeroed task, or NULL when all slots are taken. Any thread may call these two. */
struct kernel_task *kernel_task_alloc(struct kernel_arena *arena);
void kernel_task_free(struct kernel_arena *arena, struct kernel_task *task);
/* Fills it, links its parts, and answers the address of its task_struct. */
u64 kernel_task_fill(const struct kernel_arena *arena, struct kernel_task *task,
		     const struct kernel_task_facts *facts);

/* The idle task, pid 0: the parent of pid 1. */
u64 kernel_idle_task(const struct kernel_arena *arena);

/* Lets a run see the arena (rc->arena, rc->arena_mask). */
static inline void kernel_arena_enter(const struct kernel_arena *arena, struct run_ctx *rc)
{
	rc->arena = arena->base;
	rc->arena_mask = arena->size - 1;
}
/* world_ops.read_kernel for every world: reads what the run's arena holds, else -EFAULT. */
int kernel_arena_read(struct run_ctx *rc, void *dst, u64 src, u32 size);

#endif
