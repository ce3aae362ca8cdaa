/* SPDX-License-Identifier: Apache-2.0 */
/* Between a scalar as it is stored and the two words that operations work on. */
#ifndef SKEP_VERIFIER_SCALAR_WORD_H
#define SKEP_VERIFIER_SCALAR_WORD_H

#include "verifier/scalar.h"
#include "verifier/word.h"

/* A word from bounds in both orders, given as n-bit words. */
static inline struct word word_from_bounds(struct tnum bits, u64 umin, u64 umax, u64 smin, u64 smax,
					   u32 n)
{
	struct word w = { bits, { span_half(0, n), span_half(1, n) } };

	word_clip_unsigned(&w, umin, umax);
	word_clip_signed(&w, smin, smax, n);
	return w;
}

static inline struct word scalar_high(const struct scalar *s)
{
	u64 max = low_mask(SCALAR_BITS);

	return word_from_bounds(s->bits, s->umin, s->umax, (u64)s->smin & max, (u64)s->smax & max,
				SCALAR_BITS);
}

static inline struct word scalar_low(const struct scalar *s)
{
	u64 max = low_mask(SCALAR_HALF);

	return word_from_bounds(tnum_cast(s->bits, SCALAR_HALF), s->umin32, s->umax32,
				(u64)s->smin32 & max, (u64)s->smax32 & max, SCALAR_HALF);
}

/* Brings both words to agree and stores them; false (and an empty scalar) when they cannot. */
bool scalar_store(struct scalar *s, struct word high, struct word low);
/* The scalar of a word whose low half nothing more is known of. */
struct scalar scalar_of_high(struct word high);
/* The scalar of a 32-bit word, zero-extended. */
struct scalar scalar_of_low(struct word low);

#endif
