/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seizing a process that runs, and letting it go. PTRACE_INTERRUPT, which both need to get
 * a thread to stop, ends some system calls with EINTR that no signal handler ever saw
 * (signal(7), "Interruption of system calls ... by stop signals": epoll_wait, semop, and
 * socket calls with a timeout). The thread must not notice: such a call is made to begin
 * again. So it is for signals that a process ignores: an untraced one would not wake up for
 * them, but a tracer gets to see them; and when another thread has taken the signal already,
 * all there is to see is a call that ends with EINTR for no reason. The end of tracing itself
 * interrupts as well, if the thread stands at the entry of a call then; so it is sent back to
 * before that call.
 *
 * If skep is killed, Linux drops the tracing, and threads that stood still go on. Only one
 * that was just being seized, stood at the entry of such a call, or was just being woken for
 * an ignored signal, in that very moment, sees its call interrupted.
 */
#define _GNU_SOURCE
#include "hooks/syscall/internal.h"

#include <dirent.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hooks/syscall/regs.h"

/*
 * Will a handler run, for sig (0: none) or for a signal on its way? Then the call is meant to
 * be interrupted.
 */
static bool handler_comes(pid_t tid, int sig)
{
	u64 own = (u64)proc_status(tid, "SigPnd", 16);
	u64 shared = (u64)proc_status(tid, "ShdPnd", 16);
	u64 blocked = (u64)proc_status(tid, "SigBlk", 16);
	u64 caught = (u64)proc_status(tid, "SigCgt", 16);
	u64 coming = (own | shared) & ~blocked;

	if (sig)
		coming |= 1ull << (sig - 1);
	return (coming & caught) != 0;
}

bool tracee_hide_interrupt(struct tracee *tracee, int sig)
{
	struct user_regs_struct regs;
	struct iovec iov = { &regs, sizeof(regs) };
	s64 nr;

	if (ptrace(PTRACE_GETREGSET, tracee->tid, (void *)NT_PRSTATUS, &iov))
		return false;
	nr = regs_call(&regs);
	/* close has closed, and connect goes on connecting: neither may be made twice. */
	if (iov.iov_len != sizeof(regs) || nr < 0 || regs_result(&regs) != -EINTR ||
	    nr == SYS_close || nr == SYS_connect || handler_comes(tracee->tid, sig))
		return false;
	return regs_call_again(&regs) &&
	       ptrace(PTRACE_SETREGSET, tracee->tid, (void *)NT_PRSTATUS, &iov) == 0;
}

void tracee_leave_entry(struct tracee *tracee)
{
	struct user_regs_struct regs;
	struct iovec iov = { &regs, sizeof(regs) };

	if (ptrace(PTRACE_GETREGSET, tracee->tid, (void *)NT_PRSTATUS, &iov) == 0 &&
	    iov.iov_len == sizeof(regs) && regs_call(&regs) >= 0 && regs_call_again(&regs))
		ptrace(PTRACE_SETREGSET, tracee->tid, (void *)NT_PRSTATUS, &iov);
}

void tracee_set_arg0(struct tracee *tracee, u64 value)
{
	struct user_regs_struct regs;
	struct iovec iov = { &regs, sizeof(regs) };

	if (ptrace(PTRACE_GETREGSET, tracee->tid, (void *)NT_PRSTATUS, &iov) ||
	    iov.iov_len != sizeof(regs))
		return;
	regs_set_arg0(&regs, value);
	ptrace(PTRACE_SETREGSET, tracee->tid, (void *)NT_PRSTATUS, &iov);
}

/*
 * One thread after the other: the shorter each stands interrupted, the less there is to go
 * wrong if skep is killed meanwhile. One that cannot be interrupted now is left to the loop.
 */
static int await_interrupt(struct tracer *tracer, pid_t tid)
{
	struct timespec pause = { .tv_nsec = 20000 };
	int status;

	for (int tries = 0; tries < 100; tries++) {
		pid_t got = waitpid(tid, &status, __WALL | WNOHANG);

		if (got == tid)
			return tracer_take_status(tracer, tid, status);
		if (got < 0)
			return 0;
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* 1: a new one; 0: known or gone meanwhile; -errno. */
static int seize_thread(struct tracer *tracer, pid_t tid)
{
	struct tracee *tracee;
	int err;

	if (tracee_find(tracer, tid))
		return 0;
	if (ptrace(PTRACE_SEIZE, tid, NULL, (void *)(long)TRACER_OPTIONS)) {
		/* A thread born since its creator was seized is ours already. */
		if (errno == EPERM && proc_status(tid, "TracerPid", 10) == syscall(SYS_gettid))
			return 0;
		return errno == ESRCH ? 0 : -errno;
	}
	tracee = tracee_add(tracer, tid);
	if (!tracee)
		return -ENOMEM;
	tracee->fresh = false;
	tracee->interrupted = ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) == 0;
	err = await_interrupt(tracer, tid);
	return err ? err : 1;
}

/* Seizes the threads there are now: how many were new, or -errno. */
static int seize_pass(struct tracer *tracer, pid_t pid)
{
	char path[64];
	struct dirent *entry;
	int n = 0, one;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	while ((entry = readdir(dir))) {
		pid_t tid = atoi(entry->d_name);

		one = tid > 0 ? seize_thread(tracer, tid) : 0;
		if (one < 0) {
			n = one;
			break;
		}
		n += one;
	}
	closedir(dir);
	return n;
}

int tracer_seize(struct tracer *tracer, pid_t pid)
{
	int n;

	tracer->root = pid;
	tracer->filtered = false;
	follow_affinity(pid);
	/* Threads that unseized threads make meanwhile are found by the next pass. */
	do
		n = seize_pass(tracer, pid);
	while (n > 0);
	if (n == 0 && !tracer->n_tracees)
		n = -ESRCH;
	if (n < 0 && tracer->n_tracees) {
		tracer->stop_asked = 1;
		tracer_loop(tracer);
	}
	return n;
}

void tracer_interrupt_all(struct tracer *tracer)
{
	for (size_t i = 0; i < TRACER_BUCKETS; i++)
		for (struct tracee *tracee = tracer->buckets[i]; tracee; tracee = tracee->next)
			if (ptrace(PTRACE_INTERRUPT, tracee->tid, NULL, NULL) == 0)
				tracee->interrupted = true;
}
