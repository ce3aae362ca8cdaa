/* SPDX-License-Identifier: Apache-2.0 */
/* Who a traced thread is, for the helpers that ask and for programs that read task_struct. */
#ifndef SKEP_HOOKS_SYSCALL_TASK_H
#define SKEP_HOOKS_SYSCALL_TASK_H

#include "hooks/syscall/tracer.h"
#include "model/arena.h"

#define TASK_BUCKETS 256

/* The traced threads, their leaders and all of their ancestors. Zeroed memory is an empty one. */
struct task_table {
	struct task *buckets[TASK_BUCKETS];
};

/* What the task is now; cheap to ask again. With an arena, its task_struct is presented too. */
void task_load(struct task_table *table, struct tracee *tracee, struct kernel_arena *arena,
	       struct task_info *info);
/* Presents its registers; their kernel-range address, or 0. */
u64 task_present_regs(struct task_table *table, struct tracee *tracee, struct kernel_arena *arena);
/* It runs another program now. */
void task_changed(struct tracee *tracee);
/* The thread is gone. */
void task_forget(struct task_table *table, struct tracee *tracee, struct kernel_arena *arena);
/* Frees what remains; what was presented goes with the arena. */
void task_table_release(struct task_table *table);

#endif
