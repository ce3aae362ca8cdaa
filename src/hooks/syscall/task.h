/* SPDX-License-Identifier: Apache-2.0 */
/* Who a traced thread is, for the helpers that ask. */
#ifndef SKEP_HOOKS_SYSCALL_TASK_H
#define SKEP_HOOKS_SYSCALL_TASK_H

#include "hooks/syscall/tracer.h"
#include "vm/run.h"

/* What the task is now; cheap to ask again. */
void task_load(struct tracee *tracee, struct task_info *task);
/* Presents its registers; their kernel-range address, or 0. */
u64 task_present_regs(struct tracee *tracee);
/* The thread is gone. */
void task_forget(struct tracee *tracee);

#endif
