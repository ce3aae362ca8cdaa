/* SPDX-License-Identifier: Apache-2.0 */
/* What a tracepoint's name stands for. */
#ifndef SKEP_HOOKS_SYSCALL_TARGET_H
#define SKEP_HOOKS_SYSCALL_TARGET_H

#include "hooks/syscall/hook.h"

struct tracepoint {
	int nr; /* -1: every call */
	bool exit;
};

/* "syscalls/sys_enter_openat", "raw_syscalls/sys_exit": 0, -EOPNOTSUPP for other tracepoints,
 * -ENOENT for other calls; *hint is the call's name in tracepoints if it has another. */
int tracepoint_parse(const char *name, struct tracepoint *out, const char **hint);
/* "sys_enter", "sys_exit" */
int raw_tracepoint_parse(const char *name, struct tracepoint *out);

#endif
