/* SPDX-License-Identifier: Apache-2.0 */
/* The system calls of this machine: numbers and names. */
#ifndef SKEP_HOOKS_SYSCALL_CALLS_H
#define SKEP_HOOKS_SYSCALL_CALLS_H

#include "base/types.h"

#define CALLS_MAX 1024 /* above every number in use */

/* As <asm/unistd.h> calls it, or NULL. */
const char *call_name(s64 nr);
/* The number of <asm/unistd.h>'s name, or -ENOENT. */
int call_number(const char *name);
/*
 * The same for the name in Linux's tracepoints (sys_enter_NAME), which is that of the kernel's
 * function: "newuname" for uname. When there is none but the other name exists, *hint is the
 * name to use.
 */
int call_tracepoint(const char *name, const char **hint);
const char *call_tracepoint_name(s64 nr);

/* A set of calls. */
struct call_set {
	u64 bits[CALLS_MAX / 64];
};

static inline void call_set_add(struct call_set *set, u32 nr)
{
	set->bits[nr / 64] |= 1ull << (nr % 64);
}

static inline void call_set_remove(struct call_set *set, u32 nr)
{
	set->bits[nr / 64] &= ~(1ull << (nr % 64));
}

static inline bool call_set_has(const struct call_set *set, s64 nr)
{
	return nr >= 0 && nr < CALLS_MAX && set->bits[nr / 64] >> (nr % 64) & 1;
}

#endif
