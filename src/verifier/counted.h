/* SPDX-License-Identifier: Apache-2.0 */
/* Loops that count, proved by induction instead of round by round (counted.c). */
#ifndef SKEP_VERIFIER_COUNTED_H
#define SKEP_VERIFIER_COUNTED_H

#include "base/types.h"

struct env;
struct state;

#define COUNTED_NONE 0xff

struct counted_loop {
	u32 head, back; /* first instruction, and the jump back to it */
	u8 reg;		/* that counts; COUNTED_NONE: none is known to */
	u32 tries;
	s64 step, hi; /* added each round; the most it may be when a round begins */
};

/* A proof of one loop on one path. */
struct counted_run {
	struct counted_run *outer;
	struct counted_loop loop;
	u32 depth; /* of its frame */
};

/* The current path may have left the code of loops it was in. */
void counted_leave(struct env *env);
/* Has the path stayed in the loop since the run began? */
bool counted_running(const struct state *state, const struct counted_run *run);
/*
 * At a head, one round after the last time here, which took so many instructions: the loop,
 * if the counter lies where it should, and walking all rounds would be too much or (again) a
 * proof is under way; else NULL.
 */
struct counted_loop *counted_worth_it(struct env *env, u64 round, bool again);
/* The counter becomes any number of its range. NULL: out of memory. */
struct counted_run *counted_begin(struct env *env, struct counted_loop *loop);

#endif
