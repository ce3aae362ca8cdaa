/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system call hook: programs attached to Linux's syscall tracepoints run for every
 * call of a traced process tree, in the context of the thread that makes it, while it
 * stands still.
 *
 *	tracepoint/syscalls/sys_enter_NAME, sys_exit_NAME
 *	tracepoint/raw_syscalls/sys_enter, sys_exit
 *	raw_tracepoint/sys_enter, sys_exit
 *
 * Attach first, then spawn or seize: the tree is stopped only at calls somebody is attached
 * to. One hook traces one tree, on the thread that calls syscall_hook_loop.
 */
#ifndef SKEP_HOOKS_SYSCALL_HOOK_H
#define SKEP_HOOKS_SYSCALL_HOOK_H

#include "hooks/syscall/tracer.h"
#include "kernel/attach.h"
#include "kernel/run.h"

struct syscall_hook;

/* Called on the hook's thread; any may be NULL. */
struct syscall_hook_events {
	/* A line of trace_printk, without its newline. */
	void (*trace)(void *data, const struct task_info *task, const char *line, u32 len);
	/* Now and then, after ringbuf records were written, and on signals. */
	void (*tick)(void *data);
	/* Something the user should know. */
	void (*note)(void *data, const char *line);
};

/* Registers its attachers with the kernel, so it is freed after skep. 0 or -ENOMEM. */
int syscall_hook_new(struct skep *skep, const struct syscall_hook_events *events, void *data,
		     struct syscall_hook **out);
void syscall_hook_free(struct syscall_hook *hook);

/* As tracer.h has them. -ENOENT when nothing is attached. */
int syscall_hook_spawn(struct syscall_hook *hook, char *const argv[]);
int syscall_hook_seize(struct syscall_hook *hook, pid_t pid);
int syscall_hook_loop(struct syscall_hook *hook);
void syscall_hook_stop(struct syscall_hook *hook);
const struct tracer *syscall_hook_tracer(const struct syscall_hook *hook);

/*
 * The target that a section name stands for: 0; -EOPNOTSUPP when Skep has no hook for it;
 * -ENOENT when Linux's tracepoints have no such call. why then says what can be attached.
 * target->name points into section.
 */
int syscall_target(const char *section, u32 prog_type, struct attach_target *target, char *why,
		   size_t size);

#endif
