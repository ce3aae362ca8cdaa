/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests/proofs/prove.py proves of the abstract numbers at full width: each function whose
 * name begins with theorem_ answers true whatever its arguments are. These files include the
 * domain's own source, so that clang makes one loop-free function of a theorem and all that it
 * calls, and that is what the solver sees.
 *
 * The theorems follow the layers of the source: "x is in a" carries over to the result for
 * known bits (tnum) and for words (two spans and bits; here), for arithmetic on words (alu.c), for
 * conditional jumps (branch.c), and for scalars, which are two words (scalar.c). A later layer
 * may take what an earlier one has proved of a function for the function itself.
 */
#include "proofs/theorems.h"

#include "verifier/tnum.c"
#include "verifier/word.c"

/* ---- known bits ---- */

#define TNUM_THEOREM(name, op)                                                                     \
	THEOREM(tnum_##name, struct tnum a, struct tnum b, u64 x, u64 y)                           \
	{                                                                                          \
		struct tnum r = tnum_##name(a, b);                                                 \
                                                                                                   \
		return IMPLIES(tnum_good(a) && tnum_good(b) && tnum_has(a, x) && tnum_has(b, y),   \
			       tnum_good(r) && tnum_has(r, x op y));                               \
	}

TNUM_THEOREM(add, +)
TNUM_THEOREM(sub, -)
TNUM_THEOREM(and, &)
TNUM_THEOREM(or, |)
TNUM_THEOREM(xor, ^)

/* One round of tnum_mul's loop: so, by induction over the bits of a, all of it. */
THEOREM(tnum_mul_round, struct tnum sum, struct tnum b, u64 s, u64 y, u32 at, bool known, bool set)
{
	struct tnum shifted, with, next;

	if (at > 63 || !tnum_good(sum) || !tnum_good(b) || !tnum_has(sum, s) || !tnum_has(b, y) ||
	    (known && !set))
		return true;
	shifted = (struct tnum){ b.value << at, b.mask << at };
	with = tnum_add(sum, shifted);
	next = known ? with : tnum_join(sum, with);
	return tnum_good(next) && tnum_has(next, s + (set ? y << at : 0));
}

THEOREM(tnum_mul_low_bits, struct tnum a, struct tnum b, u64 x, u64 y)
{
	struct tnum r = mul_low_bits(a, b);

	return IMPLIES(tnum_good(a) && tnum_good(b) && tnum_has(a, x) && tnum_has(b, y),
		       tnum_good(r) && tnum_has(r, x * y));
}

THEOREM(tnum_join, struct tnum a, struct tnum b, u64 x)
{
	struct tnum r = tnum_join(a, b);

	return IMPLIES(tnum_good(a) && tnum_good(b) && (tnum_has(a, x) || tnum_has(b, x)),
		       tnum_good(r) && tnum_has(r, x));
}

/* The meet is exact, and incompatible ones have nothing in common. */
THEOREM(tnum_meet, struct tnum a, struct tnum b, u64 x)
{
	struct tnum r = tnum_meet(a, b);
	bool both = tnum_has(a, x) && tnum_has(b, x);

	if (!tnum_good(a) || !tnum_good(b))
		return true;
	if (!tnum_compatible(a, b))
		return !both;
	return tnum_good(r) && tnum_has(r, x) == both;
}

THEOREM(tnum_within, struct tnum a, struct tnum b, u64 x)
{
	return IMPLIES(tnum_good(a) && tnum_good(b) && tnum_within(a, b) && tnum_has(a, x),
		       tnum_has(b, x));
}

THEOREM(tnum_range, u64 lo, u64 hi, u64 x)
{
	struct tnum r = tnum_range(lo, hi);

	return IMPLIES(lo <= x && x <= hi, tnum_good(r) && tnum_has(r, x));
}

#define TNUM_UNARY(name, call, concrete)                                                           \
	THEOREM(tnum_##name, struct tnum a, u64 x)                                                 \
	{                                                                                          \
		struct tnum r = call;                                                              \
                                                                                                   \
		return IMPLIES(tnum_good(a) && tnum_has(a, x),                                     \
			       tnum_good(r) && tnum_has(r, concrete));                             \
	}

TNUM_UNARY(cast_8, tnum_cast(a, 8), (u8)x)
TNUM_UNARY(cast_16, tnum_cast(a, 16), (u16)x)
TNUM_UNARY(cast_32, tnum_cast(a, 32), (u32)x)
TNUM_UNARY(sext_8, tnum_sext(a, 8), (u64)(s64)(s8)x)
TNUM_UNARY(sext_16, tnum_sext(a, 16), (u64)(s64)(s16)x)
TNUM_UNARY(sext_32, tnum_sext(a, 32), (u64)(s64)(s32)x)
TNUM_UNARY(bswap_16, tnum_bswap(a, 16), __builtin_bswap16((u16)x))
TNUM_UNARY(bswap_32, tnum_bswap(a, 32), __builtin_bswap32((u32)x))
TNUM_UNARY(bswap_64, tnum_bswap(a, 64), __builtin_bswap64(x))

/* The neighbour is a member on the right side of x, and no member y lies between. */
THEOREM(tnum_next, struct tnum t, u64 x, u64 y)
{
	u64 next;
	bool found = tnum_next(t, x, &next);

	if (!tnum_good(t))
		return true;
	if (found && !(tnum_has(t, next) && next >= x))
		return false;
	return IMPLIES(tnum_has(t, y) && y >= x, found && next <= y);
}

THEOREM(tnum_prev, struct tnum t, u64 x, u64 y)
{
	u64 prev;
	bool found = tnum_prev(t, x, &prev);

	if (!tnum_good(t))
		return true;
	if (found && !(tnum_has(t, prev) && prev <= x))
		return false;
	return IMPLIES(tnum_has(t, y) && y <= x, found && prev >= y);
}

/* ---- words ---- */

#define WORD_ARGS w, x
WORD_THEOREM(word_reduce, struct word w, u64 x)
{
	struct word r = w;
	bool some = word_reduce(&r, n);

	if (!word_good(&w, n))
		return true;
	/* Nothing is lost, and nothing comes in. */
	return IMPLIES(in_word(&w, x, n), some && in_word(&r, x, n)) &&
	       IMPLIES(some, word_good(&r, n)) && IMPLIES(some && in_word(&r, x, n), in_word(&w, x, n));
}
#undef WORD_ARGS

#define WORD_ARGS w, lo, hi, x
WORD_THEOREM(word_clip_unsigned, struct word w, u64 lo, u64 hi, u64 x)
{
	struct word r = w;

	word_clip_unsigned(&r, lo, hi);
	return IMPLIES(word_good(&w, n), in_word(&r, x, n) == (in_word(&w, x, n) && lo <= x && x <= hi));
}

WORD_THEOREM(word_clip_signed, struct word w, u64 lo, u64 hi, u64 x)
{
	struct word r = w;
	bool between = word_signed(lo, n) <= word_signed(x, n) &&
		       word_signed(x, n) <= word_signed(hi, n);

	word_clip_signed(&r, lo, hi, n);
	if (!word_good(&w, n) || (lo | hi) & ~low_mask(n) || word_signed(lo, n) > word_signed(hi, n))
		return true;
	return in_word(&r, x, n) == (in_word(&w, x, n) && between);
}

/* Counting from lo up to hi, modulo 2^n, meets x. */
WORD_THEOREM(word_add_arc, struct word w, u64 lo, u64 hi, u64 x)
{
	struct word r = w;

	word_add_arc(&r, lo, hi, n);
	if (!word_good(&w, n) || x & ~low_mask(n))
		return true;
	return word_good(&r, n) && IMPLIES(in_spans(&w, x), in_spans(&r, x)) &&
	       IMPLIES(((x - lo) & low_mask(n)) <= hi - lo, in_spans(&r, x));
}
#undef WORD_ARGS

#define WORD_ARGS w, with, x
WORD_THEOREM(word_meet, struct word w, struct word with, u64 x)
{
	struct word r = w;
	bool some = word_meet(&r, &with), both = in_word(&w, x, n) && in_word(&with, x, n);

	if (!word_good(&w, n) || !word_good(&with, n))
		return true;
	return some ? word_good(&r, n) && in_word(&r, x, n) == both : !both;
}
#undef WORD_ARGS

/* The low word of any member is in what word_add_low makes of the full one. */
THEOREM(word_add_low_32, struct word from, u64 x)
{
	struct word r = word_none(32);

	word_add_low(&r, &from, 32);
	return IMPLIES(word_good(&from, 64) && in_word(&from, x, 64),
		       word_good(&r, 32) && in_spans(&r, (u32)x));
}
