/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of the tracer: one waitpid, one stop, one decision how to go on.
 *
 * A traced thread stops
 *	- in the filter (PTRACE_EVENT_SECCOMP), when the tree was spawned: a call's entry;
 *	- at entry and exit of calls, when resumed with PTRACE_SYSCALL: that is how exits are
 *	  seen, and in a seized process, which has no filter, entries as well;
 *	- with PTRACE_EVENT_{FORK,VFORK,CLONE,EXEC}, which only matter for EXEC, because the
 *	  new thread announces itself by its own first stop (sometimes before its parent's);
 *	- with PTRACE_EVENT_STOP: its first stop, a stop that PTRACE_INTERRUPT asked for, or
 *	  a group-stop (SIGSTOP and such), in which it must be left listening;
 *	- with a signal, which is delivered unchanged by handing it back.
 * Whoever is killed meanwhile makes ptrace fail with ESRCH; its end is then reported by
 * waitpid like any other, so those failures need no care.
 */
#define _GNU_SOURCE
#include "hooks/syscall/internal.h"

#include <linux/ptrace.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <elf.h>
#include <unistd.h>

#include "hooks/syscall/regs.h"

/* Calls that change who a thread is; programs ask for that rarely, and reading it is slow. */
static const char *const creds_calls[] = {
	"setuid",   "setgid",   "setreuid",  "setregid", "setresuid", "setresgid",
	"setfsuid", "setfsgid", "setgroups", "unshare",  "setns",
};

void tracer_init(struct tracer *tracer, const struct tracer_ops *ops, void *data,
		 const struct tracer_wants *wants)
{
	*tracer = (struct tracer){ .ops = ops, .data = data, .wants = *wants, .told = -1 };
	call_set_add(&tracer->watched, SYS_ptrace);
	for (size_t i = 0; i < ARRAY_SIZE(creds_calls); i++) {
		int nr = call_number(creds_calls[i]);

		if (nr >= 0)
			call_set_add(&tracer->watched, (u32)nr);
	}
}

static struct tracee **bucket(struct tracer *tracer, pid_t tid)
{
	return &tracer->buckets[(u32)tid % TRACER_BUCKETS];
}

struct tracee *tracee_find(struct tracer *tracer, pid_t tid)
{
	struct tracee *tracee = *bucket(tracer, tid);

	while (tracee && tracee->tid != tid)
		tracee = tracee->next;
	return tracee;
}

struct tracee *tracee_add(struct tracer *tracer, pid_t tid)
{
	struct tracee *tracee = calloc(1, sizeof(*tracee));

	if (!tracee)
		return NULL;
	tracee->tid = tid;
	tracee->tgid = (pid_t)proc_status(tid, "Tgid", 10);
	if (tracee->tgid < 0)
		tracee->tgid = tid;
	tracee->fresh = tracee->creds_stale = true;
	tracee->next = *bucket(tracer, tid);
	*bucket(tracer, tid) = tracee;
	tracer->n_tracees++;
	return tracee;
}

void tracee_remove(struct tracer *tracer, struct tracee *tracee)
{
	struct tracee **at = bucket(tracer, tracee->tid);

	while (*at != tracee)
		at = &(*at)->next;
	*at = tracee->next;
	tracer->n_tracees--;
	if (tracer->ops->gone)
		tracer->ops->gone(tracer->data, tracee);
	free(tracee);
}

void tracer_release(struct tracer *tracer)
{
	spawn_result(tracer);
	for (size_t i = 0; i < TRACER_BUCKETS; i++)
		while (tracer->buckets[i])
			tracee_remove(tracer, tracer->buckets[i]);
}

void tracer_note(struct tracer *tracer, const char *fmt, ...)
{
	char line[512];
	va_list args;

	if (!tracer->ops->note)
		return;
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	tracer->ops->note(tracer->data, line);
}

static bool wants_enter(const struct tracer *tracer, const struct call *call)
{
	return tracer->wants.all_enter ||
	       (!call->foreign && call_set_has(&tracer->wants.enter, call->nr));
}

static bool wants_exit(const struct tracer *tracer, const struct call *call)
{
	return tracer->wants.all_exit ||
	       (!call->foreign && call_set_has(&tracer->wants.exit, call->nr));
}

/* Lets it run on, with a signal or 0; for good when leaving. */
static void resume(struct tracer *tracer, struct tracee *tracee, int sig)
{
	bool to_call = !tracer->filtered || (tracee->in_call && wants_exit(tracer, &tracee->call));
	int how = tracer->leaving ? PTRACE_DETACH : to_call ? PTRACE_SYSCALL : PTRACE_CONT;

	ptrace(how, tracee->tid, NULL, (void *)(long)sig);
	if (tracer->leaving)
		tracee_remove(tracer, tracee);
}

static void tell_ptrace(struct tracer *tracer, const struct tracee *tracee)
{
	char comm[32] = "?";

	if (tracer->told_ptrace)
		return;
	tracer->told_ptrace = true;
	if (proc_read(tracee->tid, "comm", comm, sizeof(comm)) > 0)
		comm[strcspn(comm, "\n")] = 0;
	tracer_note(tracer,
		    "%s (pid %d) uses ptrace itself: a process can have one tracer only, so that "
		    "will fail for what is traced here",
		    comm, (int)tracee->tgid);
}

/* A child that nobody traces could not live with the filter it inherits. */
static void keep_child_traced(struct tracer *tracer, struct tracee *tracee)
{
	const struct call *call = &tracee->call;
	u64 flags = call->args[0];
	bool in_memory = call->nr == SYS_clone3;

	if (!tracer->filtered ||
	    (in_memory && tracee_read(tracee, &flags, call->args[0], sizeof(flags))))
		return;
	if (!(flags & CLONE_UNTRACED))
		return;
	flags &= ~(u64)CLONE_UNTRACED;
	if (in_memory)
		tracee_write(tracee, call->args[0], &flags, sizeof(flags));
	else
		tracee_set_arg0(tracee, flags);
}

/* Outside of the wants: what the tracer itself must know of. */
static void watch_call(struct tracer *tracer, struct tracee *tracee)
{
	if (!tracee->call.foreign &&
	    (tracee->call.nr == SYS_clone || tracee->call.nr == SYS_clone3))
		keep_child_traced(tracer, tracee);
	if (tracee->call.foreign || !call_set_has(&tracer->watched, tracee->call.nr))
		return;
	if (tracee->call.nr == SYS_ptrace)
		tell_ptrace(tracer, tracee);
	else
		tracee->creds_stale = true;
}

static void enter_call(struct tracer *tracer, struct tracee *tracee,
		       const struct ptrace_syscall_info *info, u64 nr, const __u64 *args)
{
	struct call *call = &tracee->call;
	bool again = tracee->again && call->nr == (s64)nr;

	tracee->again = false;
	tracee->in_call = true;
	call->foreign = info->arch != NATIVE_AUDIT_ARCH;
	call->nr = (s64)nr;
	call->ret = 0;
	for (int i = 0; i < 6; i++)
		call->args[i] = args[i];
	if (!again && wants_enter(tracer, call) && tracer->ops->enter)
		tracer->ops->enter(tracer->data, tracee);
	watch_call(tracer, tracee);
}

static void exit_call(struct tracer *tracer, struct tracee *tracee, s64 ret)
{
	if (!tracee->in_call)
		return;
	tracee->call.ret = ret;
	tracee->in_call = false;
	if (wants_exit(tracer, &tracee->call) && tracer->ops->exit)
		tracer->ops->exit(tracer->data, tracee);
}

/* What goes on after an interruption of our making did not return, and does not enter twice. */
static void leave_call(struct tracer *tracer, struct tracee *tracee, s64 ret, bool interrupted)
{
	if (ret == -EINTR && tracee->in_call && tracee_hide_interrupt(tracee, 0))
		tracee->again = true;
	else if (!interrupted)
		exit_call(tracer, tracee, ret);
}

/* At entry or exit of a call, by PTRACE_SYSCALL or from the filter. */
static void on_call(struct tracer *tracer, struct tracee *tracee, bool interrupted)
{
	struct ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, tracee->tid, (void *)sizeof(info), &info) <= 0)
		return;
	switch (info.op) {
	case PTRACE_SYSCALL_INFO_ENTRY:
		if (tracer->leaving)
			tracee_leave_entry(tracee);
		else
			enter_call(tracer, tracee, &info, info.entry.nr, info.entry.args);
		break;
	case PTRACE_SYSCALL_INFO_SECCOMP:
		enter_call(tracer, tracee, &info, info.seccomp.nr, info.seccomp.args);
		break;
	case PTRACE_SYSCALL_INFO_EXIT:
		leave_call(tracer, tracee, info.exit.rval, interrupted);
		break;
	}
}

/* Linux has the new thread leave its parent's clone too, with 0. */
static void return_of_child(struct tracer *tracer, struct tracee *tracee)
{
	struct user_regs_struct regs;
	struct iovec iov = { &regs, sizeof(regs) };

	if (ptrace(PTRACE_GETREGSET, tracee->tid, (void *)NT_PRSTATUS, &iov))
		return;
	tracee->call =
	    (struct call){ .nr = regs_call(&regs), .foreign = iov.iov_len != sizeof(regs) };
	tracee->in_call = true;
	exit_call(tracer, tracee, 0);
}

static bool is_stop_signal(int sig)
{
	return sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
}

static void on_event_stop(struct tracer *tracer, struct tracee *tracee, int sig, bool interrupted)
{
	if (tracee->fresh && tracee->child)
		return_of_child(tracer, tracee);
	tracee->fresh = false;
	if (interrupted)
		tracee_hide_interrupt(tracee, 0);
	if (is_stop_signal(sig) && !tracer->leaving)
		ptrace(PTRACE_LISTEN, tracee->tid, NULL, NULL);
	else
		resume(tracer, tracee, 0);
}

static void tell_setuid(struct tracer *tracer, const struct tracee *tracee)
{
	char exe[64];
	struct stat st;

	snprintf(exe, sizeof(exe), "/proc/%d/exe", (int)tracee->tid);
	if (tracer->told_setuid || geteuid() == 0 || stat(exe, &st))
		return;
	if (!(st.st_mode & S_ISUID) && (st.st_mode & (S_ISGID | S_IXGRP)) != (S_ISGID | S_IXGRP))
		return;
	tracer->told_setuid = true;
	tracer_note(
	    tracer,
	    "pid %d runs a set-uid or set-gid program: under a tracer without privilege it keeps "
	    "the ids of its caller",
	    (int)tracee->tgid);
}

/* All other threads are gone, and the one that called execve has the leader's id now. */
static void on_exec(struct tracer *tracer, struct tracee *tracee)
{
	unsigned long former = 0;
	struct tracee *caller;

	ptrace(PTRACE_GETEVENTMSG, tracee->tid, NULL, &former);
	caller = tracee_find(tracer, (pid_t)former);
	if (caller && caller != tracee) {
		tracee->call = caller->call;
		tracee->in_call = caller->in_call;
		tracee_remove(tracer, caller);
	}
	tracee->creds_stale = true;
	follow_affinity(tracee->tid);
	tell_setuid(tracer, tracee);
	if (tracer->ops->exec)
		tracer->ops->exec(tracer->data, tracee);
	resume(tracer, tracee, 0);
}

/*
 * Linux forgets an interruption that was asked for when the thread stops for any other
 * reason first, so the next stop after asking is the one, whatever its kind.
 */
static void on_stop(struct tracer *tracer, struct tracee *tracee, int status)
{
	int event = status >> 16;
	int sig = WSTOPSIG(status);
	bool interrupted = tracee->interrupted;

	tracer->stops++;
	tracee->interrupted = false;
	if (event == PTRACE_EVENT_SECCOMP || (!event && sig == (SIGTRAP | 0x80))) {
		on_call(tracer, tracee, interrupted);
		resume(tracer, tracee, 0);
	} else if (event == PTRACE_EVENT_STOP) {
		on_event_stop(tracer, tracee, sig, interrupted);
	} else if (event == PTRACE_EVENT_EXEC) {
		on_exec(tracer, tracee);
	} else if (event) {
		resume(tracer, tracee, 0);
	} else {
		tracee_hide_interrupt(tracee, sig);
		resume(tracer, tracee, sig);
	}
}

static void on_end(struct tracer *tracer, struct tracee *tracee, int status)
{
	if (tracee->tid == tracer->root) {
		tracer->root_status = status;
		tracer->root_ended = true;
	}
	tracee_remove(tracer, tracee);
}

int tracer_take_status(struct tracer *tracer, pid_t tid, int status)
{
	struct tracee *tracee = tracee_find(tracer, tid);

	if (!WIFSTOPPED(status)) {
		if (tracee)
			on_end(tracer, tracee, status);
		return 0;
	}
	if (!tracee) {
		tracee = tracee_add(tracer, tid);
		if (!tracee)
			return -ENOMEM;
		tracee->child = true;
	}
	on_stop(tracer, tracee, status);
	return 0;
}

static void begin_leaving(struct tracer *tracer)
{
	if (!tracer->stop_asked || tracer->leaving || tracer->filtered)
		return;
	tracer->leaving = true;
	tracer_interrupt_all(tracer);
}

/* The callbacks' chance to drain and print: every so many stops, and on every signal. */
static void tick(struct tracer *tracer)
{
	tracer->ticked = 0;
	if (tracer->ops->tick)
		tracer->ops->tick(tracer->data);
}

int tracer_loop(struct tracer *tracer)
{
	int err = 0;

	while (tracer->n_tracees && !err) {
		int status;
		pid_t tid = waitpid(-1, &status, __WALL | __WNOTHREAD);

		if (tid > 0)
			err = tracer_take_status(tracer, tid, status);
		else if (errno == ECHILD)
			break;
		else if (errno != EINTR)
			err = -errno;
		begin_leaving(tracer);
		if (tid < 0 || tracer->ticked || !(tracer->stops & 0xff))
			tick(tracer);
	}
	return err ? err : spawn_result(tracer);
}

void tracer_stop(struct tracer *tracer)
{
	tracer->stop_asked = 1;
	tracer->ticked = 1;
}

int tracee_frame(const struct tracee *tracee, u64 *ip, u64 *frame)
{
	struct user_regs_struct regs;
	struct iovec iov = { &regs, sizeof(regs) };

	if (ptrace(PTRACE_GETREGSET, tracee->tid, (void *)NT_PRSTATUS, &iov))
		return -errno;
	/* Of a 32-bit program: its stack is another. */
	if (iov.iov_len != sizeof(regs))
		return -EFAULT;
	regs_frame(&regs, ip, frame);
	return 0;
}

int tracee_regs(const struct tracee *tracee, void *regs, size_t size)
{
	struct user_regs_struct all;
	struct iovec iov = { &all, sizeof(all) };

	if (ptrace(PTRACE_GETREGSET, tracee->tid, (void *)NT_PRSTATUS, &iov))
		return -errno;
	size = MIN(size, (size_t)PT_REGS_SIZE);
	memcpy(regs, &all, size);
	return (int)size;
}

int tracee_read(const struct tracee *tracee, void *dst, u64 src, size_t size)
{
	struct iovec local = { dst, size };
	struct iovec remote = { (void *)(uintptr_t)src, size };

	if (!size)
		return 0;
	if (process_vm_readv(tracee->tid, &local, 1, &remote, 1, 0) != (ssize_t)size)
		return -EFAULT;
	return 0;
}

int tracee_write(const struct tracee *tracee, u64 dst, const void *src, size_t size)
{
	struct iovec local = { (void *)(uintptr_t)src, size };
	struct iovec remote = { (void *)(uintptr_t)dst, size };

	if (!size)
		return 0;
	if (process_vm_writev(tracee->tid, &local, 1, &remote, 1, 0) != (ssize_t)size)
		return -EFAULT;
	return 0;
}
