/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of the functions of a Linux that programs attach to, by their names. */
#ifndef SKEP_MODEL_HOOKS_H
#define SKEP_MODEL_HOOKS_H

#include "base/types.h"

struct btf;

enum hook_fact {
	HOOK_LSM_SLEEPABLE = 1 << 0, /* lsm.s */
	HOOK_LSM_DISABLED = 1 << 1,
	HOOK_LSM_UNTRUSTED = 1 << 2, /* its arguments are not to be relied upon */
	HOOK_LSM_BOOL = 1 << 3,	     /* answers 0 or 1 */
	HOOK_LSM_SOCKOPT = 1 << 4,
	HOOK_TRACE_DENIED = 1 << 5,
	HOOK_NORETURN = 1 << 6,
	HOOK_SLEEPABLE = 1 << 7,   /* fentry.s, fexit.s, fmod_ret.s */
	HOOK_MODIFIABLE = 1 << 8,  /* fmod_ret */
	HOOK_D_PATH = 1 << 9,	   /* bpf_d_path may be called */
	HOOK_LSM_NO_HOOK = 1 << 10,
};

/* What is known of that function: enum hook_fact. */
u32 hook_facts(const char *function);
/* Is it a security hook (bpf_lsm_NAME)? As the BTF lists them, where it does. */
bool hook_is_lsm(const struct btf *btf, const char *function);

/* Arguments of tracepoints and iterators that are not what their prototypes say. */
enum hook_arg {
	HOOK_ARG_NULL = 1 << 0,	   /* may be NULL */
	HOOK_ARG_TRUSTED = 1 << 1,
	HOOK_ARG_BUF = 1 << 2,	   /* memory whose size is known when the program is attached */
	HOOK_ARG_RDONLY = 1 << 3,
	HOOK_ARG_ERRNO = 1 << 4,   /* may be an errno instead of a pointer: only a number */
	HOOK_ARG_GIVEN = 1 << 5,   /* iterators: this is all; the prototype promises nothing more */
};

/* Of a security hook. */
u32 hook_lsm_arg(const char *function, u32 arg);
/* Of a typed tracepoint, name without btf_trace_. */
u32 hook_tracepoint_arg(const char *name, u32 arg);
/* Is there an iterator of that name, without bpf_iter_? */
bool hook_is_iter(const char *name);
u32 hook_iter_arg(const char *name, u32 arg);

#endif
