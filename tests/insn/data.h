/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test vectors for instructions, in a form that people write.
 *
 *	# a comment
 *	-- name of the vector
 *	no-linux: why verifiers refuse it		(optional)
 *	no-skep: why only Skep's does			(optional)
 *	mode: plain | skb				(optional)
 *	registers: all					(optional)
 *	r0 = *(u64 *)(r1 +0)				any number of lines in isa/asm.h's syntax
 *	r0 += $2
 *	exit
 *	1 2 => 3					one run
 *	[01 02 03 04] => 7 [01 02 03 05]		another
 *
 * A run gives the memory that r1 points to, as 64-bit words or as bytes; the expected r0; and
 * optionally the expected memory afterwards. $N in the program is the Nth word of the run.
 *
 * mode: plain	the program is the whole program, not a function called with r1 = memory; has
 *		512 bytes of stack and eight frames for itself; Linux compares 32 bits of r0
 *	 skb	the same, r1 is an __sk_buff of which the memory is the packet
 *
 * registers: all	the program is run for each two different registers among r0 to r9, in place
 *		of rD (wD) and rS (wS)
 */
#ifndef SKEP_TESTS_INSN_DATA_H
#define SKEP_TESTS_INSN_DATA_H

#include "base/types.h"

#define VECTOR_MEMORY 256

enum vector_mode { VECTOR_FUNCTION, VECTOR_PLAIN, VECTOR_SKB };

struct vector_run {
	u32 line;
	u8 before[VECTOR_MEMORY], after[VECTOR_MEMORY];
	u32 size; /* of both */
	u64 words[8];
	u32 n_words;
	u64 r0;
};

struct vector {
	char name[96]; /* "alu64: add wraps" */
	u32 line;
	char no_linux[128], no_skep[128]; /* reason, or "" */
	enum vector_mode mode;
	bool all_registers;
	char *source;
	struct vector_run *runs;
	u32 n_runs;
};

struct vectors {
	struct vector *v;
	u32 n;
};

/* Reads a file and appends; false after a test failure that says what is wrong where. */
bool vectors_read(struct vectors *vectors, const char *path);
void vectors_free(struct vectors *vectors);
/* How many programs one run stands for: 1, or one for each pair of registers. */
u32 vector_variants(const struct vector *v);
/* The program of one run: its source with words and registers put in. malloc'ed. */
char *vector_source(const struct vector *v, const struct vector_run *run, u32 variant);

#endif
