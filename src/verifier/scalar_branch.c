/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditional jumps. Every comparison is one of four kinds on a pair of words, once a > b
 * is read as b < a and "not a < b" as b <= a:
 *
 *	equal, different, below (strict or not, signed or not), sharing bits or not
 *
 * Whether a jump is decided and what is left of the operands after it are two views of
 * the same constraint, so both start from struct condition.
 */
#include "verifier/scalar.h"
#include "verifier/scalar_word.h"

enum relation { EQUAL, DIFFERENT, BELOW, BELOW_OR_EQUAL, SHARES_BITS, NO_SHARED_BITS };

struct condition {
	enum relation relation;
	bool is_signed;
	bool swapped; /* it holds of (b, a) */
};

/* What is true of the operands when the jump is taken, or when it is not. */
static struct condition condition_of(u32 op, bool taken)
{
	switch (op) {
	case BPF_JEQ:
		return (struct condition){ taken ? EQUAL : DIFFERENT };
	case BPF_JNE:
		return (struct condition){ taken ? DIFFERENT : EQUAL };
	case BPF_JSET:
		return (struct condition){ taken ? SHARES_BITS : NO_SHARED_BITS };
	case BPF_JLT:
	case BPF_JSLT:
		return (struct condition){ taken ? BELOW : BELOW_OR_EQUAL, op == BPF_JSLT, !taken };
	case BPF_JLE:
	case BPF_JSLE:
		return (struct condition){ taken ? BELOW_OR_EQUAL : BELOW, op == BPF_JSLE, !taken };
	case BPF_JGT:
	case BPF_JSGT:
		return (struct condition){ taken ? BELOW : BELOW_OR_EQUAL, op == BPF_JSGT, taken };
	default: /* BPF_JGE, BPF_JSGE */
		return (struct condition){ taken ? BELOW_OR_EQUAL : BELOW, op == BPF_JSGE, taken };
	}
}

static u64 may_share(const struct word *a, const struct word *b)
{
	return (a->bits.value | a->bits.mask) & (b->bits.value | b->bits.mask);
}

/* Bounds in the order of the comparison, as numbers that compare without sign. */
static struct span bounds(const struct word *w, bool is_signed, u32 n)
{
	u64 flip = is_signed ? sign_bit(n) : 0;

	if (!is_signed)
		return (struct span){ word_umin(w), word_umax(w) };
	return (struct span){ word_smin(w) ^ flip, word_smax(w) ^ flip };
}

static void clip(struct word *w, u64 lo, u64 hi, bool is_signed, u32 n)
{
	if (is_signed)
		word_clip_signed(w, lo ^ sign_bit(n), hi ^ sign_bit(n), n);
	else
		word_clip_unsigned(w, lo, hi);
}

/* Takes one number out, where it is a bound. */
static void exclude(struct word *w, u64 x)
{
	for (u32 i = 0; i < 2; i++) {
		struct span *s = &w->half[i];

		if (span_empty(*s) || x < s->lo || x > s->hi)
			continue;
		if (s->lo == s->hi)
			*s = SPAN_EMPTY;
		else if (x == s->lo)
			s->lo++;
		else if (x == s->hi)
			s->hi--;
	}
}

/* a < b, or a <= b. */
static bool refine_below(struct word *a, struct word *b, bool strict, bool is_signed, u32 n)
{
	struct span x = bounds(a, is_signed, n), y = bounds(b, is_signed, n);

	if (strict ? x.lo >= y.hi : x.lo > y.hi)
		return false;
	clip(a, x.lo, MIN(x.hi, y.hi - strict), is_signed, n);
	clip(b, MAX(y.lo, x.lo + strict), y.hi, is_signed, n);
	return true;
}

static bool refine_shared_bits(struct word *a, struct word *b)
{
	u64 maybe = may_share(a, b);

	if (!maybe)
		return false;
	if (maybe & (maybe - 1))
		return true;
	/* Only one bit can be the one they share. */
	a->bits = tnum_meet(a->bits, (struct tnum){ maybe, ~maybe });
	b->bits = tnum_meet(b->bits, (struct tnum){ maybe, ~maybe });
	return true;
}

static bool refine_no_shared_bits(struct word *a, struct word *b)
{
	u64 in_a = a->bits.value, in_b = b->bits.value;

	if (in_a & in_b)
		return false;
	a->bits.mask &= ~in_b;
	b->bits.mask &= ~in_a;
	return true;
}

/* Narrows a pair of words to the condition; false when no pair meets it. */
static bool refine_words(struct condition c, struct word *a, struct word *b, u32 n)
{
	switch (c.relation) {
	case EQUAL:
		if (!word_meet(a, b) || !word_reduce(a, n))
			return false;
		*b = *a;
		return true;
	case DIFFERENT:
		if (word_is_const(b))
			exclude(a, word_umin(b));
		if (word_is_const(a))
			exclude(b, word_umin(a));
		break;
	case BELOW:
	case BELOW_OR_EQUAL:
		if (!refine_below(a, b, c.relation == BELOW, c.is_signed, n))
			return false;
		break;
	case SHARES_BITS:
		if (!refine_shared_bits(a, b))
			return false;
		break;
	case NO_SHARED_BITS:
		if (!refine_no_shared_bits(a, b))
			return false;
		break;
	}
	return word_reduce(a, n) && word_reduce(b, n);
}

/* Can no pair of numbers meet the condition? */
static bool impossible(struct condition c, const struct word *a, const struct word *b, u32 n)
{
	struct word both = *a;
	struct span x, y;

	switch (c.relation) {
	case EQUAL:
		return !word_meet(&both, b) || !word_reduce(&both, n);
	case DIFFERENT:
		return word_is_const(a) && word_is_const(b) && word_umin(a) == word_umin(b);
	case BELOW:
	case BELOW_OR_EQUAL:
		x = bounds(a, c.is_signed, n);
		y = bounds(b, c.is_signed, n);
		return c.relation == BELOW ? x.lo >= y.hi : x.lo > y.hi;
	case SHARES_BITS:
		return !may_share(a, b);
	default:
		return (a->bits.value & b->bits.value) != 0;
	}
}

static bool never(u32 op, bool taken, const struct word *a, const struct word *b, u32 n)
{
	struct condition c = condition_of(op, taken);

	return c.swapped ? impossible(c, b, a, n) : impossible(c, a, b, n);
}

enum branch scalar_branch(u32 op, bool is32, const struct scalar *a, const struct scalar *b)
{
	u32 n = is32 ? SCALAR_HALF : SCALAR_BITS;
	struct word x = is32 ? scalar_low(a) : scalar_high(a);
	struct word y = is32 ? scalar_low(b) : scalar_high(b);

	if (never(op, true, &x, &y, n))
		return BRANCH_NEVER;
	if (never(op, false, &x, &y, n))
		return BRANCH_ALWAYS;
	/* Numbers whose low halves differ are different. */
	if (!is32 && (op == BPF_JEQ || op == BPF_JNE) &&
	    scalar_branch(BPF_JEQ, true, a, b) == BRANCH_NEVER)
		return op == BPF_JEQ ? BRANCH_NEVER : BRANCH_ALWAYS;
	return BRANCH_UNKNOWN;
}

enum branch scalar_branch_self(u32 op, bool is32, const struct scalar *a)
{
	switch (op) {
	case BPF_JEQ:
	case BPF_JGE:
	case BPF_JLE:
	case BPF_JSGE:
	case BPF_JSLE:
		return BRANCH_ALWAYS;
	case BPF_JSET:
		/* x & x is x itself. */
		return scalar_branch(BPF_JNE, is32, a, &(struct scalar){ 0 });
	default:
		return BRANCH_NEVER;
	}
}

bool scalar_refine(u32 op, bool is32, bool taken, struct scalar *a, struct scalar *b)
{
	struct condition c = condition_of(op, taken);
	struct word high_a = scalar_high(a), low_a = scalar_low(a);
	struct word high_b = scalar_high(b), low_b = scalar_low(b);
	struct word *x = is32 ? &low_a : &high_a, *y = is32 ? &low_b : &high_b;
	u32 n = is32 ? SCALAR_HALF : SCALAR_BITS;
	bool alive = c.swapped ? refine_words(c, y, x, n) : refine_words(c, x, y, n);

	if (alive && !is32 && c.relation == EQUAL)
		alive = refine_words(c, &low_a, &low_b, SCALAR_HALF);
	/* A known low half shows in the bits of the whole. */
	return alive && scalar_store(a, high_a, low_a) && scalar_store(b, high_b, low_b);
}
