/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs to make mutants of: the cases of tests/verifier/cases, and Linux's own tests as
 * selftests/prepare.sh writes them. A mutant of a real program is near the border between what is
 * safe and what is not; a random one is mostly far from it.
 */
#ifndef SKEP_TESTS_PARENTS_H
#define SKEP_TESTS_PARENTS_H

#include "lib/gen.h"
#include "verifier/lib/subject.h"

#define PARENT_MAX_INSNS 300

struct parents {
	struct subject *data;
	u32 len;
	bool (*wanted)(const struct subject *s); /* NULL: all */
};

/* All cases, from SKEP_SOURCE_ROOT. */
void parents_read_cases(struct parents *parents);
void parents_read_entries(struct parents *parents, const char *path);
/* One to three changes; insns has room for PARENT_MAX_INSNS. */
void parents_mutant(const struct parents *parents, struct gen_rng *rng, struct subject *out,
		    struct bpf_insn *insns);
/* The program, one instruction a line, as comments of TAP. */
void subject_print(const struct subject *s);

#endif
