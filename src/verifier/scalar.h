/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The abstract number: what the verifier knows about a 64-bit value it cannot see.
 *
 * A scalar is a set of numbers, described three ways at once: by known bits (tnum), by
 * ranges of the whole word and by ranges of its low half, each in unsigned and in signed
 * order. The set is what satisfies all of them. Every function here takes and returns
 * scalars in which each description already knows what the others imply (scalar_deduce).
 *
 * All functions are pure and total, allocate nothing, and are sound: when a concrete x is
 * in a and y is in b, the concrete result of the operation (RFC 9669, shifts masked,
 * division by zero defined) is in the result. The arguments must not be empty.
 *
 * The same source compiles at another width (-DSCALAR_BITS=6): words keep their C types
 * but hold SCALAR_BITS bits, and "32" in a name then means half of that. The tests use
 * it to try every operation on every value (tests/unit/scalar_small.c).
 */
#ifndef SKEP_VERIFIER_SCALAR_H
#define SKEP_VERIFIER_SCALAR_H

#include <linux/bpf.h>

#include "verifier/tnum.h"

#ifndef SCALAR_BITS
#define SCALAR_BITS 64
#endif
#define SCALAR_HALF (SCALAR_BITS / 2)

struct scalar {
	struct tnum bits;
	u64 umin, umax;
	s64 smin, smax;
	u32 umin32, umax32;
	s32 smin32, smax32;
};

/* ---- making ---- */

struct scalar scalar_const(u64 value);
struct scalar scalar_unknown(void);
/* lo..hi in unsigned, or in signed order; lo <= hi. */
struct scalar scalar_urange(u64 lo, u64 hi);
struct scalar scalar_srange(s64 lo, s64 hi);
/* Any number of `bits` bits: what a load of that size yields, zero- or sign-extended. */
struct scalar scalar_load(u32 bits, bool sign_extend);

/* ---- asking ---- */

static inline bool scalar_is_const(const struct scalar *s)
{
	return s->umin == s->umax;
}

/* No number at all: the path that led here cannot be taken. */
static inline bool scalar_is_empty(const struct scalar *s)
{
	return s->umin > s->umax;
}

bool scalar_is_unknown(const struct scalar *s);
bool scalar_has(const struct scalar *s, u64 value);
bool scalar_eq(const struct scalar *a, const struct scalar *b);
/* Every number of a is in b (a's state is covered by b's: prune). */
bool scalar_within(const struct scalar *a, const struct scalar *b);

/* ---- combining ---- */

/*
 * Brings the descriptions to agree after one of them was narrowed by hand. False when no
 * number satisfies all of them; *s is then empty.
 */
bool scalar_deduce(struct scalar *s);
/* What is in both; false when that is nothing. */
bool scalar_meet(struct scalar *s, const struct scalar *with);
/* A scalar that holds what is in either. */
struct scalar scalar_join(const struct scalar *a, const struct scalar *b);

/* ---- arithmetic ---- */

/* Signed division has the operation code of the unsigned one (and off 1): told apart here. */
#define SCALAR_SDIV 0x100
#define SCALAR_SMOD 0x101

/*
 * dst op src: op is BPF_OP(code) of an ALU instruction from BPF_ADD to BPF_ARSH but BPF_END
 * (BPF_MOV and BPF_NEG included; BPF_NEG ignores b), or SCALAR_SDIV, SCALAR_SMOD. is32:
 * a 32-bit operation, whose result is zero-extended.
 */
struct scalar scalar_alu(u32 op, bool is32, const struct scalar *a, const struct scalar *b);

/* The low `bits` bits, zero-extended: also truncation to 32 (mov32), 8, 16. */
struct scalar scalar_zext(const struct scalar *s, u32 bits);
/* The low `bits` bits, sign-extended to 64: movsx. For a 32-bit movsx, scalar_zext(.., 32) it. */
struct scalar scalar_sext(const struct scalar *s, u32 bits);
/* The low `bits` (16, 32, 64) bits with their bytes reversed, zero-extended. */
struct scalar scalar_bswap(const struct scalar *s, u32 bits);

/* Shorthands for the engine's own sums. */
struct scalar scalar_add(const struct scalar *a, const struct scalar *b);
struct scalar scalar_sub(const struct scalar *a, const struct scalar *b);
struct scalar scalar_add_const(const struct scalar *a, s64 value);

/* ---- conditional jumps ---- */

enum branch {
	BRANCH_NEVER = 0,
	BRANCH_ALWAYS = 1,
	BRANCH_UNKNOWN = 2,
};

/* Is the jump `if a op b` taken? op is BPF_OP(code), BPF_JEQ to BPF_JSLE and BPF_JSET. */
enum branch scalar_branch(u32 op, bool is32, const struct scalar *a, const struct scalar *b);
/* The same when both operands are one register: the value is unknown, yet equal to itself. */
enum branch scalar_branch_self(u32 op, bool is32, const struct scalar *a);

/*
 * Narrows both operands to what remains when the jump is taken (or is not). a and b are
 * different objects. False when nothing remains: that side is dead, both are then empty
 * or unchanged and must not be used.
 */
bool scalar_refine(u32 op, bool is32, bool taken, struct scalar *a, struct scalar *b);

#endif
