/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arithmetic on words: bits by the tnum operation, bounds by taking the intervals of both
 * operands pair by pair. The result of a pair is an arc (word.h) or, if it could be
 * longer than the circle, everything. What one description finds the other learns in
 * word_reduce.
 *
 * Multiplication and signed division work on magnitudes, because there the sign of the
 * result is that of a plain rule and the bounds are monotonic.
 */
#include <linux/bpf.h>

#include "verifier/scalar.h"
#include "verifier/word.h"

/* A half of a word as numbers without sign: |x| for x in it. */
struct magnitude {
	u64 lo, hi;
	bool negative;
};

static struct magnitude magnitude_of(const struct word *w, u32 half, u32 n)
{
	struct span s = w->half[half];

	if (!half)
		return (struct magnitude){ s.lo, s.hi, false };
	return (struct magnitude){ -s.hi & low_mask(n), -s.lo & low_mask(n), true };
}

static void add_magnitude(struct word *w, u64 lo, u64 hi, bool negative, u32 n)
{
	if (negative)
		word_add_arc(w, -hi, -lo, n);
	else
		word_add_arc(w, lo, hi, n);
}

/* Runs the body for each pair of halves that both hold numbers. */
#define FOR_EACH_PAIR(i, j, a, b)                                                                  \
	for (u32 i = 0; i < 2; i++)                                                                \
		if (!span_empty((a)->half[i]))                                                     \
			for (u32 j = 0; j < 2; j++)                                                \
				if (!span_empty((b)->half[j]))

static void add_everything(struct word *out, u32 n)
{
	out->half[0] = span_half(0, n);
	out->half[1] = span_half(1, n);
}

static void word_add(struct word *out, const struct word *a, const struct word *b, u32 n)
{
	out->bits = tnum_cast(tnum_add(a->bits, b->bits), n);
	FOR_EACH_PAIR(i, j, a, b)
	{
		struct span x = a->half[i], y = b->half[j];

		/* Each is shorter than half the circle: their sum is shorter than the circle. */
		word_add_arc(out, x.lo + y.lo, x.hi + y.hi, n);
	}
}

static void word_sub(struct word *out, const struct word *a, const struct word *b, u32 n)
{
	out->bits = tnum_cast(tnum_sub(a->bits, b->bits), n);
	FOR_EACH_PAIR(i, j, a, b)
	{
		struct span x = a->half[i], y = b->half[j];

		word_add_arc(out, x.lo - y.hi, x.hi - y.lo, n);
	}
}

static void word_mul(struct word *out, const struct word *a, const struct word *b, u32 n)
{
	out->bits = tnum_cast(tnum_mul(a->bits, b->bits), n);
	FOR_EACH_PAIR(i, j, a, b)
	{
		struct magnitude x = magnitude_of(a, i, n), y = magnitude_of(b, j, n);
		u64 hi;

		if (__builtin_mul_overflow(x.hi, y.hi, &hi))
			add_everything(out, n);
		else
			add_magnitude(out, x.lo * y.lo, hi, x.negative != y.negative, n);
	}
}

/* x / y for magnitudes; division by zero gives 0. */
static void add_quotient(struct word *out, struct magnitude x, struct magnitude y, u32 n)
{
	bool negative = x.negative != y.negative;

	if (y.lo == 0) {
		word_add_arc(out, 0, 0, n);
		y.lo = 1;
	}
	if (y.hi)
		add_magnitude(out, x.lo / y.hi, x.hi / y.lo, negative, n);
}

/*
 * x % y for magnitudes, with the sign of x; x when y is 0. The remainder is below y and at
 * most x, and it moves with x as long as the quotient by a constant stays the same.
 */
static void add_remainder(struct word *out, struct magnitude x, struct magnitude y, u32 n)
{
	if (y.lo == 0) {
		add_magnitude(out, x.lo, x.hi, x.negative, n);
		y.lo = 1;
	}
	if (!y.hi)
		return;
	if (x.hi < y.lo)
		add_magnitude(out, x.lo, x.hi, x.negative, n);
	else if (y.lo == y.hi && x.lo / y.lo == x.hi / y.lo)
		add_magnitude(out, x.lo % y.lo, x.hi % y.lo, x.negative, n);
	else
		add_magnitude(out, 0, MIN(x.hi, y.hi - 1), x.negative, n);
}

/* Unsigned: a negative half is just large numbers. */
static struct magnitude plain(const struct word *w, u32 half)
{
	return (struct magnitude){ w->half[half].lo, w->half[half].hi, false };
}

static bool is_power_of_two(const struct word *w)
{
	u64 x = w->bits.value;

	return !w->bits.mask && x && !(x & (x - 1));
}

static struct tnum shift_right(struct tnum t, u32 by)
{
	return (struct tnum){ t.value >> by, t.mask >> by };
}

static void word_div(struct word *out, const struct word *a, const struct word *b, bool is_signed,
		     u32 n)
{
	if (is_power_of_two(b) && (!is_signed || span_empty(a->half[1])))
		out->bits = shift_right(a->bits, (u32)__builtin_ctzll(b->bits.value));
	FOR_EACH_PAIR(i, j, a, b)
	{
		if (is_signed)
			add_quotient(out, magnitude_of(a, i, n), magnitude_of(b, j, n), n);
		else
			add_quotient(out, plain(a, i), plain(b, j), n);
	}
}

static void word_mod(struct word *out, const struct word *a, const struct word *b, bool is_signed,
		     u32 n)
{
	u64 maybe = b->bits.value | b->bits.mask;
	/* b is a multiple of its lowest possible bit, so a keeps the bits below that one; also
	 * when b is 0. */
	u64 kept = maybe ? (maybe & -maybe) - 1 : low_mask(n);

	out->bits = (struct tnum){ a->bits.value & kept,
				   ((a->bits.mask & kept) | ~kept) & low_mask(n) };
	FOR_EACH_PAIR(i, j, a, b)
	{
		if (is_signed)
			add_remainder(out, magnitude_of(a, i, n), magnitude_of(b, j, n), n);
		else
			add_remainder(out, plain(a, i), plain(b, j), n);
	}
}

/* The bits that all numbers of a span share. */
static struct tnum span_bits(struct span s)
{
	return tnum_range(s.lo, s.hi);
}

static u64 tnum_max(struct tnum t)
{
	return t.value | t.mask;
}

/*
 * Within a pair of halves the shared bits of both bound the result; beyond that a & b is at
 * most either, and a | b at least either.
 */
static void word_and(struct word *out, const struct word *a, const struct word *b, u32 n)
{
	out->bits = tnum_and(a->bits, b->bits);
	FOR_EACH_PAIR(i, j, a, b)
	{
		struct tnum t = tnum_and(span_bits(a->half[i]), span_bits(b->half[j]));

		word_add_arc(out, t.value, MIN(tnum_max(t), MIN(a->half[i].hi, b->half[j].hi)), n);
	}
}

static void word_or(struct word *out, const struct word *a, const struct word *b, u32 n)
{
	out->bits = tnum_or(a->bits, b->bits);
	FOR_EACH_PAIR(i, j, a, b)
	{
		struct tnum t = tnum_or(span_bits(a->half[i]), span_bits(b->half[j]));

		word_add_arc(out, MAX(t.value, MAX(a->half[i].lo, b->half[j].lo)), tnum_max(t), n);
	}
}

static void word_xor(struct word *out, const struct word *a, const struct word *b, u32 n)
{
	out->bits = tnum_xor(a->bits, b->bits);
	FOR_EACH_PAIR(i, j, a, b)
	{
		struct tnum t = tnum_xor(span_bits(a->half[i]), span_bits(b->half[j]));

		word_add_arc(out, t.value, tnum_max(t), n);
	}
}

/* How far a shift may go: shifts use the low bits of their operand. */
static struct span shift_amount(const struct word *b, u32 n)
{
	u64 wrap = n - 1;
	struct word low = { tnum_and(b->bits, tnum_const(wrap)), { { 0, wrap }, SPAN_EMPTY } };

	if (word_umax(b) <= wrap)
		return (struct span){ word_umin(b), word_umax(b) };
	word_reduce(&low, n);
	return low.half[0];
}

static void word_lsh(struct word *out, const struct word *a, struct span by, u32 n)
{
	u64 maybe = a->bits.value | a->bits.mask;

	if (by.lo == by.hi)
		out->bits = tnum_cast((struct tnum){ a->bits.value << by.lo, a->bits.mask << by.lo }, n);
	else
		out->bits = tnum_cast((struct tnum){ 0, -(maybe & -maybe) << by.lo }, n);
	for (u32 i = 0; i < 2; i++) {
		struct magnitude x = magnitude_of(a, i, n);

		if (span_empty(a->half[i]))
			continue;
		if (by.lo == by.hi && a->half[i].hi - a->half[i].lo <= low_mask(n) >> by.lo)
			word_add_arc(out, a->half[i].lo << by.lo, a->half[i].hi << by.lo, n);
		else if (x.hi <= ~0ull >> by.hi)
			add_magnitude(out, x.lo << by.lo, x.hi << by.hi, x.negative, n);
		else
			add_everything(out, n);
	}
}

static void word_rsh(struct word *out, const struct word *a, struct span by, u32 n)
{
	if (by.lo == by.hi)
		out->bits = shift_right(a->bits, (u32)by.lo);
	for (u32 i = 0; i < 2; i++)
		if (!span_empty(a->half[i]))
			word_add_arc(out, a->half[i].lo >> by.hi, a->half[i].hi >> by.lo, n);
}

static void word_arsh(struct word *out, const struct word *a, struct span by, u32 n)
{
	struct span pos = a->half[0], neg = a->half[1];

	if (by.lo == by.hi) {
		struct tnum t = tnum_sext(a->bits, n);

		out->bits = tnum_cast((struct tnum){ (u64)((s64)t.value >> by.lo),
						     (u64)((s64)t.mask >> by.lo) }, n);
	}
	if (!span_empty(pos))
		word_add_arc(out, pos.lo >> by.hi, pos.hi >> by.lo, n);
	if (!span_empty(neg))
		word_add_arc(out, (u64)(word_signed(neg.lo, n) >> by.lo),
			     (u64)(word_signed(neg.hi, n) >> by.hi), n);
}

struct word word_alu(u32 op, const struct word *a, const struct word *b, u32 n)
{
	const struct word zero = { { 0, 0 }, { { 0, 0 }, SPAN_EMPTY } };
	struct word out = word_none(n);

	switch (op) {
	case BPF_ADD:
		word_add(&out, a, b, n);
		break;
	case BPF_SUB:
		word_sub(&out, a, b, n);
		break;
	case BPF_NEG:
		word_sub(&out, &zero, a, n);
		break;
	case BPF_MUL:
		word_mul(&out, a, b, n);
		break;
	case BPF_DIV:
	case SCALAR_SDIV:
		word_div(&out, a, b, op == SCALAR_SDIV, n);
		break;
	case BPF_MOD:
	case SCALAR_SMOD:
		word_mod(&out, a, b, op == SCALAR_SMOD, n);
		break;
	case BPF_AND:
		word_and(&out, a, b, n);
		break;
	case BPF_OR:
		word_or(&out, a, b, n);
		break;
	case BPF_XOR:
		word_xor(&out, a, b, n);
		break;
	case BPF_LSH:
		word_lsh(&out, a, shift_amount(b, n), n);
		break;
	case BPF_RSH:
		word_rsh(&out, a, shift_amount(b, n), n);
		break;
	case BPF_ARSH:
		word_arsh(&out, a, shift_amount(b, n), n);
		break;
	case BPF_MOV:
		return *b;
	default:
		return word_full(n);
	}
	word_reduce(&out, n);
	return out;
}
