/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the files of this room share the work: value.c is the lattice, step.c what one
 * instruction does to a state, branch.c what a condition tells, blocks.c the shape of the
 * program, solve.c the fixpoint, query.c what others ask.
 */
#ifndef SKEP_FACTS_INTERNAL_H
#define SKEP_FACTS_INTERNAL_H

#include "base/arena.h"
#include "facts/facts.h"

/* Instructions [start, end) that are entered only at the start and left only at the end. */
struct fact_block {
	u32 start, end;
	u32 subprog;
	bool head;             /* an edge goes back to here, or a function begins: widen */
	bool queued;           /* its facts changed since it was last followed */
	u32 visits;            /* how often its facts grew */
	struct fact_state *in; /* NULL: not reached */
};

/* One function: what it returns, to all its callers. */
struct fact_func {
	u32 first_block;
	bool returns; /* result means something */
	struct fact result;
};

/* A call of one of the program's functions. */
struct fact_call {
	u32 func, block;
};

#define MAX_THRESHOLDS 64

struct facts {
	const struct image *image;
	const struct ctx_layout *ctx;
	struct arena arena;
	struct fact_block *blocks;
	u32 n_blocks;
	struct fact_func *funcs; /* one a subprogram of the image */
	struct fact_call *calls;
	u32 n_calls;
	/* Numbers that conditions compare with: where widening stops first. Sorted. */
	s64 thresholds[MAX_THRESHOLDS];
	u32 n_thresholds;
	bool out_of_memory;
};

/* ---- value.c ---- */

struct fact fact_any(void);
struct fact fact_number(struct scalar val);
static inline bool fact_is_pointer(const struct fact *fact)
{
	return fact->kind > FACT_NUMBER;
}
bool fact_same(const struct fact *a, const struct fact *b);
struct fact fact_join(const struct fact *a, const struct fact *b);
/* *into becomes the join; true when it grew. visits: how often it did, for widening (0: never
 * widen). */
bool fact_state_join(const struct facts *facts, struct fact_state *into,
		     const struct fact_state *from, u32 visits);
bool fact_grow(const struct facts *facts, struct fact *into, const struct fact *from, u32 visits);

/* ---- blocks.c ---- */

int facts_find_blocks(struct facts *facts);
/* The block that holds an instruction. */
struct fact_block *facts_block_of(const struct facts *facts, u32 insn);
/* Index of the function that begins there. */
u32 facts_func_at(const struct facts *facts, u32 insn);

/* ---- step.c ---- */

/*
 * What an instruction that is no jump, exit or call of a function does. Calls of helpers
 * included.
 */
void facts_step(const struct facts *facts, struct fact_state *state, u32 at);
/* After any call: r1 to r5 are gone, and the frame's stack when the callee could reach it. */
void facts_after_call(struct fact_state *state);

/* ---- branch.c ---- */

/* Narrows a state to what remains when the jump is (not) taken; false: that cannot be. */
bool facts_take(struct fact_state *state, const struct bpf_insn *insn, bool taken);

/* ---- solve.c ---- */

/* Follows a block from its facts up to, but not including, instruction `until`; false: the end
 * is not reached. */
bool facts_replay(const struct facts *facts, const struct fact_block *block, u32 until,
		  struct fact_state *state);
int facts_solve(struct facts *facts);

#endif
