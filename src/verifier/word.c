/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/word.h"

void word_clip_signed(struct word *w, u64 lo, u64 hi, u32 n)
{
	u64 sign = sign_bit(n);

	if (lo & sign)
		w->half[1].lo = MAX(w->half[1].lo, lo);
	else
		w->half[1] = SPAN_EMPTY, w->half[0].lo = MAX(w->half[0].lo, lo);
	if (hi & sign)
		w->half[0] = SPAN_EMPTY, w->half[1].hi = MIN(w->half[1].hi, hi);
	else
		w->half[0].hi = MIN(w->half[0].hi, hi);
}

bool word_meet(struct word *w, const struct word *with)
{
	if (!tnum_compatible(w->bits, with->bits))
		return false;
	w->bits = tnum_meet(w->bits, with->bits);
	w->half[0] = span_meet(w->half[0], with->half[0]);
	w->half[1] = span_meet(w->half[1], with->half[1]);
	return true;
}

static void add_span(struct word *w, u32 sign, u64 lo, u64 hi)
{
	w->half[sign] = span_join(w->half[sign], (struct span){ lo, hi });
}

void word_add_arc(struct word *w, u64 lo, u64 hi, u32 n)
{
	u64 max = low_mask(n), sign = sign_bit(n);
	bool whole = hi - lo >= max;

	lo &= max;
	hi &= max;
	if (!whole && lo <= hi) {
		if (lo < sign)
			add_span(w, 0, lo, MIN(hi, sign - 1));
		if (hi >= sign)
			add_span(w, 1, MAX(lo, sign), hi);
	} else if (!whole && lo >= sign && hi < sign) {
		add_span(w, 0, 0, hi);
		add_span(w, 1, lo, max);
	} else {
		w->half[0] = span_half(0, n);
		w->half[1] = span_half(1, n);
	}
}

void word_add_low(struct word *w, const struct word *from, u32 n)
{
	for (u32 i = 0; i < 2; i++)
		if (!span_empty(from->half[i]))
			word_add_arc(w, from->half[i].lo, from->half[i].hi, n);
}

/* Moves the bounds inward to members of the tnum. */
static struct span span_tighten(struct span s, struct tnum bits)
{
	if (span_empty(s) || !tnum_next(bits, s.lo, &s.lo) || !tnum_prev(bits, s.hi, &s.hi))
		return SPAN_EMPTY;
	return s;
}

bool word_reduce(struct word *w, u32 n)
{
	struct tnum seen;

	if (w->bits.mask != low_mask(n)) {
		w->half[0] = span_tighten(w->half[0], w->bits);
		w->half[1] = span_tighten(w->half[1], w->bits);
	}
	if (word_empty(w))
		return false;
	if (span_empty(w->half[1]))
		seen = tnum_range(w->half[0].lo, w->half[0].hi);
	else if (span_empty(w->half[0]))
		seen = tnum_range(w->half[1].lo, w->half[1].hi);
	else
		seen = tnum_join(tnum_range(w->half[0].lo, w->half[0].hi),
				 tnum_range(w->half[1].lo, w->half[1].hi));
	/* Compatible: the bounds are members of both. */
	w->bits = tnum_meet(w->bits, seen);
	return true;
}
