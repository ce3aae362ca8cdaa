/* SPDX-License-Identifier: Apache-2.0 */
/* Scalars: two words that know of each other. */
#include "proofs/theorems.h"

#include "verifier/tnum.c"
#include "verifier/word.c"
#include "verifier/word_alu.c"
#include "verifier/scalar.c"
#include "verifier/scalar_alu.c"

/* What holds of every scalar, empty ones apart: its bounds are in order. */
static inline bool scalar_good(const struct scalar *s)
{
	return tnum_good(s->bits) && s->umin <= s->umax && s->smin <= s->smax &&
	       s->umin32 <= s->umax32 && s->smin32 <= s->smax32;
}

THEOREM(scalar_words, struct scalar s, u64 x)
{
	struct word high = scalar_high(&s), low = scalar_low(&s);

	return IMPLIES(scalar_good(&s),
		       word_good(&high, 64) && word_good(&low, 32) &&
			   scalar_has(&s, x) == (in_word(&high, x, 64) && in_word(&low, (u32)x, 32)));
}

THEOREM(carry_down, struct word high, struct word low, u64 x)
{
	bool some;

	if (!word_good(&high, 64) || !word_good(&low, 32) || !in_word(&high, x, 64) ||
	    !in_word(&low, (u32)x, 32))
		return true;
	some = carry_down(&low, &high);
	return some && word_good(&low, 32) && in_word(&low, (u32)x, 32);
}

THEOREM(carry_up, struct word high, struct word low, u64 x)
{
	bool some;

	if (!word_good(&high, 64) || !word_good(&low, 32) || !in_word(&high, x, 64) ||
	    !in_word(&low, (u32)x, 32))
		return true;
	some = carry_up(&high, &low);
	return some && word_good(&high, 64) && in_word(&high, x, 64);
}

/* From words that agree, the last step of scalar_store. */
THEOREM(scalar_store, struct word high, struct word low, u64 x)
{
	struct scalar s;
	bool some;

	if (!word_good(&high, 64) || !word_good(&low, 32) || !in_word(&high, x, 64) ||
	    !in_word(&low, (u32)x, 32))
		return true;
	some = scalar_store(&s, high, low);
	return some && scalar_good(&s) && scalar_has(&s, x);
}

THEOREM(scalar_const, u64 value, u64 x)
{
	struct scalar s = scalar_const(value);

	return scalar_good(&s) && scalar_has(&s, x) == (x == value);
}

THEOREM(scalar_unknown, u64 x)
{
	struct scalar s = scalar_unknown();

	return scalar_good(&s) && scalar_has(&s, x);
}

THEOREM(scalar_within, struct scalar a, struct scalar b, u64 x)
{
	return IMPLIES(tnum_good(a.bits) && tnum_good(b.bits) && scalar_within(&a, &b) &&
			   scalar_has(&a, x),
		       scalar_has(&b, x));
}

THEOREM(scalar_join, struct scalar a, struct scalar b, u64 x)
{
	struct scalar r = scalar_join(&a, &b);

	return IMPLIES(scalar_good(&a) && scalar_good(&b) && (scalar_has(&a, x) || scalar_has(&b, x)),
		       scalar_good(&r) && scalar_has(&r, x));
}

#define EXTENDS(name, call, concrete)                                                              \
	THEOREM(scalar_##name, struct scalar s, u64 x)                                             \
	{                                                                                          \
		struct scalar r = call;                                                            \
                                                                                                   \
		return IMPLIES(scalar_good(&s) && scalar_has(&s, x),                               \
			       scalar_good(&r) && scalar_has(&r, concrete));                       \
	}

EXTENDS(zext_8, scalar_zext(&s, 8), (u8)x)
EXTENDS(zext_16, scalar_zext(&s, 16), (u16)x)
EXTENDS(zext_32, scalar_zext(&s, 32), (u32)x)
EXTENDS(sext_8, scalar_sext(&s, 8), (u64)(s64)(s8)x)
EXTENDS(sext_16, scalar_sext(&s, 16), (u64)(s64)(s16)x)
EXTENDS(sext_32, scalar_sext(&s, 32), (u64)(s64)(s32)x)
EXTENDS(bswap_16, scalar_bswap(&s, 16), __builtin_bswap16((u16)x))
EXTENDS(bswap_32, scalar_bswap(&s, 32), __builtin_bswap32((u32)x))
EXTENDS(bswap_64, scalar_bswap(&s, 64), __builtin_bswap64(x))

/* A 64-bit shift left that pushes the upper half out works on the rest alone. */
THEOREM(drop_upper_half, struct scalar s, u64 x, u64 by)
{
	struct scalar r;

	if (!scalar_good(&s) || !scalar_has(&s, x) || by != 32)
		return true;
	r = drop_upper_half(&s, 32);
	return scalar_has(&r, (u64)(s64)(s32)x) && (x << by) == ((u64)(s64)(s32)x << by);
}
