/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic on words. Each operation of word_alu.c finds bits and, for each pair of spans, an arc.
 * That the bits of add, sub, mul, and, or, xor hold the result is a theorem on tnums
 * (words.c), and so is that word_add_arc adds all of an arc. So here an arc only notes
 * whether the result is in it: the operations are proved to name the right arcs.
 */
#include "proofs/theorems.h"

/* The word that is built: half[0].lo is the result it must get, half[1].hi whether it has. */
static inline struct word word_awaiting(u64 result, u32 n)
{
	return (struct word){ { 0, low_mask(n) }, { { result, 0 }, { 1, 0 } } };
}

static inline bool holds_everything(const struct word *w, u32 n)
{
	struct span all[2] = { span_half(0, n), span_half(1, n) };

	return w->half[0].lo == all[0].lo && w->half[0].hi == all[0].hi &&
	       w->half[1].lo == all[1].lo && w->half[1].hi == all[1].hi;
}

static inline bool has_got(const struct word *w, u32 n)
{
	return holds_everything(w, n) || w->half[1].hi == 1;
}

static inline void arc_noted(struct word *w, u64 lo, u64 hi, u32 n)
{
	if (!holds_everything(w, n) && ((w->half[0].lo - lo) & low_mask(n)) <= hi - lo)
		w->half[1].hi = 1;
}
#define word_add_arc arc_noted
#define word_reduce(w, n) word_reduced(w, n)
static inline bool word_reduced(struct word *w, u32 n)
{
	return true;
}

#include "verifier/tnum.c"
#include "verifier/word_alu.c"

#define SX word_signed(x, n)
#define SY word_signed(y, n)
#define BY (y & (n - 1))

/* The call names out, a, b; wanted is made of x and y. */
#define WORD_ARGS a, b, x, y
#define ARCS(name, call, wanted)                                                                   \
	WORD_THEOREM(word_##name, struct word a, struct word b, u64 x, u64 y)                      \
	{                                                                                          \
		struct word out;                                                                   \
                                                                                                   \
		if (!word_good(&a, n) || !word_good(&b, n) || !in_word(&a, x, n) ||                \
		    !in_word(&b, y, n))                                                            \
			return true;                                                               \
		out = word_awaiting((wanted) & low_mask(n), n);                                    \
		call;                                                                              \
		return has_got(&out, n);                                                           \
	}

#define BITS(name, call, wanted)                                                                   \
	WORD_THEOREM(word_##name##_bits, struct word a, struct word b, u64 x, u64 y)               \
	{                                                                                          \
		struct word out = word_none(n);                                                    \
                                                                                                   \
		if (!word_good(&a, n) || !word_good(&b, n) || !in_word(&a, x, n) ||                \
		    !in_word(&b, y, n))                                                            \
			return true;                                                               \
		call;                                                                              \
		return tnum_good(out.bits) && tnum_has(out.bits, (wanted) & low_mask(n));          \
	}

#define BOTH(name, call, wanted) ARCS(name, call, wanted) BITS(name, call, wanted)

ARCS(add, word_add(&out, &a, &b, n), x + y)
ARCS(sub, word_sub(&out, &a, &b, n), x - y)
ARCS(mul, word_mul(&out, &a, &b, n), x * y)
ARCS(and, word_and(&out, &a, &b, n), x & y)
ARCS(or, word_or(&out, &a, &b, n), x | y)
ARCS(xor, word_xor(&out, &a, &b, n), x ^ y)
BOTH(div, word_div(&out, &a, &b, false, n), y ? x / y : 0)
BOTH(sdiv, word_div(&out, &a, &b, true, n), !y ? 0 : SY == -1 ? -x : (u64)(SX / SY))
BOTH(mod, word_mod(&out, &a, &b, false, n), y ? x % y : x)
BOTH(smod, word_mod(&out, &a, &b, true, n), !y ? x : SY == -1 ? 0 : (u64)(SX % SY))

/* How far a shift goes is in the span that shift_amount finds (its use of word_reduce is exact). */
#define SHIFTS(name, call, wanted)                                                                 \
	WORD_THEOREM(word_##name, struct word a, struct span by, u64 x, u64 y)                     \
	{                                                                                          \
		struct word out;                                                                   \
                                                                                                   \
		if (!word_good(&a, n) || !in_word(&a, x, n) || y < by.lo || y > by.hi ||           \
		    by.hi >= n)                                                                    \
			return true;                                                               \
		out = word_awaiting((wanted) & low_mask(n), n);                                    \
		call;                                                                              \
		return has_got(&out, n);                                                           \
	}                                                                                          \
	WORD_THEOREM(word_##name##_bits, struct word a, struct span by, u64 x, u64 y)              \
	{                                                                                          \
		struct word out = word_none(n);                                                    \
                                                                                                   \
		if (!word_good(&a, n) || !in_word(&a, x, n) || y < by.lo || y > by.hi ||           \
		    by.hi >= n)                                                                    \
			return true;                                                               \
		call;                                                                              \
		return tnum_good(out.bits) && tnum_has(out.bits, (wanted) & low_mask(n));          \
	}
#undef WORD_ARGS
#define WORD_ARGS a, by, x, y
SHIFTS(lsh, word_lsh(&out, &a, by, n), x << BY)
SHIFTS(rsh, word_rsh(&out, &a, by, n), x >> BY)
SHIFTS(arsh, word_arsh(&out, &a, by, n), (u64)(SX >> BY))
#undef WORD_ARGS

#define WORD_ARGS a, x
WORD_THEOREM(word_neg, struct word a, u64 x)
{
	const struct word zero = { { 0, 0 }, { { 0, 0 }, SPAN_EMPTY } };
	struct word out;

	if (!word_good(&a, n) || !in_word(&a, x, n))
		return true;
	out = word_awaiting(-x & low_mask(n), n);
	word_sub(&out, &zero, &a, n);
	return has_got(&out, n);
}
#undef WORD_ARGS
