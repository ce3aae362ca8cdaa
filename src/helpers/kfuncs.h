/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kfuncs that Skep's own kernel runs: a row of KFUNC_RUNS each, with the C prototype from
 * which the presented BTF is made (model/presented_kfuncs.c), and a function kfunc_run_NAME in a
 * file of this room. They are called like helpers.
 */
#ifndef SKEP_HELPERS_KFUNCS_H
#define SKEP_HELPERS_KFUNCS_H

#include "model/kfuncs.h"
#include "vm/run.h"

/*
 * X(name, prototype). Words of the prototypes: void, bool, integers and their typedefs, const,
 * struct NAME and pointers to these.
 */
#define KFUNC_RUNS(X)                                                                              \
	X(bpf_rcu_read_lock, "void ()")                                                            \
	X(bpf_rcu_read_unlock, "void ()")                                                          \
	X(bpf_preempt_disable, "void ()")                                                          \
	X(bpf_preempt_enable, "void ()")                                                           \
	X(bpf_local_irq_save, "void (unsigned long *flags__irq_flag)")                             \
	X(bpf_local_irq_restore, "void (unsigned long *flags__irq_flag)")

#define X(name, prototype)                                                                         \
	u64 kfunc_run_##name(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5, struct run_ctx *rc);
KFUNC_RUNS(X)
#undef X

/* What runs the kfunc; NULL: Skep can only verify calls of it. */
helper_fn kfunc_fn(enum kfunc_id id);
/* The i-th of KFUNC_RUNS: its id and prototype; false behind the last. */
bool kfunc_run_at(u32 i, enum kfunc_id *id, const char **prototype);

#endif
