/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scalar holds two words (word.h): all its bits, and the lower half of them. What one
 * knows is carried to the other here:
 *
 *	down	each interval of the full word, cut to the low half, is an arc there
 *	up	the bounds of the full word move inward to numbers whose low half is allowed
 *	bits	are shared
 *
 * A second round, when the first one narrowed the full word, settles nearly everything
 * (tests/unit/scalar_small.h measures it); soundness needs none.
 */
#include "verifier/scalar.h"
#include "verifier/scalar_word.h"

#define LOW ((u64)low_mask(SCALAR_HALF))

/* The smallest low half in w that is >= x; false when there is none. */
static bool low_at_least(const struct word *w, u64 x, u64 *out)
{
	for (u32 i = 0; i < 2; i++) {
		if (span_empty(w->half[i]) || x > w->half[i].hi)
			continue;
		*out = MAX(x, w->half[i].lo);
		return true;
	}
	return false;
}

static bool low_at_most(const struct word *w, u64 x, u64 *out)
{
	for (u32 i = 2; i-- > 0;) {
		if (span_empty(w->half[i]) || x < w->half[i].lo)
			continue;
		*out = MIN(x, w->half[i].hi);
		return true;
	}
	return false;
}

/* Moves both ends of s inward to numbers whose low half is in w. */
static struct span span_fit_low(struct span s, const struct word *w)
{
	u64 low, lo = s.lo & ~LOW, hi = s.hi & ~LOW;

	if (span_empty(s))
		return s;
	if (low_at_least(w, s.lo & LOW, &low))
		lo |= low;
	else
		lo = (lo + LOW + 1) | word_umin(w);
	if (low_at_most(w, s.hi & LOW, &low))
		hi |= low;
	else
		hi = (hi - LOW - 1) | word_umax(w);
	/* An end that ran over the edge of the word has met no number. */
	if (lo < s.lo || hi > s.hi || lo > hi)
		return SPAN_EMPTY;
	return (struct span){ lo, hi };
}

static bool carry_up(struct word *high, const struct word *low)
{
	struct tnum bits = { low->bits.value, low->bits.mask | (~LOW & low_mask(SCALAR_BITS)) };

	if (!tnum_compatible(high->bits, bits))
		return false;
	high->bits = tnum_meet(high->bits, bits);
	high->half[0] = span_fit_low(high->half[0], low);
	high->half[1] = span_fit_low(high->half[1], low);
	return word_reduce(high, SCALAR_BITS);
}

static bool carry_down(struct word *low, const struct word *high)
{
	struct word cut = word_none(SCALAR_HALF);

	cut.bits = tnum_cast(high->bits, SCALAR_HALF);
	word_add_low(&cut, high, SCALAR_HALF);
	return word_meet(low, &cut) && word_reduce(low, SCALAR_HALF);
}

static bool same_spans(const struct word *a, const struct word *b)
{
	return memcmp(a->half, b->half, sizeof(a->half)) == 0;
}

/* Both words, the full one reduced and of more than one number. */
static bool words_agree(struct word *high, struct word *low)
{
	struct word before;

	if (!carry_down(low, high))
		return false;
	if (low->bits.mask == LOW)
		/* Nothing is known of the low half, at most that it is not this or that end. */
		if (same_spans(low, &(struct word){ .half = { span_half(0, SCALAR_HALF),
							      span_half(1, SCALAR_HALF) } }))
			return true;
	before = *high;
	if (!carry_up(high, low))
		return false;
	if (same_spans(high, &before) && high->bits.mask == before.bits.mask)
		return true;
	return carry_down(low, high) && carry_up(high, low);
}

static struct scalar scalar_empty(void)
{
	return (struct scalar){ .umin = 1, .smin = 1, .umin32 = 1, .smin32 = 1 };
}

bool scalar_store(struct scalar *s, struct word high, struct word low)
{
	bool some = word_reduce(&high, SCALAR_BITS);
	u64 value = high.bits.value;

	if (some && word_is_const(&high) && word_has(&low, value & LOW, SCALAR_HALF)) {
		*s = scalar_const(value);
		return true;
	}
	if (!some || !words_agree(&high, &low)) {
		*s = scalar_empty();
		return false;
	}
	*s = (struct scalar){
		.bits = high.bits,
		.umin = word_umin(&high),
		.umax = word_umax(&high),
		.smin = word_signed(word_smin(&high), SCALAR_BITS),
		.smax = word_signed(word_smax(&high), SCALAR_BITS),
		.umin32 = (u32)word_umin(&low),
		.umax32 = (u32)word_umax(&low),
		.smin32 = (s32)word_signed(word_smin(&low), SCALAR_HALF),
		.smax32 = (s32)word_signed(word_smax(&low), SCALAR_HALF),
	};
	return true;
}

struct scalar scalar_of_high(struct word high)
{
	struct scalar s;

	scalar_store(&s, high, word_full(SCALAR_HALF));
	return s;
}

struct scalar scalar_of_low(struct word low)
{
	struct word high = { low.bits, { { word_umin(&low), word_umax(&low) }, SPAN_EMPTY } };
	struct scalar s;

	scalar_store(&s, high, low);
	return s;
}

struct scalar scalar_const(u64 value)
{
	u64 low;

	value &= low_mask(SCALAR_BITS);
	low = value & LOW;
	return (struct scalar){
		.bits = tnum_const(value),
		.umin = value,
		.umax = value,
		.smin = word_signed(value, SCALAR_BITS),
		.smax = word_signed(value, SCALAR_BITS),
		.umin32 = (u32)low,
		.umax32 = (u32)low,
		.smin32 = (s32)word_signed(low, SCALAR_HALF),
		.smax32 = (s32)word_signed(low, SCALAR_HALF),
	};
}

struct scalar scalar_unknown(void)
{
	u64 max = low_mask(SCALAR_BITS);

	return (struct scalar){
		.bits = { 0, max },
		.umax = max,
		.smin = word_signed(sign_bit(SCALAR_BITS), SCALAR_BITS),
		.smax = (s64)(max >> 1),
		.umax32 = (u32)LOW,
		.smin32 = (s32)word_signed(sign_bit(SCALAR_HALF), SCALAR_HALF),
		.smax32 = (s32)(LOW >> 1),
	};
}

struct scalar scalar_urange(u64 lo, u64 hi)
{
	struct word w = word_full(SCALAR_BITS);

	word_clip_unsigned(&w, lo, hi);
	return scalar_of_high(w);
}

struct scalar scalar_srange(s64 lo, s64 hi)
{
	u64 max = low_mask(SCALAR_BITS);
	struct word w = word_full(SCALAR_BITS);

	word_clip_signed(&w, (u64)lo & max, (u64)hi & max, SCALAR_BITS);
	return scalar_of_high(w);
}

bool scalar_is_unknown(const struct scalar *s)
{
	struct scalar unknown = scalar_unknown();

	return scalar_eq(s, &unknown);
}

bool scalar_has(const struct scalar *s, u64 value)
{
	u64 low = value & LOW;
	s64 sign = word_signed(value, SCALAR_BITS);
	s64 sign32 = word_signed(low, SCALAR_HALF);

	return tnum_has(s->bits, value) && value >= s->umin && value <= s->umax &&
	       sign >= s->smin && sign <= s->smax && low >= s->umin32 && low <= s->umax32 &&
	       sign32 >= s->smin32 && sign32 <= s->smax32;
}

bool scalar_eq(const struct scalar *a, const struct scalar *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

bool scalar_within(const struct scalar *a, const struct scalar *b)
{
	return a->umin >= b->umin && a->umax <= b->umax && a->smin >= b->smin &&
	       a->smax <= b->smax && a->umin32 >= b->umin32 && a->umax32 <= b->umax32 &&
	       a->smin32 >= b->smin32 && a->smax32 <= b->smax32 && tnum_within(a->bits, b->bits);
}

bool scalar_deduce(struct scalar *s)
{
	return scalar_store(s, scalar_high(s), scalar_low(s));
}

bool scalar_meet(struct scalar *s, const struct scalar *with)
{
	if (!tnum_compatible(s->bits, with->bits)) {
		*s = scalar_empty();
		return false;
	}
	s->bits = tnum_meet(s->bits, with->bits);
	s->umin = MAX(s->umin, with->umin);
	s->umax = MIN(s->umax, with->umax);
	s->smin = MAX(s->smin, with->smin);
	s->smax = MIN(s->smax, with->smax);
	s->umin32 = MAX(s->umin32, with->umin32);
	s->umax32 = MIN(s->umax32, with->umax32);
	s->smin32 = MAX(s->smin32, with->smin32);
	s->smax32 = MIN(s->smax32, with->smax32);
	return scalar_deduce(s);
}

/* Joining agreed descriptions one by one leaves them agreed. */
struct scalar scalar_join(const struct scalar *a, const struct scalar *b)
{
	return (struct scalar){
		.bits = tnum_join(a->bits, b->bits),
		.umin = MIN(a->umin, b->umin),
		.umax = MAX(a->umax, b->umax),
		.smin = MIN(a->smin, b->smin),
		.smax = MAX(a->smax, b->smax),
		.umin32 = MIN(a->umin32, b->umin32),
		.umax32 = MAX(a->umax32, b->umax32),
		.smin32 = MIN(a->smin32, b->smin32),
		.smax32 = MAX(a->smax32, b->smax32),
	};
}
