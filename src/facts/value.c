/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lattice: values ordered by how little is known of them. A join forgets what its two
 * sides do not share; widening forgets more, so that a chain of joins ends.
 */
#include "facts/internal.h"

/* After so many growths a bound goes to the next threshold, then everything goes. */
#define WIDEN_SOME 3
#define WIDEN_ALL  24

struct fact fact_any(void)
{
	return (struct fact){ .kind = FACT_ANY, .val = scalar_unknown() };
}

struct fact fact_number(struct scalar val)
{
	return (struct fact){ .kind = FACT_NUMBER, .val = val };
}

bool fact_same(const struct fact *a, const struct fact *b)
{
	return a->kind == b->kind && a->maybe_null == b->maybe_null && a->map == b->map &&
	       a->id == b->id && (a->kind == FACT_ANY || scalar_eq(&a->val, &b->val));
}

static bool is_null(const struct fact *fact)
{
	return fact->kind == FACT_NUMBER && scalar_is_const(&fact->val) && !fact->val.umin;
}

struct fact fact_join(const struct fact *a, const struct fact *b)
{
	struct fact out = *a;

	/* NULL and a pointer: that pointer, or NULL. */
	if (is_null(a) && fact_is_pointer(b))
		out = *b;
	else if (!(is_null(b) && fact_is_pointer(a)) && (a->kind != b->kind || a->map != b->map))
		out = fact_any();
	else if (a->kind == b->kind && a->kind != FACT_ANY)
		out.val = scalar_join(&a->val, &b->val);
	if (fact_is_pointer(&out))
		out.maybe_null = a->maybe_null || b->maybe_null || is_null(a) || is_null(b);
	out.id = a->id == b->id ? a->id : 0;
	return out;
}

/* The largest threshold that is <= x, or lowest. */
static s64 threshold_below(const struct facts *facts, s64 x, s64 lowest)
{
	s64 best = lowest;

	for (u32 i = 0; i < facts->n_thresholds && facts->thresholds[i] <= x; i++)
		best = MAX(best, facts->thresholds[i]);
	return best;
}

/* The smallest that is >= x, or highest. */
static s64 threshold_above(const struct facts *facts, s64 x, s64 highest)
{
	for (u32 i = 0; i < facts->n_thresholds; i++)
		if (facts->thresholds[i] >= x)
			return MIN(facts->thresholds[i], highest);
	return highest;
}

static u64 umax_above(const struct facts *facts, u64 x)
{
	return x > (u64)INT64_MAX ? ~0ull : (u64)threshold_above(facts, (s64)x, INT64_MAX);
}

static u64 umin_below(const struct facts *facts, u64 x)
{
	return x > (u64)INT64_MAX ? 0 : (u64)threshold_below(facts, (s64)x, 0);
}

/* Bits that became unknown take all below them along. */
static struct tnum widen_bits(struct tnum was, struct tnum now)
{
	u64 fresh = now.mask & ~was.mask;

	if (fresh)
		now.mask |= low_mask(64 - (u32)__builtin_clzll(fresh));
	now.value &= ~now.mask;
	return now;
}

static void widen(const struct facts *facts, const struct scalar *was, struct scalar *now)
{
	if (now->umin < was->umin)
		now->umin = umin_below(facts, now->umin);
	if (now->umax > was->umax)
		now->umax = umax_above(facts, now->umax);
	if (now->smin < was->smin)
		now->smin = threshold_below(facts, now->smin, INT64_MIN);
	if (now->smax > was->smax)
		now->smax = threshold_above(facts, now->smax, INT64_MAX);
	if (now->umin32 < was->umin32)
		now->umin32 = (u32)threshold_below(facts, now->umin32, 0);
	if (now->umax32 > was->umax32)
		now->umax32 = (u32)threshold_above(facts, now->umax32, UINT32_MAX);
	if (now->smin32 < was->smin32)
		now->smin32 = (s32)threshold_below(facts, now->smin32, INT32_MIN);
	if (now->smax32 > was->smax32)
		now->smax32 = (s32)threshold_above(facts, now->smax32, INT32_MAX);
	now->bits = widen_bits(was->bits, now->bits);
	if (!scalar_deduce(now))
		*now = scalar_unknown();
}

bool fact_grow(const struct facts *facts, struct fact *into, const struct fact *from, u32 visits)
{
	struct fact joined = fact_join(into, from);

	if (fact_same(&joined, into))
		return false;
	if (joined.kind == into->kind && joined.kind != FACT_ANY) {
		if (visits > WIDEN_ALL)
			joined.val = scalar_unknown();
		else if (visits > WIDEN_SOME)
			widen(facts, &into->val, &joined.val);
	}
	*into = joined;
	return true;
}

static bool slot_grow(const struct facts *facts, struct fact_slot *into,
		      const struct fact_slot *from, u32 visits)
{
	if (!into->size)
		return false;
	if (into->first == from->first && into->size == from->size)
		return fact_grow(facts, &into->value, &from->value, visits);
	*into = (struct fact_slot){ .value = fact_any() };
	return true;
}

bool fact_state_join(const struct facts *facts, struct fact_state *into,
		     const struct fact_state *from, u32 visits)
{
	bool grew = false;

	for (u32 i = 0; i < BPF_REGS; i++)
		grew |= fact_grow(facts, &into->regs[i], &from->regs[i], visits);
	for (u32 i = 0; i < into->n_slots; i++)
		grew |= slot_grow(facts, &into->slots[i], &from->slots[i], visits);
	return grew;
}
