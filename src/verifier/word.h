/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known about one word of `n` bits: the building block of struct scalar, which has
 * one for its 64 bits and one for its lower 32.
 *
 * Unsigned and signed bounds together say more than either: they bound the non-negative
 * and the negative numbers apart. In unsigned order the word is a line
 *
 *	0 ........ max | sign ........ ~0
 *	   [umin,  smax]  [smin,  umax]		when numbers of both signs are possible
 *
 * and within one sign both orders agree. So a word here is its known bits and one plain
 * interval a sign, and arithmetic is arithmetic on pairs of intervals. A sum or product of
 * intervals is an arc of the circle of n-bit numbers, which may run over either edge;
 * word_add_arc cuts it back into the two signs.
 *
 * word_reduce is exact: afterwards every bound is a member of the set, and no bit is called
 * unknown that all members share (tests/unit/scalar_small.c tries all words).
 */
#ifndef SKEP_VERIFIER_WORD_H
#define SKEP_VERIFIER_WORD_H

#include "verifier/tnum.h"

/* Numbers lo..hi in unsigned order; none when lo > hi. */
struct span {
	u64 lo, hi;
};

#define SPAN_EMPTY ((struct span){ ~0ull, 0 })

struct word {
	struct tnum bits;
	struct span half[2]; /* [0]: sign bit clear, [1]: set; both as unsigned numbers */
};

static inline u64 sign_bit(u32 n)
{
	return 1ull << (n - 1);
}

/* The signed number that an n-bit word stands for. */
static inline s64 word_signed(u64 x, u32 n)
{
	return (s64)(x << (64 - n)) >> (64 - n);
}

static inline bool span_empty(struct span s)
{
	return s.lo > s.hi;
}

static inline struct span span_join(struct span a, struct span b)
{
	if (span_empty(a))
		return b;
	if (span_empty(b))
		return a;
	return (struct span){ MIN(a.lo, b.lo), MAX(a.hi, b.hi) };
}

static inline struct span span_meet(struct span a, struct span b)
{
	return (struct span){ MAX(a.lo, b.lo), MIN(a.hi, b.hi) };
}

/* All numbers of one sign. */
static inline struct span span_half(u32 sign, u32 n)
{
	u64 base = sign ? sign_bit(n) : 0;

	return (struct span){ base, base + sign_bit(n) - 1 };
}

/* Every number. */
static inline struct word word_full(u32 n)
{
	return (struct word){ { 0, low_mask(n) }, { span_half(0, n), span_half(1, n) } };
}

/* No number yet, to be joined with; its bits say nothing. */
static inline struct word word_none(u32 n)
{
	return (struct word){ { 0, low_mask(n) }, { SPAN_EMPTY, SPAN_EMPTY } };
}

static inline bool word_empty(const struct word *w)
{
	return span_empty(w->half[0]) && span_empty(w->half[1]);
}

static inline u64 word_umin(const struct word *w)
{
	return span_empty(w->half[0]) ? w->half[1].lo : w->half[0].lo;
}

static inline u64 word_umax(const struct word *w)
{
	return span_empty(w->half[1]) ? w->half[0].hi : w->half[1].hi;
}

/* The signed bounds, as n-bit words. */
static inline u64 word_smin(const struct word *w)
{
	return span_empty(w->half[1]) ? w->half[0].lo : w->half[1].lo;
}

static inline u64 word_smax(const struct word *w)
{
	return span_empty(w->half[0]) ? w->half[1].hi : w->half[0].hi;
}

static inline bool word_is_const(const struct word *w)
{
	return word_umin(w) == word_umax(w);
}

static inline bool word_has(const struct word *w, u64 x, u32 n)
{
	struct span s = w->half[x >> (n - 1)];

	return tnum_has(w->bits, x) && x >= s.lo && x <= s.hi;
}

/* Narrows to lo..hi in unsigned order. */
static inline void word_clip_unsigned(struct word *w, u64 lo, u64 hi)
{
	w->half[0] = span_meet(w->half[0], (struct span){ lo, hi });
	w->half[1] = span_meet(w->half[1], (struct span){ lo, hi });
}

/* Narrows to lo..hi in signed order; lo and hi are n-bit words. */
void word_clip_signed(struct word *w, u64 lo, u64 hi, u32 n);
/* Narrows to what is in `with`; the bits may contradict: false. Not reduced. */
bool word_meet(struct word *w, const struct word *with);
/* Adds the numbers from lo up to hi, counting modulo 2^n: hi - lo + 1 of them. */
void word_add_arc(struct word *w, u64 lo, u64 hi, u32 n);
/* Adds the lowest n bits of the numbers in both halves of `from`. */
void word_add_low(struct word *w, const struct word *from, u32 n);
/* Brings bits and spans to agree; false when nothing is left. */
bool word_reduce(struct word *w, u32 n);

/* op is BPF_OP(code) or SCALAR_SDIV, SCALAR_SMOD; reduced. */
struct word word_alu(u32 op, const struct word *a, const struct word *b, u32 n);

#endif
