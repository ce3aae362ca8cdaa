/* SPDX-License-Identifier: Apache-2.0 */
/* Big programs of known shapes for bench/verifier.c, all for sched_cls and without maps. */
#ifndef SKEP_BENCH_VERIFIER_GEN_H
#define SKEP_BENCH_VERIFIER_GEN_H

#include "base/vec.h"
#include "isa/asm.h"

struct generator {
	const char *name;
	void (*emit)(insn_vec *out);
};

extern const struct generator generators[];
extern const u32 n_generators;

#endif
