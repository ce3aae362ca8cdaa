/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stopping a process tree at its system calls, by ptrace. This part knows nothing of eBPF:
 * it starts or seizes processes, follows them, and calls back at each call's entry and
 * exit with the thread standing still.
 *
 *	tracer_spawn	a command, under a seccomp filter that stops it only at wanted calls.
 *			The tree dies with its tracer (a filtered call without one would fail).
 *	tracer_seize	a process that runs already, without a filter: every call stops it, and
 *			it outlives its tracer unharmed.
 *	tracer_loop	until all are gone, or tracer_stop was called from a signal handler
 *
 * All calls, and the callbacks, are on one thread. Children of that thread which are not
 * traced must not exist while the loop runs: their exits would be taken for a tracee's.
 */
#ifndef SKEP_HOOKS_SYSCALL_TRACER_H
#define SKEP_HOOKS_SYSCALL_TRACER_H

#include <signal.h>
#include <sys/types.h>

#include "hooks/syscall/calls.h"

/* A system call in progress, as Linux's syscall tracepoints see it. */
struct call {
	s64 nr;
	u64 args[6];
	s64 ret;      /* at exit */
	bool foreign; /* made through another ABI (32-bit): nr is of that one's table */
};

struct tracee {
	struct tracee *next; /* in its bucket */
	pid_t tid, tgid;
	struct call call;
	bool in_call;     /* between a call's entry and its exit */
	bool fresh;       /* has not stopped yet */
	bool child;       /* was born under the tracer: returns from its parent's clone */
	bool interrupted; /* by PTRACE_INTERRUPT of ours: that stop is still to come */
	bool again;       /* the next entry repeats a call that was interrupted by tracing */
	bool creds_stale; /* may have changed its ids since ids were read */
	void *data;       /* the callbacks' own */
};

struct tracer_ops {
	void (*enter)(void *data, struct tracee *tracee);
	void (*exit)(void *data, struct tracee *tracee);
	/* The tracee ran another program from here on. */
	void (*exec)(void *data, struct tracee *tracee);
	void (*gone)(void *data, struct tracee *tracee);
	/* Now and then while calls come, and when a signal arrives. */
	void (*tick)(void *data);
	/* One line for the user. */
	void (*note)(void *data, const char *line);
};

/* Which calls to stop at. Calls through a foreign ABI belong only to the two "all"s. */
struct tracer_wants {
	struct call_set enter, exit;
	bool all_enter, all_exit;
};

#define TRACER_BUCKETS 1024

struct tracer {
	const struct tracer_ops *ops; /* any may be NULL */
	void *data;
	struct tracer_wants wants;
	struct call_set watched; /* stopped at for the tracer's own sake */
	struct tracee *buckets[TRACER_BUCKETS];
	u32 n_tracees;
	bool filtered; /* spawned: the seccomp filter picks the calls */
	bool leaving;  /* seized: detaching */
	bool told_ptrace, told_setuid;
	pid_t root;
	int root_status; /* as waitpid gives it, once root_ended */
	bool root_ended;
	int told;         /* fd on which a child that cannot start tells why, or -1 */
	bool exec_failed; /* it was the command that could not be executed */
	u64 stops;        /* counted: how often any thread stopped */
	volatile sig_atomic_t stop_asked, ticked;
};

void tracer_init(struct tracer *tracer, const struct tracer_ops *ops, void *data,
		 const struct tracer_wants *wants);
/* Frees what remembers the tracees; none may be traced any more. */
void tracer_release(struct tracer *tracer);

/*
 * Starts argv[0] (looked up in PATH) as the root of the tree. 0 or -errno; a command that
 * turns out not to be executable makes tracer_loop return -errno, with exec_failed set.
 */
int tracer_spawn(struct tracer *tracer, char *const argv[]);
/* The same for a function in a forked child; what it returns is the exit status. */
int tracer_spawn_call(struct tracer *tracer, int (*body)(void *arg), void *arg);
/* Seizes every thread of a process. 0 or -errno: -ESRCH, -EPERM. */
int tracer_seize(struct tracer *tracer, pid_t pid);

/* 0 when no tracee is left; after tracer_stop all seized ones have been let go. -errno. */
int tracer_loop(struct tracer *tracer);
/* Ends the loop of seized processes. May be called from a signal handler. */
void tracer_stop(struct tracer *tracer);

/* Where a stopped tracee is, and its frame pointer: 0 or -errno. */
int tracee_frame(const struct tracee *tracee, u64 *ip, u64 *frame);
/* All registers of a stopped tracee as struct pt_regs has them: bytes written or -errno. */
int tracee_regs(const struct tracee *tracee, void *regs, size_t size);
/* Its memory: 0 or -EFAULT; all or nothing. */
int tracee_read(const struct tracee *tracee, void *dst, u64 src, size_t size);
int tracee_write(const struct tracee *tracee, u64 dst, const void *src, size_t size);

/*
 * What an empty call costs as seen from its entry to its exit: the least that any latency
 * taken under this tracer can show. Median of some hundred; 0 when it cannot be measured.
 */
u64 tracer_floor_ns(void);

#endif
