/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the tracer share. */
#ifndef SKEP_HOOKS_SYSCALL_INTERNAL_H
#define SKEP_HOOKS_SYSCALL_INTERNAL_H

#include <sys/ptrace.h>

#include "hooks/syscall/tracer.h"

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

#define TRACER_OPTIONS                                                                            \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | \
	 PTRACE_O_TRACEEXEC)

/* The tracee of that thread id, or NULL. */
struct tracee *tracee_find(struct tracer *tracer, pid_t tid);
/* A new one, fresh; NULL without memory. */
struct tracee *tracee_add(struct tracer *tracer, pid_t tid);
void tracee_remove(struct tracer *tracer, struct tracee *tracee);

PRINTF_LIKE(2, 3) void tracer_note(struct tracer *tracer, const char *fmt, ...);

/* Installs the filter in the calling process. 0 or -errno. */
int filter_install(const struct tracer_wants *wants, const struct call_set *watched);

/* Of a root that has ended: 0, or -errno when it never became the command. */
int spawn_result(struct tracer *tracer);

/*
 * At the exit of a call, at a stop that PTRACE_INTERRUPT of ours made, or at the delivery of
 * sig: when a call was interrupted but no handler is going to run, it begins again, and the
 * answer is true.
 */
bool tracee_hide_interrupt(struct tracee *tracee, int sig);
/* At the entry of a call that is to be made untraced: it begins again. */
void tracee_leave_entry(struct tracee *tracee);
/* Changes the first argument of the call it is about to make. */
void tracee_set_arg0(struct tracee *tracee, u64 value);
/* What waitpid told of a thread: decides how it goes on. 0 or -ENOMEM. */
int tracer_take_status(struct tracer *tracer, pid_t tid, int status);
/* Asks every tracee for a stop, so that the loop can let it go. */
void tracer_interrupt_all(struct tracer *tracer);

/* The calling thread moves to the CPUs that thread may run on. */
void follow_affinity(pid_t tid);

/* One number of /proc/TID/status ("Tgid", "SigPnd" ...) in the given base; -1 when not there. */
s64 proc_status(pid_t tid, const char *field, int base);
/* The whole file, as a string; bytes or -errno. */
int proc_read(pid_t tid, const char *file, char *buf, size_t size);

#endif
