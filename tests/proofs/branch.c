/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditional jumps, on words. That word_reduce loses no member is proved in words.c, and here
 * it comes last: taking nothing away is what it may do.
 */
#include "proofs/theorems.h"

#include "verifier/word.c"

#define word_reduce(w, n) word_reduced(w, n)
static inline bool word_reduced(struct word *w, u32 n)
{
	return true;
}

#define SX word_signed(x, n)
#define SY word_signed(y, n)

#include "verifier/scalar_branch.c"

/* ---- conditional jumps, on words ---- */

#define WORD_ARGS a, b, x, y
#define REFINES(name, rel, sign, concrete)                                                         \
	WORD_THEOREM(refine_##name, struct word a, struct word b, u64 x, u64 y)                    \
	{                                                                                          \
		struct condition c = { rel, sign };                                                \
		struct word a0 = a, b0 = b;                                                        \
		bool ruled_out, alive;                                                             \
                                                                                                   \
		if (!word_good(&a, n) || !word_good(&b, n) || !in_word(&a, x, n) ||                \
		    !in_word(&b, y, n) || !(concrete))                                             \
			return true;                                                               \
		ruled_out = impossible(c, &a0, &b0, n);                                            \
		alive = refine_words(c, &a, &b, n);                                                \
		return !ruled_out && alive && word_good(&a, n) && word_good(&b, n) &&              \
		       in_word(&a, x, n) && in_word(&b, y, n);                                     \
	}

REFINES(equal, EQUAL, false, x == y)
REFINES(different, DIFFERENT, false, x != y)
REFINES(below, BELOW, false, x < y)
REFINES(below_or_equal, BELOW_OR_EQUAL, false, x <= y)
REFINES(below_signed, BELOW, true, SX < SY)
REFINES(below_or_equal_signed, BELOW_OR_EQUAL, true, SX <= SY)
REFINES(shares_bits, SHARES_BITS, false, (x & y) != 0)
REFINES(no_shared_bits, NO_SHARED_BITS, false, (x & y) == 0)
#undef WORD_ARGS

/* Each jump is one of these conditions, when taken and when not. */
static inline bool meets(struct condition c, u64 x, u64 y, u32 n)
{
	u64 a = c.swapped ? y : x, b = c.swapped ? x : y;
	bool less = c.is_signed ? word_signed(a, n) < word_signed(b, n) : a < b;

	switch (c.relation) {
	case EQUAL:
		return a == b;
	case DIFFERENT:
		return a != b;
	case BELOW:
		return less;
	case BELOW_OR_EQUAL:
		return less || a == b;
	case SHARES_BITS:
		return (a & b) != 0;
	default:
		return (a & b) == 0;
	}
}

#define CONDITION(name, op, concrete)                                                              \
	THEOREM(condition_##name, u64 x, u64 y, bool taken)                                        \
	{                                                                                          \
		s64 sx = (s64)x, sy = (s64)y;                                                      \
		bool jumps = concrete;                                                             \
                                                                                                   \
		(void)sx, (void)sy;                                                                \
		return meets(condition_of(op, taken), x, y, 64) == (jumps == taken);               \
	}

CONDITION(jeq, BPF_JEQ, x == y)
CONDITION(jne, BPF_JNE, x != y)
CONDITION(jgt, BPF_JGT, x > y)
CONDITION(jge, BPF_JGE, x >= y)
CONDITION(jlt, BPF_JLT, x < y)
CONDITION(jle, BPF_JLE, x <= y)
CONDITION(jsgt, BPF_JSGT, sx > sy)
CONDITION(jsge, BPF_JSGE, sx >= sy)
CONDITION(jslt, BPF_JSLT, sx < sy)
CONDITION(jsle, BPF_JSLE, sx <= sy)
CONDITION(jset, BPF_JSET, (x & y) != 0)

