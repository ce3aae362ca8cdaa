/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seccomp filter of a spawned tree: SECCOMP_RET_TRACE for calls somebody wants,
 * SECCOMP_RET_ALLOW for all others. Linux remembers which calls a filter always allows, so
 * those cost nothing beyond a bit test.
 */
#define _GNU_SOURCE
#include "hooks/syscall/internal.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hooks/syscall/regs.h"

#define FILTER_MAX (2 * CALLS_MAX + 16)

struct filter {
	struct sock_filter insns[FILTER_MAX];
	unsigned short len;
};

static void put(struct filter *filter, struct sock_filter insn)
{
	filter->insns[filter->len++] = insn;
}

static void put_verdict(struct filter *filter, u32 verdict)
{
	put(filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, verdict));
}

/*
 * A child made with CLONE_UNTRACED has the filter but no tracer, so its filtered calls would
 * fail: the tracer takes the flag away. clone3 has its flags in memory, which no filter sees.
 */
static void put_clones(struct filter *filter)
{
	put(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1));
	put_verdict(filter, SECCOMP_RET_TRACE);
	put(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3));
	put(filter, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, args[0])));
	put(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_UNTRACED, 0, 1));
	put_verdict(filter, SECCOMP_RET_TRACE);
}

static void build(struct filter *filter, const struct tracer_wants *wants,
		  const struct call_set *watched)
{
	bool all = wants->all_enter || wants->all_exit;

	filter->len = 0;
	if (all) {
		put_verdict(filter, SECCOMP_RET_TRACE);
		return;
	}
	put(filter, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, arch)));
	put(filter,
	    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_AUDIT_ARCH, 1, 0));
	put_verdict(filter, SECCOMP_RET_ALLOW);
	put(filter, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, nr)));
	for (u32 nr = 0; nr < CALLS_MAX; nr++) {
		if (!call_set_has(&wants->enter, nr) && !call_set_has(&wants->exit, nr) &&
		    !call_set_has(watched, nr))
			continue;
		put(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1));
		put_verdict(filter, SECCOMP_RET_TRACE);
	}
	put_clones(filter);
	put_verdict(filter, SECCOMP_RET_ALLOW);
}

/*
 * Without CAP_SYS_ADMIN a filter needs no_new_privs, which turns set-uid off in the tree; with
 * it the tree stays as it was.
 */
int filter_install(const struct tracer_wants *wants, const struct call_set *watched)
{
	struct filter filter;
	struct sock_fprog fprog;

	build(&filter, wants, watched);
	fprog = (struct sock_fprog){ .len = filter.len, .filter = filter.insns };
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &fprog) == 0)
		return 0;
	if (errno != EACCES || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &fprog) ? -errno : 0;
}
