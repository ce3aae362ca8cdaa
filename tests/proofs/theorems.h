/* SPDX-License-Identifier: Apache-2.0 */
/* What the theorems have in common: how they are written, and what it is to be in a set. */
#ifndef SKEP_PROOFS_THEOREMS_H
#define SKEP_PROOFS_THEOREMS_H

#include <linux/bpf.h>
#include <string.h>

#include "base/types.h"

/* Loops over bytes are nothing for a solver: the structs compared are made of words. */
static inline __attribute__((always_inline)) int equal_words(const void *a, const void *b, size_t size)
{
	const u64 *x = a, *y = b;

	for (size_t i = 0; i < size / 8; i++)
		if (x[i] != y[i])
			return 1;
	return 0;
}
#define memcmp equal_words

#include "verifier/tnum.h"
#include "verifier/word.h"

/* flatten: all that it calls becomes part of it. */
#define THEOREM(name, ...)                                                                         \
	bool theorem_##name(__VA_ARGS__);                                                          \
	__attribute__((flatten)) bool theorem_##name(__VA_ARGS__)
#define IMPLIES(a, b) (!(a) || (b))

static inline __attribute__((always_inline)) bool tnum_good(struct tnum t)
{
	return !(t.value & t.mask);
}

static inline __attribute__((always_inline)) bool span_good(struct span s, u32 sign, u32 n)
{
	struct span half = span_half(sign, n);

	return s.lo > s.hi || (s.lo >= half.lo && s.hi <= half.hi);
}

static inline __attribute__((always_inline)) bool word_good(const struct word *w, u32 n)
{
	return tnum_good(w->bits) && !((w->bits.value | w->bits.mask) & ~low_mask(n)) &&
	       span_good(w->half[0], 0, n) && span_good(w->half[1], 1, n);
}

static inline __attribute__((always_inline)) bool in_word(const struct word *w, u64 x, u32 n)
{
	return !(x & ~low_mask(n)) && tnum_has(w->bits, x) &&
	       ((x >= w->half[0].lo && x <= w->half[0].hi) ||
		(x >= w->half[1].lo && x <= w->half[1].hi));
}

/* The bounds alone. */
static inline __attribute__((always_inline)) bool in_spans(const struct word *w, u64 x)
{
	return (x >= w->half[0].lo && x <= w->half[0].hi) ||
	       (x >= w->half[1].lo && x <= w->half[1].hi);
}

/* Every theorem on words at both widths that scalars have. */
#define WORD_THEOREM(name, ...)                                                                    \
	static inline __attribute__((always_inline)) bool word_##name##_holds(__VA_ARGS__, u32 n);                                \
	THEOREM(name##_64, __VA_ARGS__) { return word_##name##_holds(WORD_ARGS, 64); }             \
	THEOREM(name##_32, __VA_ARGS__) { return word_##name##_holds(WORD_ARGS, 32); }             \
	static inline __attribute__((always_inline)) bool word_##name##_holds(__VA_ARGS__, u32 n)

#endif
